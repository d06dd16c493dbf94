"""What commands print without drawing it: JSON on stdout, remarks on stderr."""

from collections.abc import Iterable

import click
import msgspec

from memharness.wording.text import visible


def print_notices(notices: Iterable[str]) -> None:
    """Print remarks on stderr."""
    for notice in notices:
        click.echo(f"note: {visible(notice)}", err=True)


def print_json(value: object) -> None:
    """Print one JSON object, in UTF-8 whatever the encoding of stdout."""
    click.echo(msgspec.json.format(msgspec.json.encode(value)))
