"""In which order tasks are run: blocks of neighbours, which one worker runs one after the other. Pure.

What one commit shows may hold for the next, so neighbours stay together where that does not delay a verdict.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, TypeAlias

from memharness.model.history import Commit
from memharness.plan.tasks import Task

Blocks: TypeAlias = tuple[tuple[Task, ...], ...]

_BLOCK: Final = 8  # tasks
_SWEEPS: Final = 4  # over the history: after them 17 commits are measured, wherever environments change


def along_history(tasks: Sequence[Task], *, workers: int) -> Blocks:
    """Return tasks in their order, in blocks that leave something for each of the workers."""
    return _blocks([tasks], workers)


def from_the_ends(tasks: Sequence[Task], commits: Sequence[Commit], *, workers: int) -> Blocks:
    """Return tasks at `commits` so that a run that is stopped early leaves a verdict over the whole range.

    The newest commit comes first, then the oldest, then the middles of the gaps between, in sweeps through the history,
    as neighbours share environments. What is left follows gap by gap, the newest first, whose environments were used
    last. All of it depends on `commits` alone, so that a run that is resumed goes on where it was.
    """
    of_commit: dict[str, list[Task]] = {commit.id: [] for commit in commits}
    for task in tasks:
        of_commit[task.commit.id].append(task)
    order = _spread(len(commits))
    first = [task for position in order for task in of_commit[commits[position].id]]
    gaps = [
        [task for commit in commits[before + 1 : after] for task in of_commit[commit.id]]
        for before, after in reversed([*pairwise(sorted(order))])
    ]
    return (*((task,) for task in first), *_blocks(gaps, workers))


def _blocks(stretches: Sequence[Sequence[Task]], workers: int) -> Blocks:
    """Split stretches of neighbours into blocks, not so large that a worker has nothing to do."""
    size = max(1, min(_BLOCK, -(-sum(map(len, stretches)) // workers)))
    return tuple(tuple(one[start : start + size]) for one in stretches for start in range(0, len(one), size))


def _spread(commits: int) -> list[int]:
    """Return the positions of the ends of a history, and of the middles of ever smaller gaps between them."""
    order = list(dict.fromkeys([commits - 1, 0]))
    for _ in range(_SWEEPS):
        middles = [(before + after) // 2 for before, after in pairwise(sorted(order)) if after - before > 1]
        order += middles
    return order
