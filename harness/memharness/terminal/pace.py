"""The time left for work that has many parts, as a figure that does not jump about. Pure."""

from math import ceil

from memharness.model.measurements import Forecast
from memharness.wording.text import number_text


class Pace:
    """Estimates the seconds left for `total` parts from those that are done.

    The first part builds what the others use, an environment above all. So time counts from its end, and there is no
    estimate before two more are done. It is their mean, with the parts that cost nothing because results were reused.
    Between parts the estimate runs down with the clock. Once it is used up there is none until the next part
    is done.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._first: float | None = None
        self._last = 0.0
        self.done = 0

    def count(self, now: float) -> None:
        """Count another part that is done."""
        self.done += 1
        self._first = now if self._first is None else self._first
        self._last = now

    def left(self, now: float) -> float | None:
        """Return the estimate, or None."""
        if self._first is None or self.done < 3:
            return None
        each = (self._last - self._first) / (self.done - 1)
        left = each * (self._total - self.done) - (now - self._last)
        return left if left >= 0 else None


def left_text(seconds: float | None) -> str:
    """Return "about 40 s left", or nothing for None."""
    return "" if seconds is None else f"{duration_text(seconds)} left"


def duration_text(seconds: float) -> str:
    """Return "a few s", "about 40 s", "about 12 min", "about 1.5 h", rounded up."""
    if seconds <= 10:
        return "a few s"
    if seconds <= 90:
        return f"about {ceil(seconds / 10) * 10} s"
    if seconds <= 90 * 60:
        return f"about {ceil(seconds / 60)} min"
    halves = ceil(seconds / 1800)
    return f"about {halves // 2:,}{'.5' if halves % 2 else ''} h"


def forecast_text(forecast: Forecast) -> str:
    """Return "6 cases x 40 commits: about 9 min on 2 cores", and what may make it less or more."""
    least = "at least " if forecast.at_least else ""
    what = f"{number_text(forecast.cases, 'case')} x {least}{number_text(forecast.commits, 'commit')}"
    cores = number_text(forecast.cores, "core")
    less = "less where results are reused, " if forecast.reuse else ""
    more = "environments and what is found" if forecast.builds else "what is found"
    return f"{what}: {duration_text(forecast.seconds)} on {cores}; {less}more for {more}"
