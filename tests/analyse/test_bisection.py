import math
import random
from collections.abc import Collection
from itertools import combinations

import pytest

from memharness.analyse.bisection import Found, bounds, is_bad, next_index


def search(n: int, culprit: int, broken: Collection[int]) -> int:
    """Search for `culprit`, check the answer, and return how many commits were tried."""
    known: dict[int, Found] = {}
    while (index := next_index(n, known)) is not None:
        assert 0 < index < n - 1
        assert index not in known
        known[index] = "skip" if index in broken else "bad" if index >= culprit else "good"
    sound = [index for index in range(n) if index not in broken]
    tightest = max(i for i in sound if i < culprit), min(i for i in sound if i >= culprit)
    assert bounds(n, known) == tightest
    return len(known)


def most(n: int, broken: Collection[int]) -> int:
    return math.ceil(math.log2(n)) + len(broken)


@pytest.mark.parametrize("n", range(2, 11))
def test_every_culprit_is_found_whichever_commits_are_broken(n: int) -> None:
    for number in range(n - 1):
        for broken in combinations(range(1, n - 1), number):
            for culprit in range(1, n):
                assert search(n, culprit, broken) <= most(n, broken)


@pytest.mark.parametrize("n", [64, 100, 257])
def test_every_culprit_of_a_long_line_is_found(n: int) -> None:
    assert all(search(n, culprit, ()) <= most(n, ()) for culprit in range(1, n))


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.5])
def test_randomly_broken_commits_cost_no_more_than_their_number(share: float) -> None:
    source = random.Random(7)
    for _ in range(500):
        n = source.randint(2, 200)
        broken = {index for index in range(1, n - 1) if source.random() < share}
        assert search(n, source.randint(1, n - 1), broken) <= most(n, broken)


def test_a_stretch_of_broken_commits_is_not_tried_one_by_one() -> None:
    assert max(search(1000, culprit, range(400, 700)) for culprit in (1, 100, 300, 800, 850, 999)) <= 25


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({}, (0, 9)),
        ({0: "good", 9: "bad"}, (0, 9)),
        ({3: "good", 6: "bad", 4: "skip"}, (3, 6)),
        ({3: "bad", 5: "good", 1: "good"}, (1, 3)),  # a later good one does not excuse the first bad one
    ],
)
def test_bounds_are_the_last_good_before_the_first_bad(known: dict[int, Found], expected: tuple[int, int]) -> None:
    assert bounds(10, known) == expected


@pytest.mark.parametrize(
    ("value", "good", "bad", "expected"),
    [
        (10, 10, 20, False),
        (15, 10, 20, False),
        (16, 10, 20, True),
        (30, 10, 20, True),
        (14, 20, 10, True),
        (0, 0, 0, False),
    ],
)
def test_a_value_is_bad_beyond_the_middle(value: int, good: int, bad: int, expected: bool) -> None:
    assert is_bad(value, good, bad) is expected
