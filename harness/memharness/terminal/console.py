"""Consoles on the two streams: results on stdout, progress on stderr."""

import sys

from rich.console import Console


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Let the caller know, where rich would exit with the code of a regression."""
        raise BrokenPipeError


def output_console() -> Console:
    """Return a console on stdout, as wide as the terminal; wide enough for any line where it is no terminal."""
    width, height = (None, None) if sys.stdout.isatty() else (160, 25)  # without a height rich asks for it at each line
    return _Console(highlight=False, width=width, height=height)


def error_console() -> Console:
    """Return a console on stderr."""
    return _Console(stderr=True, highlight=False)
