import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from memharness.analyse.steps import Rule, Step, find_steps
from memharness.analyse.transients import find_undone
from memharness.model.findings import Confidence
from serieses import series

RULE = Rule(relative=0.01, absolute=100)


def same(good: int, bad: int) -> bool:
    return True


def undone(*values: int) -> dict[int, int]:
    found = series(*[(value,) for value in values])
    return find_undone(found, find_steps(found, RULE), RULE, same)


@pytest.mark.parametrize(
    ("values", "pairs"),
    [
        ([0, 1000, 0], {0: 1}),
        ([0, 1000, 99], {0: 1}),
        ([0, 1000, 100], {}),  # what is left would be flagged
        ([100_000, 200_000, 100_999], {0: 1}),
        ([100_000, 200_000, 99_000], {}),  # other memory went as well
        ([1000, 0, 1000], {}),  # a fall that was taken back is none
        ([0, 1000, 2000], {}),
        ([0, 1000, 5000, 1000, 0], {0: 3, 1: 2}),  # nested
        ([0, 1000, 0, 1000, 0], {0: 1, 2: 3}),
        ([0, 1000, 1050, 0, 1000], {0: 1}),  # the last one stays
        ([0, 1000, 3000, 0], {0: 2, 1: 2}),  # two rises by one fall
        ([142_000, 425_000, 851_000, 142_500], {0: 2, 1: 2}),
        ([0, 1000, 3000, 1000], {1: 2}),  # back to the level between
        ([0, 1000, 3000, 1000, 0], {0: 3, 1: 2}),
        ([0, 1000, 3000, 2000, 0], {0: 3, 1: 3, 2: 3}),  # the lesser fall was on the way
        ([0, 1000, 3000, 2000], {}),
        ([5000, 6000, 8000, 0], {}),  # below the level
        ([5000, 0, 1000, 0], {1: 2}),
    ],
)
def test_a_rise_is_undone_by_the_fall_that_brings_the_value_back(values: list[int], pairs: dict[int, int]) -> None:
    assert undone(*values) == pairs


def test_what_went_without_a_step_is_not_taken_back_again() -> None:
    steps = [
        Step(good=0, bad=1, before=0, after=1000, confidence="located"),
        Step(good=4, bad=5, before=50, after=1000, confidence="located"),
        Step(good=7, bad=8, before=1000, after=0, confidence="located"),
    ]
    assert find_undone(series(*[(0,)] * 9), steps, RULE, same) == {1: 2}


def test_the_same_memory_must_go() -> None:
    asked = []

    def alike(good: int, bad: int) -> bool:
        asked.append((good, bad))
        return False

    found = series((0,), (0,), (1000,), (1000,), (0,))
    assert find_undone(found, find_steps(found, RULE), RULE, alike) == {}
    assert asked == [(1, 4)]


@pytest.mark.parametrize("confidences", [("suspected", "located"), ("located", "suspected")])
def test_what_is_suspected_is_never_paired(confidences: tuple[Confidence, Confidence]) -> None:
    steps = [
        Step(good=0, bad=1, before=0, after=1000, confidence=confidences[0]),
        Step(good=1, bad=2, before=1000, after=0, confidence=confidences[1]),
    ]
    assert find_undone(series((0,), (1000,), (0,)), steps, RULE, same) == {}


def test_what_came_back_on_another_scale_did_not_come_back() -> None:
    found = series((0,), (1000,), (1000,), (0,), scales=["1", "1", "2", "2"])
    steps = find_steps(found, RULE)
    assert len(steps) == 2
    assert find_undone(found, steps, RULE, same) == {}


def test_what_is_suspected_on_top_of_a_rise_would_not_cancel_out() -> None:
    steps = [
        Step(good=0, bad=1, before=0, after=1000, confidence="located"),
        Step(good=1, bad=2, before=1000, after=3000, confidence="suspected"),
        Step(good=3, bad=4, before=3000, after=0, confidence="located"),
    ]
    assert find_undone(series(*[(0,)] * 5), steps, RULE, same) == {}
    blip = replace(steps[1], good=2, bad=3, before=3000, after=1000)
    fall = replace(steps[2], before=1000)
    assert find_undone(series(*[(0,)] * 5), [*steps[:2], blip, fall], RULE, same) == {0: 3}


def test_what_rose_without_a_step_is_not_taken_back_with_one() -> None:
    steps = [
        Step(good=0, bad=1, before=0, after=1000, confidence="located"),
        Step(good=3, bad=4, before=1900, after=0, confidence="located"),
    ]
    assert find_undone(series(*[(0,)] * 5), steps, RULE, same) == {}


@given(st.lists(st.integers(0, 20), min_size=2, max_size=12))
def test_what_is_shown_adds_up_to_the_total_difference(levels: list[int]) -> None:
    values = [level * 1000 for level in levels]
    found = series(*[(value,) for value in values])
    steps = find_steps(found, RULE)
    taken_back = find_undone(found, steps, RULE, same)
    hidden = taken_back.keys() | set(taken_back.values())
    shown = sum(step.after - step.before for number, step in enumerate(steps) if number not in hidden)
    assert shown == values[-1] - values[0]


def test_a_rise_is_taken_back_once() -> None:
    steps = [
        Step(good=0, bad=1, before=0, after=1000, confidence="located"),
        Step(good=1, bad=2, before=1000, after=0, confidence="located"),
        Step(good=2, bad=3, before=0, after=1000, confidence="suspected"),
        Step(good=3, bad=4, before=1000, after=0, confidence="located"),
    ]
    assert find_undone(series(*[(0,)] * 5), steps, RULE, same) == {0: 1}
