"""Lays out a commit's files, ready to import."""
