"""Judges stored results: series, changes, and what explains each change."""
