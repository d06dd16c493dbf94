"""The two streams: results on stdout, progress and remarks on stderr."""

import sys

import click
import msgspec
from rich.console import Console


def output_console() -> Console:
    """Return a console on stdout, as wide as the terminal; wide enough for any line where it is no terminal."""
    return Console(highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else 160)


def error_console() -> Console:
    """Return a console on stderr."""
    return Console(stderr=True, highlight=False)


def print_json(value: object) -> None:
    """Print one JSON object."""
    click.echo(msgspec.json.format(msgspec.json.encode(value)).decode())
