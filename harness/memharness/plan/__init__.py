"""Decides what to measure, in which order, and which results hold for other commits. Pure."""
