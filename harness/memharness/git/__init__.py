"""Runs git, which nothing else does: the repository, its history, the files of commits, links to the web."""
