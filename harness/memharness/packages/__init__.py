"""Tells where a commit keeps its packages, from its paths and packaging files. Pure."""
