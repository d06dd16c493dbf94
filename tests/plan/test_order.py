import random
from bisect import bisect
from itertools import pairwise

import pytest

from memharness.plan.order import along_history, from_the_ends
from memharness.plan.tasks import Task
from values import SPEC, case, commit

CASES = (case("waste"),)


def tasks(*numbers: int) -> list[Task]:
    return [Task(commit=commit(number), spec=SPEC, cases=CASES) for number in numbers]


def numbers(blocks: tuple[tuple[Task, ...], ...]) -> list[list[int]]:
    """Return the numbers of the commits in each block."""
    known = {commit(number).id: number for number in range(1000)}
    return [[known[task.commit.id] for task in block] for block in blocks]


def spread(total: int, *, workers: int = 2) -> list[list[int]]:
    """Return in which order all commits of a history are measured."""
    return numbers(from_the_ends(tasks(*range(total)), [*map(commit, range(total))], workers=workers))


def test_the_ends_come_first_and_then_the_middle_of_each_gap() -> None:
    assert spread(9) == [[8], [0], [4], [2], [6], [1], [3], [5], [7]]
    assert spread(1) == [[0]]
    assert spread(2) == [[1], [0]]


@pytest.mark.parametrize("total", [3, 17, 18, 40, 333])
def test_every_commit_is_measured_once_and_the_first_17_lie_apart(total: int) -> None:
    blocks = spread(total)
    assert sorted(number for block in blocks for number in block) == [*range(total)]
    first = sorted(number for (number,) in blocks[:17] if number in range(total))
    assert max(after - before for before, after in pairwise(first)) <= -(-(total - 1) // 16)


def test_what_lies_between_is_measured_by_blocks_of_neighbours_the_newest_gap_first() -> None:
    rest = spread(333)[17:]
    ends = sorted(number for (number,) in spread(333)[:17])
    gaps = [bisect(ends, block[0]) for block in rest]
    assert all(after - before == 1 for block in rest for before, after in pairwise(block))
    assert gaps == sorted(gaps, reverse=True)
    assert all(one[-1] < other[0] for one, other in pairwise(rest) if bisect(ends, one[0]) == bisect(ends, other[0]))
    assert {len(block) for block in rest} <= set(range(1, 9))
    assert max(map(len, rest)) == 8


def test_each_sweep_goes_through_the_history_once() -> None:
    order = [number for (number,) in spread(333)[:17]]
    for begin, end in ((3, 5), (5, 9), (9, 17)):
        assert order[begin:end] == sorted(order[begin:end])


def test_a_resumed_run_takes_the_same_order() -> None:
    whole = [number for block in spread(100) for number in block]
    chance = random.Random(1)
    left = {number for number in range(100) if chance.random() < 0.5}
    resumed = numbers(from_the_ends(tasks(*sorted(left)), [*map(commit, range(100))], workers=2))
    assert [number for block in resumed for number in block] == [number for number in whole if number in left]


def test_environments_of_a_commit_stay_together() -> None:
    both = [task for number in range(3) for task in tasks(number, number)]
    assert numbers(from_the_ends(both, [*map(commit, range(3))], workers=2)) == [[2], [2], [0], [0], [1], [1]]


def test_along_the_history_every_worker_gets_something() -> None:
    assert numbers(along_history(tasks(*range(20)), workers=2)) == [[*range(8)], [*range(8, 16)], [*range(16, 20)]]
    assert numbers(along_history(tasks(0, 1, 2), workers=2)) == [[0, 1], [2]]
    assert along_history([], workers=2) == ()
