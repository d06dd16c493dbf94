"""Words figures, verdicts and foreign text, the same wherever they are shown. Pure."""
