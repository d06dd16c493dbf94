import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from memharness.analyse.series import Point, Series
from memharness.analyse.steps import Rule, Step, find_steps, needs_repeats, rule_for, weight
from memharness.model.findings import Confidence, MetricClass
from memharness.model.scenarios import Thresholds
from serieses import MIB, SUBJECT, noise, rule, series
from values import commit

RULE = Rule(relative=0.01, absolute=100)


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


@pytest.mark.parametrize(
    ("measured", "metric", "thresholds"),
    [
        (((1000,),), "peak", 2),  # of 100 bytes
        (((1000, 1010, 1020),), "peak", 2),  # four times the spread is less than that
        (((1000, 1100),), "peak", 0.5),
        (((1000, 1100),), "growth", 2),
        (((10 * MIB, 11 * MIB),), "peak", 200 / (4 * MIB)),
    ],
)
def test_a_difference_is_weighed_in_thresholds(
    measured: tuple[tuple[int, ...], ...], metric: str, thresholds: float
) -> None:
    assert weight(series(*measured, metric=metric), RULE, 1000, 1200) == thresholds
    assert weight(series(*measured, metric=metric), RULE, 1200, 1000) == thresholds


def test_a_noisy_difference_is_weighed_in_greater_thresholds() -> None:
    noisy = series((10 * MIB, 11 * MIB))
    assert noisy.metric_class == "noisy"
    wide = Rule(relative=0.01, absolute=100, noisy_absolute=8 * MIB)
    assert weight(noisy, wide, 0, 16 * MIB) == 2
    assert weight(noisy, RULE, 200 * MIB, 212 * MIB) == 2


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
    assert find_steps(series(*values), RULE) == (
        Step(good=good, bad=bad, before=0, after=1000, confidence=confidence, apart=confidence == "range"),
    )


@pytest.mark.parametrize("suspected", [0, 1])
def test_a_suspected_value_on_either_side_makes_the_step_suspected(suspected: int) -> None:
    found = find_steps(series((0, 0), (1000, 1000), suspected={suspected}), RULE)
    assert found == (Step(good=0, bad=1, before=0, after=1000, confidence="suspected"),)
    assert found[0].adjacent


def test_a_suspected_step_across_commits_that_were_not_measured_names_no_commit() -> None:
    (step,) = find_steps(series((0,), (), (1000,), suspected={2}), RULE)
    assert (step.confidence, step.adjacent) == ("suspected", False)


def test_a_near_metric_is_confirmed_by_three_measurements() -> None:
    calm, two, three = (10 * MIB, 10 * MIB + 30_000), (11 * MIB, 11 * MIB + 30_000), (11 * MIB,) * 3
    near = series(calm, (10 * MIB,) * 3, two)
    assert near.metric_class == "near"
    assert [s.confidence for s in find_steps(near, rule("peak"))] == ["located"]
    assert [s.confidence for s in find_steps(series(calm, (10 * MIB,) * 3, three), rule("peak"))] == ["confirmed"]


def test_neighbours_in_a_selection_may_be_far_apart_in_the_history() -> None:
    points = tuple(Point(commit=commit(number), values=(number * 1000,)) for number in (1, 9))
    (step,) = find_steps(Series(key=SUBJECT, metric="peak", points=points), RULE)
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
    assert rule == Rule(relative=0.10, absolute=4, enough=1024)


@pytest.mark.parametrize(
    ("levels", "metric_class", "needed"),
    [
        ((), "exact", {8: 4, 800: 80, 10_000: 1000, 100_000: 1024, 1_000_000: 10_000}),
        ((), "near", {8: 4, 800: 80, 100_000: 10_000}),
        ((), "noisy", {8: 4, 800: 80, 100_000: 10_000}),
        ((Thresholds(relative=0.10),), "exact", {100_000: 10_000}),  # where it is asked for
        ((Thresholds(metrics={"growth": 64}),), "exact", {0: 64, 100_000: 1024}),
    ],
)
def test_a_small_leak_beside_a_large_one_counts_where_repeats_agree(
    levels: tuple[Thresholds, ...], metric_class: MetricClass, needed: dict[int, int]
) -> None:
    rule = rule_for("growth", *levels, metric_class=metric_class)
    assert rule is not None
    assert {before: rule.needed(before) for before in needed} == needed


@pytest.mark.parametrize(
    ("values", "confidences"),
    [
        ([(0,), (8,)], ["located"]),  # a leak appears
        ([(800, 800), (0, 0)], ["confirmed"]),  # and goes
        ([(800,), (872,)], []),  # the same leak
        ([(800,), (880,)], ["located"]),
        ([(8,), (11,)], []),  # less than the least leak
        ([(100_000,), (102_000,)], ["located"]),  # another leak beside it
        ([(100_000,), (101_000,)], []),
        ([(0, 0), (16, 24)], ["confirmed"]),  # repeats that agree on the leak need not agree on its slope
        ([(0, 0, 0), (0, 800, 800)], ["suspected"]),  # those that disagree on it do not confirm it
    ],
)
def test_growth_flags_where_a_leak_appears_goes_or_changes(
    values: list[tuple[int, ...]], confidences: list[Confidence]
) -> None:
    growth = series(*values, metric="growth")
    assert [step.confidence for step in find_steps(growth, rule("growth"))] == confidences


@pytest.mark.parametrize(
    ("before", "now", "metric_class", "gone"),
    [
        (100_000, 100_999, "exact", True),
        (100_000, 101_000, "near", False),
        (100_000, 1000, "exact", True),
        (0, 99, "exact", True),
        (0, 0, "exact", True),
        (100 * MIB, 103 * MIB - 1, "noisy", True),  # 3 %
        (100 * MIB, 103 * MIB, "noisy", False),
        (MIB, 2 * MIB - 1, "noisy", True),  # 1 MiB
        (MIB, 2 * MIB, "noisy", False),
    ],
)
def test_a_rise_is_gone_where_less_is_left_than_would_be_flagged(
    before: int, now: int, metric_class: MetricClass, gone: bool
) -> None:
    assert RULE.is_gone(before, now, metric_class) is gone


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ((), Rule(relative=0.01, absolute=4 << 10)),
        ((Thresholds(relative=0.5),), Rule(relative=0.5, absolute=4 << 10)),
        ((Thresholds(), Thresholds(absolute=7)), Rule(relative=0.01, absolute=7, noisy_absolute=7)),
        (
            (Thresholds(metrics={"peak": 9}, absolute=8), Thresholds(relative=0.2)),
            Rule(relative=0.2, absolute=9, noisy_absolute=9),
        ),
        ((Thresholds(metrics={"retained": 9}),), Rule(relative=0.01, absolute=4 << 10)),
    ],
)
def test_the_first_level_that_says_something_decides(levels: tuple[Thresholds, ...], expected: Rule) -> None:
    assert rule_for("peak", *levels) == expected


def test_resident_memory_has_thresholds_of_its_own() -> None:
    assert rule_for("rss_peak") == Rule(relative=0.03, absolute=1 << 20)


def test_what_only_explains_never_flags() -> None:
    assert rule_for("gc_objects") is None


# --- noisy series ----------------------------------------------------------------------------------------


def test_a_step_of_a_noisy_series_is_found_at_its_commit() -> None:
    noisy = noise(1, [100 * MIB] * 10 + [110 * MIB] * 10, sigma=MIB // 2)
    assert noisy.metric_class == "noisy"
    (step,) = find_steps(noisy, rule("rss_peak"))
    assert (step.good, step.bad, step.confidence, step.kind, step.adjacent) == (9, 10, "confirmed", "step", True)
    assert abs(step.before - 100 * MIB) < MIB
    assert abs(step.after - 110 * MIB) < MIB


def test_a_noisy_step_across_missing_commits_is_a_range_and_indexes_are_those_of_the_series() -> None:
    noisy = noise(1, [None, *[100 * MIB] * 5, None, *[110 * MIB] * 5], sigma=MIB // 2)
    (step,) = find_steps(noisy, rule("rss_peak"))
    assert (step.good, step.bad, step.confidence, step.adjacent) == (5, 7, "range", False)


def test_noisy_values_on_another_scale_are_not_compared() -> None:
    levels = [100 * MIB] * 5 + [200 * MIB] * 5
    assert find_steps(noise(1, levels, sigma=MIB, scales=["1"] * 5 + ["2"] * 5), rule("rss_peak")) == ()


@pytest.mark.parametrize(
    ("thresholds", "found"),
    [
        (Thresholds(), 0),
        (Thresholds(metrics={"peak": 400 << 10}), 1),  # a floor that the user set replaces that of 1 MiB
        (Thresholds(relative=0.2, metrics={"peak": 400 << 10}), 0),
    ],
)
def test_thresholds_of_a_noisy_series(thresholds: Thresholds, found: int) -> None:
    noisy = noise(1, [4 * MIB] * 10 + [9 * MIB // 2] * 10, sigma=MIB // 50, metric="peak")
    assert noisy.metric_class == "noisy"
    assert len(find_steps(noisy, rule("peak", thresholds))) == found


def test_a_noisy_step_needs_three_per_cent_of_any_metric() -> None:
    for height, found in ((5, 0), (10, 1)):
        noisy = noise(1, [250 * MIB] * 10 + [(250 + height) * MIB] * 10, sigma=MIB // 2, metric="peak")
        noisy = replace(noisy, points=tuple(map(_scattered, noisy.points)))
        assert noisy.metric_class == "noisy"
        assert len(find_steps(noisy, rule("peak"))) == found


def _scattered(point: Point) -> Point:
    """Widen the spread of the repeats around their median."""
    assert point.value is not None
    return replace(point, values=(point.value - MIB, point.value, point.value + MIB))


def test_the_newest_value_is_suspected_until_there_are_three() -> None:
    for commits in (1, 2):
        noisy = noise(2, [100 * MIB] * 10 + [110 * MIB] * commits, sigma=MIB // 2)
        (step,) = find_steps(noisy, rule("rss_peak"))
        assert (step.good, step.bad, step.confidence, step.adjacent) == (9, 10, "suspected", True)
    (step,) = find_steps(noise(2, [100 * MIB] * 10 + [110 * MIB] * 3, sigma=MIB // 2), rule("rss_peak"))
    assert (step.good, step.bad, step.confidence) == (9, 10, "confirmed")


def test_the_library_that_fits_levels_is_loaded_only_for_a_noisy_series() -> None:
    program = """
import sys
from memharness.analyse.steps import find_steps, rule_for
from serieses import noise, series, MIB
find_steps(series((0,), (MIB,)), rule_for("peak"))
assert "asv" not in sys.modules
find_steps(noise(1, [50 * MIB] * 9, sigma=MIB), rule_for("rss_peak"))
assert "asv" in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[1] / "support")


# --- repeats ---------------------------------------------------------------------------------------------


def test_both_sides_of_a_step_are_repeated_and_the_ends_where_that_is_asked_for() -> None:
    exact = series((), (0,), (0,), (1000,), (1000,), (1000,), ())
    assert needs_repeats(exact, find_steps(exact, RULE)) == ((2, 2), (3, 2))
    assert needs_repeats(exact, find_steps(exact, RULE), ends=True) == ((1, 2), (2, 2), (3, 2), (5, 2))


def test_both_sides_of_a_near_step_are_measured_three_times() -> None:
    near = series((10 * MIB, 10 * MIB + 30_000), (11 * MIB,), (11 * MIB,), (11 * MIB,))
    assert needs_repeats(near, find_steps(near, rule("peak"))) == ((0, 3), (1, 3))
    assert needs_repeats(near, find_steps(near, rule("peak")), ends=True) == ((0, 3), (1, 3), (3, 2))


def test_all_points_of_a_noisy_series_are_measured_five_times() -> None:
    assert needs_repeats(series((10 * MIB, 11 * MIB), (), (10 * MIB,)), ()) == ((0, 5), (2, 5))


def test_what_only_explains_asks_for_no_repeats() -> None:
    assert needs_repeats(series((1, 9), (5,), metric="gc_objects"), (), ends=True) == ()


def test_nothing_measured_needs_no_repeats() -> None:
    assert needs_repeats(series((), ()), (), ends=True) == ()
