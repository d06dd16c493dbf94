"""Labels of flagged changes, placed where they hide neither each other nor, if possible, the line."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import ceil, dist
from typing import Final, NamedTuple

from matplotlib.axes import Axes
from matplotlib.transforms import Transform

from memharness.findings import Trend, TrendChange
from memharness.present.text import difference_text, visible
from memharness.present.ticks import shortened

_SUBJECT_CHARACTERS: Final = 44
_SUBJECTS: Final = 8  # with more changes in a panel, their labels are kept short
_GAP: Final = 9.0  # between a mark and its label, in pixels of the figure's own resolution
_REACH: Final = 8  # how far up and down a label may move, in halves of its height
_SAMPLE_PIXELS: Final = 4.0  # between the points of the line that a label tries not to cover


class Box(NamedTuple):
    """A rectangle in pixels."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def middle(self) -> float:
        """Half way up."""
        return (self.bottom + self.top) / 2

    def overlaps(self, other: "Box") -> bool:
        """Tell whether the two share any area."""
        return (
            self.left < other.right and other.left < self.right and self.bottom < other.top and other.bottom < self.top
        )

    def holds(self, point: tuple[float, float]) -> bool:
        """Tell whether a point lies inside."""
        return self.left <= point[0] <= self.right and self.bottom <= point[1] <= self.top


def change_text(trend: Trend, change: TrendChange, *, with_subject: bool) -> str:
    """Return "+1.06 MiB at 1a2b3c4d5e" ("up to" where it is only known to lie before), the subject below if wanted."""
    difference = change.after - change.before
    size = difference_text(difference) if trend.unit.startswith("bytes") else f"{difference:+,}"
    point = trend.points[change.index]
    head = f"{size} {'at' if change.exact else 'up to'} {visible(point.commit)}"
    return f"{head}\n{shortened(point.subject, _SUBJECT_CHARACTERS)}" if with_subject and point.subject else head


def label_changes(ax: Axes, panel: Sequence[Trend]) -> None:
    """Label the changes of a panel whose layout is settled, the largest first, and say how many found no room."""
    changes = [(trend, change) for trend in panel for change in trend.changes]
    changes.sort(key=lambda pair: -abs(pair[1].after - pair[1].before))
    frame = _frame(ax)
    line = [point for trend in panel for point in _samples(ax, trend)]
    marks = [_point(ax.transData, change.index, change.after) for _, change in changes]
    taken: list[Box] = []
    for (trend, change), mark in zip(changes, marks, strict=True):
        text = change_text(trend, change, with_subject=len(changes) <= _SUBJECTS)
        free = [
            box
            for box in _candidates(frame, mark, *_text_size(ax, text))
            if not any(box.overlaps(other) for other in taken) and not any(map(box.holds, marks))
        ]
        if free:
            best = min(free, key=lambda box: sum(map(box.holds, line)) + abs(box.middle - mark[1]) / 3)
            taken.append(best)
            _place(ax, text, mark, best)
    if len(taken) < len(changes):
        _note_missing(ax, len(changes) - len(taken))


def _candidates(frame: Box, mark: tuple[float, float], width: float, height: float) -> Iterator[Box]:
    """Yield places for a label beside, above and below its mark, all inside the panel."""
    x, y = mark
    for step in range(-_REACH, _REACH + 1):
        bottom = y + (step - 1) * height / 2
        for left in (x + _GAP, x - _GAP - width, x - width / 2):
            box = Box(left, bottom, left + width, bottom + height)
            inside = frame.left <= left and box.right <= frame.right and frame.bottom <= bottom and box.top <= frame.top
            if inside:
                yield box


def _place(ax: Axes, text: str, mark: tuple[float, float], box: Box) -> None:
    ax.annotate(
        text,
        xy=_point(ax.transData.inverted(), *mark),
        xytext=_point(ax.transData.inverted(), (box.left + box.right) / 2, box.middle),
        ha="center",
        va="center",
        fontsize=7,
        zorder=5,
        bbox={"boxstyle": "square,pad=0.2", "facecolor": "white", "edgecolor": "none", "alpha": 0.85},
        arrowprops={"arrowstyle": "-", "color": "#555555", "linewidth": 0.6, "shrinkB": 4},
    )


def _note_missing(ax: Axes, number: int) -> None:
    noun = "change has" if number == 1 else "changes have"
    ax.set_title(f"{number} {noun} no room for a label", loc="right", fontsize=7)


def _frame(ax: Axes) -> Box:
    left, bottom, right, top = ax.bbox.extents
    return Box(left, bottom + 14, right, top)  # above the marks of failures


def _text_size(ax: Axes, text: str) -> tuple[float, float]:
    """Return width and height in pixels, with a small margin."""
    drawn = ax.text(0, 0, text, fontsize=7)
    extent = drawn.get_window_extent()
    drawn.remove()
    return extent.width + 6, extent.height + 6


def _point(transform: Transform, x: float, y: float) -> tuple[float, float]:
    across, up = transform.transform((x, y))
    return float(across), float(up)


def _samples(ax: Axes, trend: Trend) -> Iterator[tuple[float, float]]:
    """Yield points a few pixels apart along the drawn line."""
    ends = [
        None if point.value is None else _point(ax.transData, index, point.value)
        for index, point in enumerate(trend.points)
    ]
    for one, other in pairwise(ends):
        if one is None or other is None:
            continue
        parts = ceil(dist(one, other) / _SAMPLE_PIXELS)
        for part in range(parts):
            share = part / parts
            yield one[0] + share * (other[0] - one[0]), one[1] + share * (other[1] - one[1])
