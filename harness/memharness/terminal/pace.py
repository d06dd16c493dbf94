"""The time left for work that has many parts, as a figure that does not jump about. Pure."""

from math import ceil


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
