"""A series in few cells: what a report holds of each, and what a terminal has room for.

In: the cells of a series, one for every commit. Out: no more cells than asked for, in the same order.
"""

from collections.abc import Sequence
from itertools import pairwise

from memharness.model.findings import Cell


def thin(cells: Sequence[Cell], most: int) -> tuple[Cell, ...]:
    """Return all cells where there are no more than `most` (at least 2), else two for each stretch of neighbours.

    The two are the lowest and the highest value of the stretch in the order in which they occur, so that no step and
    no spike is lost, however narrow; thinning again loses none either. A failure shows where the stretch has only one
    value or none, and a gap where it has nothing else.
    """
    if len(cells) <= most:
        return tuple(cells)
    stretches = most // 2
    bounds = [len(cells) * number // stretches for number in range(stretches + 1)]
    return tuple(cell for start, end in pairwise(bounds) for cell in _pair(cells[start:end]))


def _pair(cells: Sequence[Cell]) -> tuple[Cell, Cell]:
    values = [cell for cell in cells if isinstance(cell, int)]
    failed = "failed" in cells
    if not values:
        return ("failed", "failed") if failed else (None, None)
    low, high = min(values), max(values)
    other: Cell = "failed" if low == high and failed else high
    return (low, other) if cells.index(low) <= cells.index(other) else (other, low)
