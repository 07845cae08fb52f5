"""Scored candidates to survivors."""
