"""Which lines hold the difference between two profiles. Pure."""
