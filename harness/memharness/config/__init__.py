"""Files, variables and flags -> one frozen configuration."""
