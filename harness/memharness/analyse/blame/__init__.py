"""Finds the lines that hold the difference between two profiles. Pure."""
