"""Drawing what `analyse` found: the terminal and plots. Nothing is decided here."""
