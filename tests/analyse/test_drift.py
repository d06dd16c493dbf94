import pytest

from memharness.analyse.drift import find_drift
from memharness.analyse.series import Series
from memharness.analyse.steps import Rule, Step, find_steps
from serieses import MIB, noise, rule, series

RULE = Rule(relative=0.01, absolute=100)
BASE = 1_000_000


def drift_of(found: Series, start: int = 0) -> Step | None:
    return find_drift(found, find_steps(found, RULE), RULE, start)


def flat(*values: int) -> Series:
    return series(*[(value,) for value in values])


@pytest.mark.parametrize("direction", [1, -1])
def test_slow_change_is_a_drift_over_the_commits_at_which_it_happens(direction: int) -> None:
    values = [BASE, BASE, *(BASE + direction * 4000 * i for i in range(1, 13)), BASE + direction * 48_000]
    assert drift_of(flat(*values)) == Step(
        good=1,
        bad=13,
        before=BASE,
        after=BASE + direction * 48_000,
        confidence="range",
        kind="drift",
        apart=True,
    )


@pytest.mark.parametrize(("residual", "found"), [(19_999, False), (20_000, True)])
def test_a_drift_needs_two_per_cent_of_the_base(residual: int, found: bool) -> None:
    assert bool(drift_of(flat(*range(BASE, BASE + residual, 5000), BASE + residual))) is found


def test_a_drift_needs_what_the_rule_asks_of_a_single_step() -> None:
    values = flat(*range(BASE, BASE + 60_000, 5000))
    assert find_drift(values, (), Rule(relative=0.06, absolute=100)) is None
    assert find_drift(values, (), Rule(relative=0.05, absolute=55_001)) is None
    assert find_drift(values, (), Rule(relative=0.05, absolute=55_000)) is not None


def test_a_drift_stands_clear_of_the_spread() -> None:
    values = [(BASE, BASE + 5000), *((BASE + i * 4000,) for i in range(1, 6)), (BASE + 20_000,)]
    assert drift_of(series(*values)) is None
    assert drift_of(series(*values, (BASE + 20_001,))) is not None


def test_no_difference_is_no_drift_even_with_thresholds_of_zero() -> None:
    assert find_drift(flat(0, 0, 0), (), Rule(relative=0, absolute=0)) is None


def test_flagged_steps_are_no_drift() -> None:
    assert drift_of(flat(BASE, BASE, 2 * BASE, 2 * BASE, 3 * BASE)) is None


def test_a_drift_around_a_step_is_what_the_step_does_not_tell() -> None:
    values = flat(BASE, BASE + 8000, BASE + 16_000, 2 * BASE + 16_000, 2 * BASE + 24_000, 2 * BASE + 32_000)
    assert drift_of(values) == Step(
        good=0, bad=5, before=BASE, after=BASE + 32_000, confidence="range", kind="drift", apart=True
    )


def test_a_single_jump_below_the_threshold_is_a_drift_between_neighbours() -> None:
    one = series((BASE,), (BASE,), (BASE + 25_000,), (BASE + 25_000,))
    assert find_drift(one, (), RULE) == Step(
        good=1, bad=2, before=BASE, after=BASE + 25_000, confidence="located", kind="drift"
    )


def test_a_noisy_series_drifts_by_its_own_floor() -> None:
    slope = noise(1, [4 * MIB + i * (MIB // 20) for i in range(20)], sigma=15_000, metric="peak")
    assert slope.metric_class == "noisy"
    assert find_drift(slope, (), rule("peak")) is None
    found = find_drift(slope, (), Rule(relative=0.01, absolute=100, noisy_absolute=100_000))
    assert found is not None
    assert (found.kind, found.after > found.before) == ("drift", True)


@pytest.mark.parametrize("metric", ["growth", "gc_objects"])
def test_some_metrics_never_drift(metric: str) -> None:
    assert find_drift(series((100,), (105,), (110,), metric=metric), (), Rule(relative=0.1, absolute=4)) is None


def test_nothing_measured_does_not_drift() -> None:
    assert find_drift(series((), ()), (), RULE) is None
    assert find_drift(series((BASE,), (2 * BASE,), ()), (), RULE, start=2) is None


def test_a_new_start_is_a_new_base() -> None:
    values = flat(*range(BASE, BASE + 60_000, 5000))
    assert drift_of(values, start=8) is None
    found = drift_of(values, start=6)
    assert found is not None
    assert (found.good, found.bad) == (6, 11)


def test_up_to_an_end_nothing_beyond_is_looked_at() -> None:
    values = flat(*range(BASE, BASE + 60_000, 5000))
    later = Step(good=9, bad=10, before=0, after=BASE, confidence="located")
    before = find_drift(values, [later], RULE, end=6)
    assert before is not None
    assert (before.good, before.bad, before.after) == (0, 6, BASE + 30_000)
    assert find_drift(values, (), RULE, start=3, end=6) is None
    assert find_drift(values, (), RULE, start=7, end=6) is None
    level = find_drift(flat(BASE, BASE + 30_000, BASE + 30_000), (), RULE, end=2)
    assert level is not None
    assert level.bad == 2  # though it is reached before


def test_an_end_before_a_change_of_scale_is_on_the_scale_of_its_time() -> None:
    slope = [(value,) for value in range(BASE, BASE + 30_000, 5000)]
    values = series(*slope, (5 * BASE,), scales=["1"] * len(slope) + ["2"])
    found = find_drift(values, (), RULE, end=5)
    assert found is not None
    assert (found.good, found.bad) == (0, 5)


def test_a_step_before_the_start_is_not_taken_off_again() -> None:
    assert drift_of(flat(BASE, 2 * BASE, 2 * BASE, 2 * BASE), start=1) is None
    assert drift_of(flat(BASE, 2 * BASE, 2 * BASE + 15_000, 2 * BASE + 30_000), start=1) is None  # 1.5 % of its base


def test_a_change_of_scale_is_a_new_base() -> None:
    values = series((BASE,), (BASE,), (2 * BASE,), (2 * BASE,), scales=["1", "1", "2", "2"])
    assert drift_of(values) is None
    slope = [(value,) for value in range(BASE, BASE + 30_000, 5000)]
    scales = ["1"] * len(slope)
    assert drift_of(series(*slope, (BASE,), scales=[*scales, "2"])) is None
    assert drift_of(series((BASE,), *slope, scales=["2", *scales])) is not None


def test_points_in_the_middle_of_a_noisy_step_do_not_count() -> None:
    values = flat(BASE, BASE, BASE + 300_000, 2 * BASE, 2 * BASE + 15_000, 2 * BASE + 30_000)
    step = Step(good=1, bad=3, before=BASE, after=2 * BASE, confidence="range", apart=True)
    found = find_drift(values, [step], RULE)
    assert found is not None
    assert (found.good, found.bad, found.after) == (3, 5, 2 * BASE + 30_000)
    inside = find_drift(values, [step], RULE, start=2)
    assert inside is not None
    assert (inside.good, inside.bad) == (3, 5)
