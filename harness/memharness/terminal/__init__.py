"""Reports as text, drawn with rich; nothing is decided here."""
