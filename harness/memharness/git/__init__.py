"""The only place that runs git: the repository, its history, the files of commits, and links to where it is browsed."""
