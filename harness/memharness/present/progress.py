"""Progress of a run on stderr: a bar on a terminal, one line for each commit otherwise."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from memharness.model import Commit, Failed, Measured, Outcome, OutOfMemory, TimedOut, outcome_reason
from memharness.present.text import number_text, visible


class Lines:
    """One line for each commit, for logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._total = 0
        self._count = 0

    def planned(self, tasks: int, *, purpose: str) -> None:
        """Count to `tasks` from here."""
        self._total, self._count = tasks, 0
        if tasks:
            self._console.print(f"{purpose}: {tasks} to do")

    def finished(self, commit: Commit, family: str, outcomes: Sequence[Outcome], *, reused: int) -> None:
        """Print what became of a commit in an environment."""
        self._count += 1
        subject = visible(commit.subject)
        line = f"[{self._count}/{self._total}] {commit.short} {subject} ({family}): {_result(outcomes, reused)}"
        self._console.print(Text(line), soft_wrap=True)


class Bar:
    """A bar with the time left and the commit just measured."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None

    def planned(self, tasks: int, *, purpose: str) -> None:
        """Start a bar of `tasks`."""
        if tasks:
            self._task = self._progress.add_task(purpose, total=tasks, now="")

    def finished(self, commit: Commit, family: str, outcomes: Sequence[Outcome], *, reused: int) -> None:
        """Advance the bar; a failure stays above it."""
        assert self._task is not None
        if any(_failures(outcome) for outcome in outcomes):
            self._progress.print(Text(f"{commit.short} {visible(commit.subject)}: {_result(outcomes, reused)}"))
        self._progress.update(self._task, advance=1, now=f"{commit.short} {family}")


def _failures(outcome: Outcome) -> Sequence[Failed | TimedOut | OutOfMemory]:
    return [*outcome.failed_passes.values()][:1] if isinstance(outcome, Measured) else [outcome]


def _result(outcomes: Sequence[Outcome], reused: int) -> str:
    failed = [failure for outcome in outcomes for failure in _failures(outcome)]
    if not failed:
        done = [(len(outcomes), "measured"), (reused, "reused")]
        parts = [(number, word) for number, word in done if number]
        if len(parts) == 1 and parts[0][0] == 1:
            return parts[0][1]
        return ", ".join(f"{number_text(number, 'case')} {word}" for number, word in parts)
    phase, reason = outcome_reason(failed[0])
    if len(outcomes) == 1:
        return f"failed in {phase}: {visible(reason)}"
    return f"{len(failed)} of {len(outcomes)} cases failed, the first in {phase}: {visible(reason)}"


@contextmanager
def progress_on(console: Console) -> Iterator[Lines | Bar]:
    """Show progress on `console` until the block ends."""
    if not console.is_terminal:
        yield Lines(console)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[now]}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield Bar(progress)
