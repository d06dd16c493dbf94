"""Adaptive search: which commits of a long line to measure next, so that few of them show the steps. Pure.

A line is the positions 0 .. n - 1, oldest first. The ends of every series come first. Then, best first, an interval
between measured neighbours is halved where its ends differ, the largest difference leading; where none does, the
longest gap is explored, until none is longer than `gap`. As long as an interval holds positions of one grid it is
split there, so that all series ask for the same commits, and exploring n commits takes one more than (n - 1) / gap
of them, rounded up.

In the end a level that lasts `gap` commits or more is known, and where two levels that are known meet, no commit that
can be measured lies between. Shorter levels are found where the search happens to meet them. In the place of a commit
that cannot be measured comes the nearest one that can; where several cannot, what lies beside them is halved, and
what lies between them is left as it is after `PATIENCE` tries in one interval: there the promise does not hold.

From nothing known, what is measured in the end depends neither on the order of the answers nor on how many positions
are asked for at once, as long as all series begin at one commit and every commit can be measured; otherwise some
positions may differ, and the promise is the same.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from itertools import islice, pairwise
from typing import Final, Generic, Literal, TypeVar

from memharness.model.values import Value

Found = Literal["measured", "skip"]
S = TypeVar("S", bound=Hashable)

GAP: Final = 32  # 1,000 commits are explored with 33; each of their steps takes 5 more
SPLIT: Final = 0.5  # report thresholds: part of a step may be hidden by a creep against it
STRETCH: Final = 3  # tries in vain in one interval after which the nearest commits will hardly be better
PATIENCE: Final = 16


class Request(Value, Generic[S]):
    """Measure these series at this position."""

    position: int
    series: tuple[S, ...]


class Interval(Value, Generic[S]):
    """Two measured positions of a series with none measured between; `untried` of those between were not tried."""

    series: S
    before: int
    after: int
    untried: int


class AdaptiveSearch(Generic[S]):
    """The search of several series in one line of `n` positions.

    `starts` holds each series with the first position that it applies to. `difference(series, before, after)` tells
    how many report thresholds lie between the values at two measured positions, noise allowed for.

    Every call gets what is known of each series. Begin with nothing and answer requests from stored results where
    there are some, so that a stopped search goes on where it was. Other positions may be added where they are
    "measured", but not where they are "skip": that would use up the patience on commits that were not chosen for it.
    """

    def __init__(
        self, n: int, starts: Mapping[S, int], difference: Callable[[S, int, int], float], *, gap: int = GAP
    ) -> None:
        cells = max(1, -(-(n - 1) // gap))
        self._n = n
        self._gap = gap
        self._grid = [(index * (n - 1) + cells // 2) // cells for index in range(cells + 1)]
        self._starts = starts
        self._difference = difference

    @property
    def grid(self) -> Sequence[int]:
        """The positions that are measured where nothing differs, in order."""
        return tuple(self._grid)

    def next_requests(self, known: Mapping[S, Mapping[int, Found]], count: int = 1) -> tuple[Request[S], ...]:
        """Return at most `count` requests, the most urgent first. The search is over when none is left.

        Beside the first one are asked for only other intervals that differ, and what would have to be explored
        whatever the answers.
        """
        tracks = self._tracks(known)
        requests: list[Request[S]] = []
        while len(requests) < count and (position := self._most_urgent(tracks)) is not None:
            wanted = tuple(series for series, track in tracks.items() if self._is_wanted(series, track, position))
            for series in wanted:
                tracks[series].expect(position)
            requests.append(Request(position=position, series=wanted))
        return tuple(requests)

    def differing(self, known: Mapping[S, Mapping[int, Found]]) -> tuple[Interval[S], ...]:
        """Return the intervals whose ends differ, the largest difference first; with none untried they are settled."""
        found = [
            (weight, Interval(series=series, before=before, after=after, untried=track.untried(before, after)))
            for series, track in self._tracks(known).items()
            for before, after in pairwise(track.bounds)
            if (weight := self._weight(series, track, before, after)) >= SPLIT
        ]
        return tuple(interval for _, interval in sorted(found, key=lambda one: (-one[0], one[1].before)))

    def _tracks(self, known: Mapping[S, Mapping[int, Found]]) -> dict[S, "_Track"]:
        return {series: _Track(range(start, self._n), known.get(series, {})) for series, start in self._starts.items()}

    def _most_urgent(self, tracks: Mapping[S, "_Track"]) -> int | None:
        """Return the position to try next: an end, else within what differs most, else within the longest gap."""
        ends = [end for track in tracks.values() for end in track.missing_ends()]
        if ends:
            return min(ends)
        urgent = [
            (urgency, -before, track, after)
            for series, track in tracks.items()
            for before, after in pairwise(track.bounds)
            if (urgency := self._urgency(series, track, before, after)) is not None
        ]
        if not urgent:
            return None
        _, before, track, after = max(urgent, key=lambda one: one[:2])
        return self._split(track, -before, after)

    def _is_wanted(self, series: S, track: "_Track", position: int) -> bool:
        """Tell whether to measure a series at a position chosen for any: to explore it, or as its own next one."""
        if position in track.missing_ends():
            return True
        if (around := track.around(position)) is None or self._urgency(series, track, *around) is None:
            return False
        before, after = around
        explored = after - before > self._gap and self._grid[bisect_left(self._grid, position)] == position
        return explored or self._split(track, before, after) == position

    def _urgency(self, series: S, track: "_Track", before: int, after: int) -> tuple[bool, float] | None:
        """Return how urgent it is to split an interval, if it is: whether its ends differ, then how much or how long.

        What was tried in vain to the end counts as done.
        """
        if len(track.in_vain(before, after)) < min(PATIENCE, after - before - 1):
            weight = self._weight(series, track, before, after)
            if weight >= SPLIT:
                return True, weight
            if after - before > self._gap:
                return False, after - before
        return None

    def _weight(self, series: S, track: "_Track", before: int, after: int) -> float:
        measured = track.is_measured(before) and track.is_measured(after)
        return self._difference(series, before, after) if measured else 0.0

    def _split(self, track: "_Track", before: int, after: int) -> int:
        """Return the untried position nearest to the middle of an interval, on the grid if any of those is.

        After `STRETCH` tries in vain it is that of the longest part without a try, in case those were unlucky. After
        half of the patience the parts beside the broken commits come first: what is measured there narrows the range.
        """
        in_vain = track.in_vain(before, after)
        if len(in_vain) >= STRETCH:
            parts = list(pairwise((before, *in_vain, after)))
            beside = [(first, last) for first, last in (parts[0], parts[-1]) if last - first > 1]
            chosen = beside if beside and len(in_vain) >= PATIENCE // 2 else parts
            before, after = max(chosen, key=lambda part: part[1] - part[0])
        inner = self._grid[bisect_right(self._grid, before) : bisect_left(self._grid, after)]
        untried = set(inner).difference(in_vain) or set(range(before + 1, after)).difference(in_vain)
        return min(untried, key=lambda position: (abs(2 * position - before - after), position))


class _Track:
    """What is known of one series at `positions`, and what is about to be.

    `bounds` are the positions where it was or will be measured, in order, between the two just outside.
    """

    def __init__(self, positions: range, known: Mapping[int, Found]) -> None:
        self._positions = positions
        self._known = {position: found for position, found in known.items() if position in positions}
        self._in_vain = sorted(position for position, found in self._known.items() if found == "skip")
        bounds = {positions.start - 1, *self._known, positions.stop}
        self.bounds = sorted(bounds.difference(self._in_vain))

    def expect(self, position: int) -> None:
        """Take a position for one that will be measured."""
        insort(self.bounds, position)

    def is_measured(self, position: int) -> bool:
        return self._known.get(position) == "measured"

    def in_vain(self, before: int, after: int) -> Sequence[int]:
        """Return what was tried in vain between two positions."""
        return self._in_vain[bisect_right(self._in_vain, before) : bisect_left(self._in_vain, after)]

    def untried(self, before: int, after: int) -> int:
        """Return how many positions between two bounds were not even tried."""
        return after - before - 1 - len(self.in_vain(before, after))

    def around(self, position: int) -> tuple[int, int] | None:
        """Return the bounds next to an untried position; None for all others."""
        index = bisect_left(self.bounds, position)
        if position in self._known or not 0 < index < len(self.bounds) or self.bounds[index] == position:
            return None
        return self.bounds[index - 1], self.bounds[index]

    def missing_ends(self) -> Iterator[int]:
        """Yield what to try next of the first and last few positions, as long as nothing is measured there."""
        for order in (self._positions, reversed(self._positions)):
            for position in islice(order, STRETCH):
                if self.around(position) is not None:
                    yield position
                if self._known.get(position) != "skip":
                    break
