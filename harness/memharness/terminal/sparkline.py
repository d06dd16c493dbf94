"""The course of a series in one line of block characters."""

from collections.abc import Sequence
from typing import Final

from memharness.model.findings import Cell
from memharness.wording.thinning import thin

LEVELS: Final = "▁▂▃▄▅▆▇█"
FAILED: Final = "✗"
GAP: Final = " "
_LEAST_SPAN: Final = 25  # the full height is at least this part of the largest value, so jitter is not drawn as peaks
_LEAST_RISE: Final = 2000  # a smaller part of it is what even repeats of an exact series differ by


def sparkline(cells: Sequence[Cell], width: int) -> str:
    """Return one character for each cell, at most `width` (2 or more) of them.

    The lowest value is the lowest block, and one that is higher by more than 0.05 % of the largest is a higher block;
    the highest block is the highest value, or 4 % of the largest above the lowest where the values lie closer
    together. A failure is a cross, a gap a space.
    """
    cells = thin(cells, width)
    values = [cell for cell in cells if isinstance(cell, int)]
    low, high = min(values, default=0), max(values, default=0)
    largest = max(abs(low), abs(high))
    span = max(high - low, largest // _LEAST_SPAN, 1)

    def sign(cell: Cell) -> str:
        if isinstance(cell, int):
            rise = cell - low
            return LEVELS[-(-(len(LEVELS) - 1) * rise // span)] if rise * _LEAST_RISE > largest else LEVELS[0]
        return FAILED if cell == "failed" else GAP

    return "".join(map(sign, cells))
