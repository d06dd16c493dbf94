"""Places for the labels of marks: inside a frame, over no other label or mark, and if possible not over the line."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from math import ceil, dist, inf
from typing import Final, NamedTuple

from matplotlib.path import Path
from matplotlib.transforms import Bbox

_GAP: Final = 9.0  # between a mark and its label, in pixels
_MARK: Final = 6.0  # from the middle of a mark to its edge
_REACH: Final = 8  # how far up and down a label may move, in halves of its height
_SAMPLE_PIXELS: Final = 4.0  # between the points of the line that a label tries not to cover
_SAMPLES: Final = 3000  # about the most of them


class Box(NamedTuple):
    """A rectangle in pixels."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def middle(self) -> tuple[float, float]:
        """Half way across and half way up."""
        return (self.left + self.right) / 2, (self.bottom + self.top) / 2

    def overlaps(self, other: "Box") -> bool:
        """Tell whether the two share any area."""
        return (
            self.left < other.right and other.left < self.right and self.bottom < other.top and other.bottom < self.top
        )

    def grown(self, by: float) -> "Box":
        """Return a larger one around it."""
        return Box(self.left - by, self.bottom - by, self.right + by, self.top + by)

    def encloses(self, other: "Box") -> bool:
        """Tell whether the other lies inside."""
        return (
            self.left <= other.left
            and other.right <= self.right
            and self.bottom <= other.bottom
            and other.top <= self.top
        )

    def count(self, points: Path) -> int:
        """Return how many of some points lie inside."""
        return int(Bbox.from_extents(*self).count_contains(points.vertices))


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
        self._marks = Path(marks)
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
        bottom = y + (step - 1) * height / 2
        for left in (x + _GAP, x - _GAP - width, x - width / 2):
            yield Box(left, bottom, left + width, bottom + height)


def _sampled(line: Sequence[tuple[float, float]]) -> Path:
    """Return the points of a line and, unless they are many, points a few pixels apart between them."""
    path = Path(line)
    if not 1 < len(line) < _SAMPLES / 2:
        return path
    longest = max((length for one, other in pairwise(line) if (length := dist(one, other)) == length), default=0)
    return path.interpolated(max(1, min(ceil(longest / _SAMPLE_PIXELS), _SAMPLES // len(line))))
