"""How long work will take that is done in many parts, told so that the figure does not jump about."""

from math import ceil


class Pace:
    """Estimates the seconds left for `total` parts from those that are done.

    The first part prepares what the others find ready, an environment above all, so time counts from its end, and
    nothing is said before two more are done. The mean over all of these is steady; parts that cost nothing, as their
    results could be reused, are expected as often later on. Between parts the estimate runs down with the clock, and
    once it is used up none is given, as what is under way takes longer than what went before.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._first: float | None = None
        self._last = 0.0
        self.done = 0

    def count(self, now: float) -> None:
        """Take note that another part is done."""
        self.done += 1
        self._first = now if self._first is None else self._first
        self._last = now

    def left(self, now: float) -> float | None:
        """Return the estimate, None where there is no ground for one yet."""
        if self._first is None or self.done < 3:
            return None
        each = (self._last - self._first) / (self.done - 1)
        left = each * (self._total - self.done) - (now - self._last)
        return left if left >= 0 else None


def left_text(seconds: float | None) -> str:
    """Return "about 40 s left", "about 12 min left", "about 1.5 h left", rounded up, or nothing for None."""
    if seconds is None:
        return ""
    if seconds <= 10:
        return "a few s left"
    if seconds <= 90:
        return f"about {ceil(seconds / 10) * 10} s left"
    if seconds <= 90 * 60:
        return f"about {ceil(seconds / 60)} min left"
    halves = ceil(seconds / 1800)
    return f"about {halves // 2:,}{'.5' if halves % 2 else ''} h left"
