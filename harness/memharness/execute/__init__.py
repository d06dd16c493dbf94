"""Running work on several slots at once."""
