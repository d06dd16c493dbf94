"""Bisection without the measuring: which commit of a line to try next, and what is known so far.

A line is `n` commits, oldest first, of which number 0 is good and number n - 1 is bad. `known` holds what is known of
the others: "skip" is a commit that cannot be built or measured.
"""

from collections.abc import Mapping
from typing import Literal

Found = Literal["good", "bad", "skip"]

STRETCH = 3  # neighbours that cannot be built: the next ones will hardly be better


def bounds(n: int, known: Mapping[int, Found]) -> tuple[int, int]:
    """Return the last good commit before the first bad one, and that, as far as known: (good, bad)."""
    bad = min((index for index, found in known.items() if found == "bad"), default=n - 1)
    good = max((index for index, found in known.items() if found == "good" and index < bad), default=0)
    return good, bad


def next_index(n: int, known: Mapping[int, Found]) -> int | None:
    """Return the commit to try next; None when all between the bounds are known, so that they are the answer.

    It is the middle one of those that are open. Where that lies in a stretch of broken commits, trying one after the
    other would be linear, so the search goes away as `git bisect skip` does, to the middle of the longer of the parts
    before and after all that is broken, as long as that is longer than the stretch: one good or bad commit there may
    rule out all of it. In all, hardly ever more than log2(n) commits are tried beside the broken ones.
    """
    good, bad = bounds(n, known)
    untried = [index for index in range(good + 1, bad) if index not in known]
    if not untried:
        return None
    middle = untried[len(untried) // 2]
    if _broken_around(middle, known) < STRETCH:
        return middle
    broken = [index for index in known if good < index < bad]
    first, last = max((good, min(broken)), (max(broken), bad), key=lambda part: part[1] - part[0])
    return (first + last) // 2 if last - first > max(broken) - min(broken) + 1 else middle


def _broken_around(middle: int, known: Mapping[int, Found]) -> int:
    """Return how many commits next to `middle` are known to be broken, on both sides together."""
    first = last = middle
    while known.get(first - 1) == "skip":
        first -= 1
    while known.get(last + 1) == "skip":
        last += 1
    return last - first


def is_bad(value: int, good_value: int, bad_value: int) -> bool:
    """Tell whether `value` is on the bad one's side of the middle between the two."""
    return abs(value - bad_value) < abs(value - good_value)
