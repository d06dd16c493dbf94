"""What commands print: reports, JSON on stdout, remarks on stderr. rich is imported for text alone."""

from collections.abc import Iterable, Mapping

import click
import msgspec

from memharness.model.findings import Report
from memharness.model.history import Commit
from memharness.wording.text import visible


def print_report(report: Report, commits: Mapping[str, Commit], *, as_json: bool, verbose: bool = False) -> None:
    """Print a report as JSON or as text; `commits` are those that it names."""
    if as_json:
        print_json(report)
        return
    from memharness.terminal.console import output_console
    from memharness.terminal.report import draw_report

    draw_report(output_console(), report, commits, verbose=verbose)


def print_advice(report: Report) -> None:
    """Print on stderr where the manual says what to do about failures, if the report has any."""
    if report.failures:
        print_notices(["`memharness help troubleshooting` says what to do about failures"])


def print_notices(notices: Iterable[str]) -> None:
    """Print remarks on stderr."""
    for notice in notices:
        click.echo(f"note: {visible(notice)}", err=True)


def print_json(value: object) -> None:
    """Print one JSON object, in UTF-8 whatever the encoding of stdout."""
    click.echo(msgspec.json.format(msgspec.json.encode(value)))
