"""One case at one commit, measured in child processes."""
