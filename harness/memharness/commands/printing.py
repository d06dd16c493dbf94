"""The two streams: results on stdout, progress and remarks on stderr."""

import sys
from collections.abc import Iterable

import click
import msgspec
from rich.console import Console

from memharness.wording.text import visible


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


def print_notices(notices: Iterable[str]) -> None:
    """Print remarks about stored files on stderr."""
    for notice in notices:
        click.echo(f"note: {visible(notice)}", err=True)


def print_json(value: object) -> None:
    """Print one JSON object, in UTF-8 whatever the encoding of stdout."""
    click.echo(msgspec.json.format(msgspec.json.encode(value)))
