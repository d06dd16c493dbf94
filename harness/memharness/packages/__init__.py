"""Where a commit keeps its packages, as its paths and packaging files say. Pure."""
