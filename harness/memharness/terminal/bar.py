"""Progress as a live display: how much is done, the time left, and what each worker is doing."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from memharness.model.history import Commit
from memharness.model.measurements import Activity, Forecast, Outcome
from memharness.terminal.console import error_console
from memharness.terminal.pace import Pace, forecast_text, left_text
from memharness.terminal.progress import failures, result_text
from memharness.terminal.tables import draw_text, with_signs
from memharness.wording.text import visible

_MOST_WORKERS: Final = 4  # that have a line of their own
_BAR: Final = 40  # columns at most
_LEAST_BAR: Final = 8
_COUNTS: Final = len("/  about 90 min left")
_STEPS: Final = {
    "deep": "explaining lines",
    "peak": "explaining the peak",
    "discover": "listing",
    "setup_cache": "setup_cache",
}


@contextmanager
def live_bar() -> Iterator["Bar | None"]:
    """Show a bar on stderr until the block ends; None where the terminal cannot move its cursor."""
    console = error_console()
    if not console.is_interactive:
        yield None
        return
    bar = Bar(console)
    with Live(bar, console=console, refresh_per_second=4, transient=True, redirect_stdout=False):
        yield bar


class Bar:
    """A bar with how much is done and the time left, and below it what each worker is doing.

    One bar stands for all tasks that were planned last. A thread of its own draws it; those of the workers update it.
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

    def expected(self, forecast: Forecast) -> None:
        """Print what all this will cost above the bar."""
        draw_text(self._console, Text(forecast_text(forecast)))

    def working(self, worker: int, activity: Activity | None) -> None:
        """Show what a worker does, or advance the bar, which counts results that are not stored yet."""
        with self._lock:
            self._activities.pop(worker, None)
            if activity is not None:
                self._activities[worker] = activity
            else:
                self._pace.count(self._console.get_time())

    def finished(self, commit: Commit, family: str, outcomes: Mapping[str, Outcome], *, reused: int) -> None:
        """Advance the bar, unless a worker did; print a failure above it."""
        with self._lock:
            self._stored += 1
            self._reused += not outcomes
            if self._stored > self._pace.done:
                self._pace.count(self._console.get_time())
        if any(failures(outcome) for outcome in outcomes.values()):
            result = f"({visible(family)}): {result_text(outcomes, reused)}"
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
        """Return title, bar, counts and time left. The bar takes the rest of the width, unless that is little."""
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
    """Return commit, step and case in one line, without the parameters of a case that is too long."""
    if activity.stage == "environment":
        step, subject = "preparing", visible(activity.family)
    else:
        step, subject = _STEPS.get(activity.stage, f"{activity.stage} pass"), visible(activity.case)
    start = f"  {activity.commit.short}  {step}  "
    room = width - len(start)
    if cell_len(subject) > room and "[" in subject:
        subject = f"{subject[: subject.index('[')]}[…]"
    if cell_len(subject) > room:
        subject = f"{set_cell_size(subject, max(room - 1, 0)).rstrip()}…"
    return Text(start + subject, no_wrap=True, overflow="crop")
