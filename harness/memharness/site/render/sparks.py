"""Small drawings of series as inline SVG: the trend in a row of a table, the memory after each call."""

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from memharness.site.values import TrendSummary
from memharness.wording.text import bytes_text, value_text

_WIDTH: Final = 120
_HEIGHT: Final = 24
_TOP, _BOTTOM = 5, 22  # of the line; ticks of changes stand above it

_Point = tuple[int, int]


def spark(row: TrendSummary, commits: int) -> Markup:
    """Return the trend of a row over so many commits, with a tick for every change."""
    values = [value for _, value in row.spark if value is not None]
    if not values:
        return Markup('<svg class="spark" role="img" aria-label="no values"></svg>')
    span = max(commits - 1, 1)
    low, high = _bounds(values)
    runs: list[list[_Point]] = [[]]
    for position, value in row.spark:
        if value is None:
            runs.append([])
        else:
            y = round(_BOTTOM - (value - low) * (_BOTTOM - _TOP) / (high - low))
            runs[-1].append((round(position * _WIDTH / span), y))
    path = "".join(_path(points) for points in map(_corners, runs) if points)
    ticks = "".join(_tick(mark.status, round(mark.position * _WIDTH / span)) for mark in row.marks)
    label = f"{row.metric} from {value_text(values[0], row.unit)} to {value_text(values[-1], row.unit)}"
    return Markup(
        '<svg class="spark" viewBox="-2 0 {w} {h}" role="img" aria-label="{label}"><path d="{path}"/>{ticks}</svg>'
    ).format(w=_WIDTH + 4, h=_HEIGHT, label=label, path=path, ticks=Markup(ticks))  # noqa: S704 - numbers and own words


def _bounds(values: Sequence[int]) -> tuple[float, float]:
    """Return the lowest and highest value shown: noise below 5 % of the highest must not look like a cliff."""
    low, high = min(values), max(values)
    span = max(high - low, max(abs(low), abs(high)) / 20, 8)
    middle = (low + high) / 2
    return middle - span / 2, middle + span / 2


def _corners(points: list[_Point]) -> list[_Point]:
    """Leave out points that are the same as the one before, and those within a level stretch."""
    kept: list[_Point] = []
    for point in points:
        if len(kept) > 1 and kept[-1][1] == point[1] == kept[-2][1]:
            kept[-1] = point
        elif not kept or kept[-1] != point:
            kept.append(point)
    return kept


def _path(points: list[_Point]) -> str:
    (x, y), rest = points[0], points[1:]
    if not rest:
        return f"M{x} {y}h1"
    return f"M{x} {y}L" + " ".join(f"{x} {y}" for x, y in rest)


def _tick(status: str, x: int) -> str:
    """Return the tick of a change: a filled triangle for what is open, a line for all else."""
    shape = f"M{x - 3} 0h6l-3 5z" if status in {"open", "suspected"} else f"M{x - 1} 0h2v4h-2z"
    return f'<path class="{status}" d="{shape}"/>'


def size_chart(sizes: Sequence[int]) -> Markup:
    """Return the bytes alive after each call as columns, from zero."""
    highest = max(*sizes, 1)
    width = 640 / len(sizes)
    columns = "".join(
        f'<rect x="{index * width:.1f}" y="{120 - max(size, 0) * 116 / highest:.1f}" '
        f'width="{max(width - 1, 0.5):.1f}" height="{max(size, 0) * 116 / highest:.1f}"/>'
        for index, size in enumerate(sizes)
    )
    label = f"alive after call 1: {bytes_text(sizes[0])}, after call {len(sizes):,}: {bytes_text(sizes[-1])}"
    return Markup(
        '<svg class="sizes" viewBox="0 0 640 120" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(label, Markup(columns))  # noqa: S704 - made of numbers


def size_steps(sizes: Sequence[int]) -> list[tuple[int, int]]:
    """Return call and bytes alive after it, for call 1, 2, 4, 8 and so on, and the last one."""
    calls = sorted({*(1 << power for power in range(len(sizes).bit_length())), len(sizes)})
    return [(call, sizes[call - 1]) for call in calls if 0 < call <= len(sizes)]
