"""Survivors to independent calculations."""
