"""Progress of a run on stderr: a live bar on a terminal, one line for each commit otherwise.

In: what workers begin and finish. rich is imported for the bar alone.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from memharness.model.history import Commit
from memharness.model.measurements import (
    Activity,
    Failed,
    Forecast,
    Measured,
    Outcome,
    OutOfMemory,
    Skipped,
    TimedOut,
    outcome_reason,
)
from memharness.terminal.pace import forecast_text
from memharness.wording.text import names_text, number_text, visible

if TYPE_CHECKING:
    from memharness.terminal.bar import Bar


@contextmanager
def show_progress() -> Iterator["Lines | Bar"]:
    """Show progress until the block ends: live only where stderr is a terminal, not just coloured like one."""
    if sys.stderr.isatty():
        from memharness.terminal.bar import live_bar

        with live_bar() as bar:
            yield bar or Lines()
    else:
        yield Lines()


class Lines:
    """One line for each commit, for logs."""

    def __init__(self) -> None:
        self._total = self._count = 0

    def planned(self, tasks: int, *, purpose: str) -> None:
        """Count to `tasks` from here."""
        self._total, self._count = tasks, 0
        if tasks:
            click.echo(f"{purpose}: {tasks} to do", err=True)

    def expected(self, forecast: Forecast) -> None:
        """Print what all this will cost."""
        click.echo(forecast_text(forecast), err=True)

    def working(self, worker: int, activity: Activity | None) -> None:
        """Print nothing: a log lists what is done."""

    def finished(self, commit: Commit, family: str, outcomes: Mapping[str, Outcome], *, reused: int) -> None:
        """Print what became of a commit in an environment."""
        self._count += 1
        subject = visible(commit.subject)
        result = f"({visible(family)}): {result_text(outcomes, reused)}"
        click.echo(f"[{self._count}/{self._total}] {commit.short} {subject} {result}", err=True)


def failures(outcome: Outcome) -> Sequence[Failed | TimedOut | OutOfMemory]:
    """Return what failed: a whole measurement, or the first pass that did."""
    if isinstance(outcome, Measured):
        return [*outcome.failed_passes.values()][:1]
    return [] if isinstance(outcome, Skipped) else [outcome]


def result_text(outcomes: Mapping[str, Outcome], reused: int) -> str:
    """Return what became of the cases of a commit, the first failure with its reason."""
    failed = {case: failure for case, outcome in outcomes.items() for failure in failures(outcome)}
    if not failed:
        return _done_text(outcomes, reused)
    phase, reason = outcome_reason(next(iter(failed.values())))
    if len(outcomes) + reused == 1:
        return f"failed in {phase}: {visible(reason)}"
    names = names_text([*failed])
    of_all = f"{len(failed)} of {len(outcomes) + reused} cases failed"
    return f"{of_all} ({names}), the first in {phase}: {visible(reason)}"


def _done_text(outcomes: Mapping[str, Outcome], reused: int) -> str:
    """Return how many cases were measured, reused and skipped; of a single case only which of these."""
    skipped = sum(isinstance(outcome, Skipped) for outcome in outcomes.values())
    done = [(len(outcomes) - skipped, "measured"), (reused, "reused"), (skipped, "skipped")]
    if len(outcomes) + reused == 1:
        return next(word for number, word in done if number)
    return ", ".join(f"{number_text(number, 'case')} {word}" for number, word in done if number)
