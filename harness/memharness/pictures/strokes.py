"""A line with thousands of points, reduced to what a picture of some width can show. Pure.

In: the points of a trend; out: strokes, one for each run of neighbouring values. A gap ends a stroke, however short.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import nan
from typing import NamedTuple

from memharness.model.findings import TrendPoint


class Stroke(NamedTuple):
    """Positions and values of a line without gaps, and the least and greatest repeats along it as (x, low, high)."""

    xs: list[int]
    ys: list[int]
    band: list[tuple[float, int, int]]


def strokes(points: Sequence[TrendPoint], columns: int) -> list[Stroke]:
    """Return the runs of known values, all their points where there are no more of them than columns.

    Of others only the first, the least, the greatest and the last value in each column remain, which make the same
    picture (U. Jugel et al., M4: A Visualization-Oriented Time Series Data Aggregation, VLDB 2014), and of those not
    the ones within a level stretch.
    """
    values = [point.value for point in points]
    lows = [point.value if point.low is None else point.low for point in points]
    highs = [point.value if point.high is None else point.high for point in points]
    edges = _edges(len(points), columns)
    found = []
    for start, stop in _runs(values):
        known, low, high = ([size for size in sizes[start:stop] if size is not None] for sizes in (values, lows, highs))
        parts = list(_parts(edges, start, stop))
        kept = list(range(stop - start))
        if columns < len(points):
            kept = _corners(known, [index for a, b in parts for index in _extremes(known, a, b)])
        band = []
        if low != high:  # each column's middle, and the least and the greatest repeat in it
            band = [(start + (a + b - 1) / 2, min(low[a:b]), max(high[a:b])) for a, b in parts]
        found.append(Stroke([start + index for index in kept], [known[index] for index in kept], band))
    return found if len(points) <= columns else _thinned(found, len(points), columns)


def joined(found: Sequence[Stroke]) -> tuple[list[float], list[float], list[int]]:
    """Return strokes as one line that breaks between them, and the position of each stroke's last point in it."""
    xs: list[float] = []
    ys: list[float] = []
    ends = []
    for stroke in found:
        if xs:
            xs.append(nan)
            ys.append(nan)
        xs += stroke.xs
        ys += stroke.ys
        ends.append(len(xs) - 1)
    return xs, ys, ends


def first_in_column(indexes: Sequence[int], number: int, columns: int) -> list[int]:
    """Return those of ascending positions among `number` points that are the first ones in their column."""
    if number <= columns:
        return list(indexes)
    return list({index * columns // number: index for index in reversed(indexes)}.values())[::-1]


def _thinned(found: Sequence[Stroke], number: int, columns: int) -> list[Stroke]:
    """Return strokes without the values that stand alone between others that do, in the same column."""
    lone: dict[int, list[Stroke]] = {}
    for stroke in found:
        if len(stroke.xs) == 1:
            lone.setdefault(stroke.xs[0] * columns // number, []).append(stroke)
    kept = {f(own, key=lambda s: s.ys[0]).xs[0] for own in lone.values() for f in (min, max)}
    return [stroke for stroke in found if len(stroke.xs) > 1 or stroke.xs[0] in kept]


def _edges(number: int, columns: int) -> list[int]:
    """Return where each column begins, and the end of the last."""
    columns = max(1, min(columns, number))
    return [-(-column * number // columns) for column in range(columns + 1)]


def _runs(values: Sequence[int | None]) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each run of values."""
    gaps = [-1, *(index for index, value in enumerate(values) if value is None), len(values)]
    for one, other in pairwise(gaps):
        if other - one > 1:
            yield one + 1, other


def _parts(edges: Sequence[int], start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each column's part of a run, counted from the beginning of the run."""
    inner = edges[bisect_right(edges, start) : bisect_left(edges, stop)]
    yield from pairwise([0, *(edge - start for edge in inner), stop - start])


def _extremes(values: Sequence[int], start: int, stop: int) -> list[int]:
    part = values[start:stop]
    least, greatest = min(part), max(part)
    if least == greatest:
        return [start] if stop - start == 1 else [start, stop - 1]
    return sorted({start, start + part.index(least), start + part.index(greatest), stop - 1})


def _corners(values: Sequence[int], indexes: list[int]) -> list[int]:
    """Return `indexes` without those of values that equal both neighbours."""
    inner = zip(indexes, indexes[1:], indexes[2:], strict=False)
    kept = [b for a, b, c in inner if not values[a] == values[b] == values[c]]
    return [*indexes[:1], *kept, *indexes[-1:]] if len(indexes) > 1 else indexes
