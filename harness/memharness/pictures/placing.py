"""Places for the labels of marks: inside a frame, over no other label or mark, and if possible not over the line."""

from collections.abc import Iterable, Iterator, Sequence
from math import ceil, inf
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from memharness.model.findings import Trend, TrendChange

_GAP: Final = 9.0  # between a mark and its label, in pixels
_MARK: Final = 6.0  # from the middle of a mark to its edge
_REACH: Final = 8  # how far up and down a label may move, in halves of its height
_SAMPLE_PIXELS: Final = 4.0  # between the points of the line that a label tries not to cover
_SAMPLES: Final = 3000  # about the most of them

_Points: TypeAlias = npt.NDArray[np.float64]  # a row for each


class Box(NamedTuple):
    """A rectangle in pixels, from its least to its greatest coordinates."""

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def middle(self) -> tuple[float, float]:
        """Half way across and half way up."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2

    def overlaps(self, other: "Box") -> bool:
        """Tell whether the two share any area."""
        return self.x0 < other.x1 and other.x0 < self.x1 and self.y0 < other.y1 and other.y0 < self.y1

    def grown(self, by: float) -> "Box":
        """Return a larger one around it."""
        return Box(self.x0 - by, self.y0 - by, self.x1 + by, self.y1 + by)

    def encloses(self, other: "Box") -> bool:
        """Tell whether the other lies inside."""
        return self.x0 <= other.x0 and other.x1 <= self.x1 and self.y0 <= other.y0 and other.y1 <= self.y1

    def count(self, points: _Points) -> int:
        """Return how many of some points lie inside."""
        return int(((self[:2] < points) & (points < self[2:])).all(axis=1).sum())


def largest_first(panel: Sequence[Trend]) -> list[tuple[Trend, TrendChange]]:
    """Return the changes of some trends by size, the order in which they are labelled."""
    changes = [(trend, change) for trend in panel for change in trend.changes]
    return sorted(changes, key=lambda pair: -abs(pair[1].after - pair[1].before))


class LabelPlaces:
    """Finds places for one label after another, none over a label before it.

    `marks` and the points of the `line` are in pixels; a point that is no number breaks the line.
    """

    def __init__(
        self,
        frame: Box,
        marks: Sequence[tuple[float, float]],
        line: Sequence[tuple[float, float]],
        taken: Iterable[Box] = (),
    ) -> None:
        self._frame = frame
        self._marks = np.array(marks, float).reshape(-1, 2)
        self._line = _sampled(line)
        self._taken = list(taken)

    def place(self, mark: tuple[float, float], width: float, height: float) -> Box | None:
        """Return a place for the label of a mark; None where there is no room. Sizes are in pixels."""
        best, least = None, inf
        for box in sorted(_candidates(mark, width, height), key=lambda box: abs(box.middle[1] - mark[1])):
            away = abs(box.middle[1] - mark[1]) / 3
            if away >= least:
                break
            if (
                not self._frame.encloses(box)
                or any(map(box.overlaps, self._taken))
                or box.grown(_MARK).count(self._marks)
            ):
                continue
            covered = box.count(self._line)
            if covered + away < least:
                best, least = box, covered + away
        if best is not None:
            self._taken.append(best)
        return best


def _candidates(mark: tuple[float, float], width: float, height: float) -> Iterator[Box]:
    """Yield places for a label beside, above and below its mark."""
    x, y = mark
    for step in range(-_REACH, _REACH + 1):
        y0 = y + (step - 1) * height / 2
        for x0 in (x + _GAP, x - _GAP - width, x - width / 2):
            yield Box(x0, y0, x0 + width, y0 + height)


def _sampled(line: Sequence[tuple[float, float]]) -> _Points:
    """Return the points of a line and, unless they are many, points a few pixels apart between them."""
    points = np.array(line, float).reshape(-1, 2)
    if not 1 < len(points) < _SAMPLES / 2:
        return points
    lengths = np.hypot(*np.diff(points, axis=0).T)
    longest = np.nanmax(lengths, initial=0)
    parts = max(1, min(ceil(longest / _SAMPLE_PIXELS), _SAMPLES // len(points)))
    along = np.linspace(0, len(points) - 1, (len(points) - 1) * parts + 1)
    return np.column_stack([np.interp(along, np.arange(len(points)), own) for own in points.T])
