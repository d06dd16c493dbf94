"""Measures what is missing, and again what the findings rest on."""
