"""Work on several slots."""
