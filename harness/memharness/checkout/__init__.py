"""A commit's files, ready to import."""
