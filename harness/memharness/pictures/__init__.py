"""Reports as files for print, drawn with matplotlib; nothing is decided here."""
