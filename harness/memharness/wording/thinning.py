"""A series in few cells: what a report holds of each, and what a line of text or a table has room for. Pure.

In: the cells of a series, one for each commit. Out: which of them show the same steps and spikes.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from memharness.model.findings import Cell

MOST_SERIES: Final = 24  # of which reports and pages list every one, as they take the half of a screen


def thin(cells: Sequence[Cell], most: int) -> tuple[Cell, ...]:
    """Return all cells where there are no more than `most` (at least 2), else two for each stretch of neighbours.

    The two are the lowest and the highest value of the stretch in the order in which they occur, so that no step and
    no spike is lost, however narrow; thinning again loses none either. A failure shows where the stretch has only one
    value or none, and a gap where it has nothing else.
    """
    return tuple(cells[at] for at in extreme_positions(cells, most))


def extreme_positions(cells: Sequence[Cell], most: int) -> list[int]:
    """Return the positions of the cells that `thin` keeps, in ascending order."""
    if len(cells) <= most:
        return list(range(len(cells)))
    stretches = most // 2
    bounds = [len(cells) * number // stretches for number in range(stretches + 1)]
    return [start + at for start, end in pairwise(bounds) for at in _pair(cells[start:end])]


def _pair(cells: Sequence[Cell]) -> Sequence[int]:
    values = [cell for cell in cells if isinstance(cell, int)]
    failed = [cells.index("failed")] if "failed" in cells else []
    if not values:
        return 2 * (failed or [0])
    low, high = cells.index(min(values)), cells.index(max(values))
    return sorted([low, failed[0] if failed and cells[low] == cells[high] else high])
