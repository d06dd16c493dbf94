"""Commands run under supervision and ended with all that they started."""
