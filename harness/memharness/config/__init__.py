"""Makes one frozen configuration of files, variables and options."""
