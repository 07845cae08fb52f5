"""Crystals and records as files that other programs read."""
