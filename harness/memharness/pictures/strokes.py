"""A line with thousands of points, reduced to what a picture of some width can show. Pure.

In: the points of a trend; out: strokes, one for each run of neighbouring values. A gap ends a stroke, however short.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from math import nan
from typing import Final, NamedTuple

from memharness.model.findings import TrendPoint

MARKED_POINTS: Final = 120  # with more, a line is clearer without a mark on every point


class Stroke(NamedTuple):
    """Positions and values of a line without gaps, and the least and greatest repeats along it as (x, low, high)."""

    xs: list[int]
    ys: list[int]
    band: list[tuple[float, int, int]]


def strokes(points: Sequence[TrendPoint], columns: int) -> list[Stroke]:
    """Return the runs of known values, with all their points where there are no more points than columns.

    Of more points only the first, the least, the greatest and the last value in each column remain, which make the
    same picture (U. Jugel et al., M4: A Visualization-Oriented Time Series Data Aggregation, VLDB 2014), and of those
    not the ones within a level stretch.
    """
    number, whole = len(points), len(points) <= columns
    edges = range(number + 1) if whole else [-(-column * number // columns) for column in range(columns + 1)]
    found = []
    for start, stop in _runs(points):
        inner = edges[bisect_right(edges, start) : bisect_left(edges, stop)]  # where a column begins
        parts = list(pairwise([0, *(edge - start for edge in inner), stop - start]))
        found.append(_stroke(points[start:stop], start, parts, whole=whole))
    return found if whole else _thinned(found, number, columns)


def _runs(points: Sequence[TrendPoint]) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each run of values."""
    for known, indexes in groupby(range(len(points)), lambda index: points[index].value is not None):
        first, *others = indexes
        if known:
            yield first, first + len(others) + 1


def _stroke(run: Sequence[TrendPoint], first: int, parts: Sequence[tuple[int, int]], *, whole: bool) -> Stroke:
    """Return the line through a run that begins at position `first`; `parts` are begin and end of it in each column."""
    values = [point.value for point in run if point.value is not None]
    kept = [index for part in parts for index in _extremes(values, *part)]
    if not whole:
        kept = _corners(values, kept)
    band = _band(run, values, parts)
    return Stroke(
        [first + index for index in kept],
        [values[index] for index in kept],
        [(first + middle, low, high) for middle, low, high in band],
    )


def _band(
    run: Sequence[TrendPoint], values: Sequence[int], parts: Sequence[tuple[int, int]]
) -> list[tuple[float, int, int]]:
    """Return the middle of each part with the least and the greatest repeat in it; nothing where none differ."""
    lows = [value if point.low is None else point.low for point, value in zip(run, values, strict=True)]
    highs = [value if point.high is None else point.high for point, value in zip(run, values, strict=True)]
    return [] if lows == highs else [((a + b - 1) / 2, min(lows[a:b]), max(highs[a:b])) for a, b in parts]


def _extremes(values: Sequence[int], start: int, stop: int) -> list[int]:
    part = values[start:stop]
    return sorted({start, start + part.index(min(part)), start + part.index(max(part)), stop - 1})


def _corners(values: Sequence[int], indexes: list[int]) -> list[int]:
    """Return `indexes` without those of values that equal both neighbours."""
    inner = zip(indexes, indexes[1:], indexes[2:], strict=False)
    kept = [b for a, b, c in inner if not values[a] == values[b] == values[c]]
    return [*indexes[:1], *kept, *indexes[-1:]] if len(indexes) > 1 else indexes


def _thinned(found: Sequence[Stroke], number: int, columns: int) -> list[Stroke]:
    """Return strokes without the lone values that lie between other lone values of their column."""
    lone: dict[int, list[Stroke]] = {}
    for stroke in found:
        if len(stroke.xs) == 1:
            lone.setdefault(stroke.xs[0] * columns // number, []).append(stroke)
    kept = {f(own, key=lambda s: s.ys[0]).xs[0] for own in lone.values() for f in (min, max)}
    return [stroke for stroke in found if len(stroke.xs) > 1 or stroke.xs[0] in kept]


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
