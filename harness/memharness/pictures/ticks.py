"""The axes of a trend picture: their bounds, and where they are labelled with what. Pure; labels are never rounded."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import ceil, floor, log10
from typing import Final

from memharness.model.findings import Trend, TrendPoint
from memharness.pictures.captions import shortened
from memharness.wording.text import value_text, visible

_BINARY: Final = ((1 << 40, " TiB"), (1 << 30, " GiB"), (1 << 20, " MiB"), (1 << 10, " KiB"), (1, " B"))
_PLAIN: Final = ((1, ""),)
_MILLIONTHS: Final = ((10**6, ""), (1, " millionths"))
_STEPS: Final = 5  # about as many labels on the axis of values
_MAX_DECIMALS: Final = 2
_TAG_LINES: Final = 60  # with more tags, only those that are named have a line


def value_limits(values: Sequence[int]) -> tuple[float, float]:
    """Return the bounds of the axis of values: noise below 5 % of the highest value must not look like a cliff."""
    low, high = min(values), max(values)
    span = max(high - low, max(abs(low), abs(high)) / 20, 8)
    middle = (low + high) / 2
    return middle - 0.65 * span, middle + 0.75 * span


def trend_limits(panel: Sequence[Trend]) -> tuple[float, float] | None:
    """Return the bounds of the axis for some trends, repeats and changes included; None where there is no value.

    They reach to a limit if that does not make the differences of values hard to see.
    """
    values = [size for trend in panel for size in _sizes(trend)]
    if not values:
        return None
    low, high = value_limits(values)
    limits = (trend.limit for trend in panel if trend.limit is not None)
    near = [limit for limit in limits if 2 * low - high <= limit <= 2 * high - low]
    return value_limits([*values, *near])


def _sizes(trend: Trend) -> Iterator[int]:
    for point in trend.points:
        yield from (size for size in (point.value, point.low, point.high) if size is not None)
    yield from (change.after for change in trend.changes)


def trend_ticks(panel: Sequence[Trend], bounds: tuple[float, float]) -> list[tuple[float, str]]:
    """Return positions within the bounds of an axis and their labels; none is below 0 unless a value is."""
    low, high = bounds
    below = any(size < 0 for trend in panel for size in _sizes(trend))
    return value_ticks(low if below else max(low, 0), high, panel[0].unit)


def limit_label(limit: int, unit: str, bounds: tuple[float, float]) -> tuple[str, float]:
    """Return "limit 8 MiB" and where the label stands: near the end of the axis for a limit that lies outside."""
    text = f"limit {value_text(limit, unit)}"
    low, high = bounds
    if limit > high:
        return f"{text}, above ↑", high
    return (f"{text}, below ↓", low + (high - low) / 12) if limit < low else (text, float(limit))


def value_ticks(low: float, high: float, unit: str) -> list[tuple[float, str]]:
    """Return positions within the bounds and their labels, such as "1.5 MiB", all in one unit of size."""
    rough = Fraction(max(high - low, 1)) / _STEPS
    largest = max(abs(low), abs(high))
    units = _BINARY if unit.startswith("bytes") else _MILLIONTHS if unit == "millionths" else _PLAIN
    size, name, step, decimals = _unit_and_step(rough, largest, units)
    numbers = [step * index for index in range(ceil(low / (step * size)), floor(high / (step * size)) + 1)]
    zero = "0 B" if units is _BINARY else "0"
    return [(float(number * size), f"{float(number):,.{decimals}f}{name}" if number else zero) for number in numbers]


def commit_limits(points: Sequence[TrendPoint]) -> tuple[float, float]:
    """Return the bounds of the axis of commits: half a commit and 1 % of all beyond the first and the last."""
    margin = 0.5 + len(points) / 100
    return -margin, len(points) - 1 + margin


def commit_ticks(points: Sequence[TrendPoint], room: int) -> list[tuple[int, str]]:
    """Return up to about `room` positions and labels: tags, the newest first, then short ids in the gaps."""
    apart = ceil(len(points) / room)
    last = len(points) - 1
    tagged = [index for index in range(last, -1, -1) if points[index].tags]
    chosen: list[int] = []
    for index in tagged:
        _add_if_apart(chosen, index, apart)
    for index in (last, 0):
        _add_if_apart(chosen, index, apart)
    for index in range(0, last, max(1, apart // 2)):
        _add_if_apart(chosen, index, apart if apart == 1 else 2 * apart)
    return [(index, commit_label(points[index])) for index in sorted(chosen)]


def commit_label(point: TrendPoint) -> str:
    """Return the tags of a commit, or its short id."""
    return shortened(", ".join(point.tags), 24) if point.tags else visible(point.commit)


def tag_lines(points: Sequence[TrendPoint], room: int) -> list[int]:
    """Return the positions of the tags that have a line: all of few, of many those that are named."""
    tagged = [index for index, point in enumerate(points) if point.tags]
    if len(tagged) <= _TAG_LINES:
        return tagged
    return [index for index, _ in commit_ticks(points, room) if points[index].tags]


def _unit_and_step(rough: Fraction, largest: float, units: Sequence[tuple[int, str]]) -> tuple[int, str, Fraction, int]:
    """Return the largest unit in which the steps of the axis need few decimals, and the step in it."""
    for size, name in units[:-1]:
        step, decimals = _round_step(rough / size)
        if size <= largest and decimals <= _MAX_DECIMALS:
            return size, name, step, decimals
    size, name = units[-1]
    return size, name, max(_round_step(rough)[0], Fraction(1)), 0


def _add_if_apart(chosen: list[int], index: int, apart: int) -> None:
    if all(abs(index - other) >= apart for other in chosen):
        chosen.append(index)


def _round_step(rough: Fraction) -> tuple[Fraction, int]:
    """Return the least of 1, 2, 5 times a power of ten that is not below `rough`, and the decimals it needs."""
    power = floor(log10(rough)) - 1  # one less, in case the logarithm is rounded up
    powers = range(power, power + 3)
    steps = ((factor * Fraction(10) ** power, max(0, -power)) for power in powers for factor in (1, 2, 5))
    return next(pair for pair in steps if pair[0] >= rough)
