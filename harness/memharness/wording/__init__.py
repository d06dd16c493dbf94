"""How figures, verdicts and foreign text read, wherever they are shown. Pure."""
