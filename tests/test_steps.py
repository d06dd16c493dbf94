import pytest

from memharness.analyse.series import Point, Series, Subject
from memharness.analyse.steps import Rule, Step, find_steps, rule_for
from memharness.findings import Confidence
from memharness.model import Thresholds
from values import commit

SUBJECT = Subject(case="waste", identity="one", probe=1, family="f", metrics=("peak",))
RULE = Rule(relative=0.01, absolute=100)


def series(*values: tuple[int, ...], scales: tuple[str, ...] = ()) -> Series:
    points = tuple(
        Point(commit=commit(i), values=v, scale=(scales[i],) if scales and scales[i] else ())
        for i, v in enumerate(values)
    )
    return Series(subject=SUBJECT, metric="peak", points=points)


@pytest.mark.parametrize(
    ("before", "after", "flagged"),
    [
        (0, 99, False),  # below the floor
        (0, 100, True),
        (100_000, 100_999, False),  # below one per cent
        (100_000, 101_000, True),
        (101_000, 99_990, True),  # improvements as well
        (5, 5, False),
    ],
)
def test_a_step_needs_the_floor_and_the_relative_threshold(before: int, after: int, flagged: bool) -> None:
    assert bool(find_steps(series((before,), (after,)), RULE)) is flagged


def test_no_difference_is_no_step_even_with_thresholds_of_zero() -> None:
    assert find_steps(series((5,), (5,)), Rule(relative=0, absolute=0)) == ()


def test_the_spread_of_repeats_raises_the_threshold_fourfold() -> None:
    assert find_steps(series((1000, 1100), (1399,)), RULE) == ()
    assert len(find_steps(series((1000, 1100), (1400,)), RULE)) == 1


@pytest.mark.parametrize(
    ("values", "confidence", "good"),
    [
        ([(0,), (1000,)], "located", 0),
        ([(0, 0), (1000, 1000)], "confirmed", 0),
        ([(0, 0), (1000,)], "located", 0),
        ([(0, 0), (), (1000, 1000)], "range", 0),
    ],
)
def test_confidence_follows_from_repeats_and_neighbourhood(
    values: list[tuple[int, ...]], confidence: Confidence, good: int
) -> None:
    bad = len(values) - 1
    assert find_steps(series(*values), RULE) == (Step(good=good, bad=bad, before=0, after=1000, confidence=confidence),)


def test_neighbours_in_a_selection_may_be_far_apart_in_the_history() -> None:
    points = tuple(Point(commit=commit(number), values=(number * 1000,)) for number in (1, 9))
    (step,) = find_steps(Series(subject=SUBJECT, metric="peak", points=points), RULE)
    assert (step.confidence, step.adjacent) == ("range", False)


def test_one_noisy_commit_does_not_silence_the_others() -> None:
    noisy = series((0, 0), (1000, 1000), (1000, 9000), (1000, 1000))
    assert [(step.good, step.bad) for step in find_steps(noisy, RULE)] == [(0, 1)]


def test_an_unknown_environment_is_compared() -> None:
    assert len(find_steps(series((0,), (1000,), scales=("1.26", "")), RULE)) == 1


def test_values_on_another_scale_are_not_compared() -> None:
    assert find_steps(series((0,), (1000,), (3000,), scales=("1.26", "2.0", "2.0")), RULE) == (
        Step(good=1, bad=2, before=1000, after=3000, confidence="located"),
    )


def test_a_leak_flags_by_its_own_rule() -> None:
    rule = rule_for("growth", Thresholds(absolute=10_000))
    assert rule == Rule(relative=0.10, absolute=4)


@pytest.mark.parametrize(
    ("levels", "rule"),
    [
        ((), Rule(relative=0.01, absolute=20 << 10)),
        ((Thresholds(relative=0.5),), Rule(relative=0.5, absolute=20 << 10)),
        ((Thresholds(), Thresholds(absolute=7)), Rule(relative=0.01, absolute=7)),
        ((Thresholds(metrics={"peak": 9}, absolute=8), Thresholds(relative=0.2)), Rule(relative=0.2, absolute=9)),
        ((Thresholds(metrics={"retained": 9}),), Rule(relative=0.01, absolute=20 << 10)),
    ],
)
def test_the_first_level_that_says_something_decides(levels: tuple[Thresholds, ...], rule: Rule) -> None:
    assert rule_for("peak", *levels) == rule


def test_what_only_explains_never_flags() -> None:
    assert rule_for("gc_objects") is None
