"""One module for each subcommand, with the click command as `command`."""
