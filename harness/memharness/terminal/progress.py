"""Progress of a run on stderr: live on a terminal, one line for each commit otherwise."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from memharness.model.history import Commit
from memharness.model.measurements import Activity, Failed, Measured, Outcome, OutOfMemory, TimedOut, outcome_reason
from memharness.terminal.pace import Pace, left_text
from memharness.terminal.tables import draw_text, with_signs
from memharness.wording.text import names_text, number_text, visible

_MOST_WORKERS: Final = 4  # that have a line of their own
_BAR: Final = 40  # columns at most
_LEAST_BAR: Final = 8
_COUNTS: Final = len("/  about 90 min left")
_EXPLAINING: Final = {"deep": "explaining lines", "peak": "explaining the peak"}


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

    def working(self, worker: int, activity: Activity | None) -> None:
        """Say nothing: a log tells what is done."""

    def finished(self, commit: Commit, family: str, outcomes: Mapping[str, Outcome], *, reused: int) -> None:
        """Print what became of a commit in an environment."""
        self._count += 1
        subject = visible(commit.subject)
        result = f"({visible(family)}): {_result(outcomes, reused)}"
        line = f"[{self._count}/{self._total}] {commit.short} {subject} {result}"
        self._console.print(Text(line), soft_wrap=True)


class Bar:
    """A bar with how much is done and the time left, and below it what each worker is doing.

    One bar stands for all tasks that were planned last. Rendered by a thread of its own, told by those of the workers.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = Lock()
        self._rounds: Counter[str] = Counter()
        self._title = ""
        self._total = self._stored = self._reused = 0
        self._pace = Pace(0)
        self._activities: dict[int, Activity] = {}

    def planned(self, tasks: int, *, purpose: str) -> None:
        """Begin anew, with `tasks` to do."""
        if not tasks:
            return
        with self._lock:
            self._rounds[purpose] += 1
            number = self._rounds[purpose]
            self._title = purpose if number == 1 else f"{purpose}, round {number}"
            self._total, self._stored, self._reused, self._pace = tasks, 0, 0, Pace(tasks)

    def working(self, worker: int, activity: Activity | None) -> None:
        """Show what a worker does, or advance the bar: done is what was measured, even if commits before it are not."""
        with self._lock:
            self._activities.pop(worker, None)
            if activity is not None:
                self._activities[worker] = activity
            else:
                self._pace.count(self._console.get_time())

    def finished(self, commit: Commit, family: str, outcomes: Mapping[str, Outcome], *, reused: int) -> None:
        """Advance the bar, where no worker did; a failure stays above it."""
        with self._lock:
            self._stored += 1
            self._reused += not outcomes
            if self._stored > self._pace.done:
                self._pace.count(self._console.get_time())
        if any(_failures(outcome) for outcome in outcomes.values()):
            result = f"({visible(family)}): {_result(outcomes, reused)}"
            draw_text(self._console, Text(f"✗ {commit.short} {visible(commit.subject)} {result}"))

    def __rich__(self) -> Group:
        """Return the bar and the lines below it as they are now."""
        with self._lock:
            if not self._total:
                return Group()
            activities = [self._activities[worker] for worker in sorted(self._activities)]
            lines = [self._head_text()]
        width = self._console.width
        lines += [_activity_text(one, width) for one in activities[:_MOST_WORKERS]]
        if len(activities) > _MOST_WORKERS:
            lines.append(Text(f"  and {len(activities) - _MOST_WORKERS} more", style="dim"))
        return Group(*(with_signs(self._console, line) for line in lines))

    def _head_text(self) -> Text:
        """Return title, bar, counts and time left; the bar has the rest of the width, and goes where that is little."""
        done, left = self._pace.done, self._pace.left(self._console.get_time())
        reused = f"{self._reused:,} reused" if self._reused else ""
        counts = "  ".join(filter(None, (f"{done:,}/{self._total:,}", reused, left_text(left))))
        expected = 2 * len(f"{self._total:,}") + _COUNTS  # of columns, so that the bar keeps its length
        columns = min(_BAR, self._console.width - cell_len(self._title) - max(len(counts), expected) - 4)
        text = Text(f"{self._title}  ")
        if columns >= _LEAST_BAR:
            full = columns * done // self._total
            text.append("━" * full, style="green").append("─" * (columns - full), style="dim").append("  ")
        return text.append(counts)


def _activity_text(activity: Activity, width: int) -> Text:
    """Return commit, step and case in one line; where the case is too long it goes without its parameters."""
    if activity.stage == "environment":
        step, subject = "preparing", visible(activity.family)
    else:
        step, subject = _EXPLAINING.get(activity.stage, f"{activity.stage} pass"), visible(activity.case)
    start = f"  {activity.commit.short}  {step}  "
    room = width - len(start)
    if cell_len(subject) > room and "[" in subject:
        subject = f"{subject[: subject.index('[')]}[…]"
    if cell_len(subject) > room:
        subject = f"{set_cell_size(subject, max(room - 1, 0)).rstrip()}…"
    return Text(start + subject, no_wrap=True, overflow="crop")


def _failures(outcome: Outcome) -> Sequence[Failed | TimedOut | OutOfMemory]:
    return [*outcome.failed_passes.values()][:1] if isinstance(outcome, Measured) else [outcome]


def _result(outcomes: Mapping[str, Outcome], reused: int) -> str:
    failed = {case: failure for case, outcome in outcomes.items() for failure in _failures(outcome)}
    if not failed:
        done = [(len(outcomes), "measured"), (reused, "reused")]
        parts = [(number, word) for number, word in done if number]
        if len(parts) == 1 and parts[0][0] == 1:
            return parts[0][1]
        return ", ".join(f"{number_text(number, 'case')} {word}" for number, word in parts)
    phase, reason = outcome_reason(next(iter(failed.values())))
    if len(outcomes) + reused == 1:
        return f"failed in {phase}: {visible(reason)}"
    names = names_text([*failed])
    of_all = f"{len(failed)} of {len(outcomes) + reused} cases failed"
    return f"{of_all} ({names}), the first in {phase}: {visible(reason)}"


@contextmanager
def progress_on(console: Console) -> Iterator[Lines | Bar]:
    """Show progress on `console` until the block ends: live only where it is a terminal, not just coloured like one."""
    if not console.is_interactive or not console.file.isatty():
        yield Lines(console)
        return
    bar = Bar(console)
    with Live(bar, console=console, refresh_per_second=4, transient=True, redirect_stdout=False):
        yield bar
