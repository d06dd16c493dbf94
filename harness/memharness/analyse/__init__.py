"""Finds steps, drifts and changes in measurements. Pure: no clock, file, process or print."""
