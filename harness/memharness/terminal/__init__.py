"""Prints reports as text, drawn with rich; decides nothing."""
