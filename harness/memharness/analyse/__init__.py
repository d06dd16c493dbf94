"""Measurements -> series, steps, drifts and changes. Pure: no clock, file, process or print."""
