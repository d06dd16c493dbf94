"""Measures what is missing."""
