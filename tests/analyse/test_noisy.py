import random

import pytest

from memharness.analyse.drift import find_drift
from memharness.analyse.noisy import Jump, find_jumps
from memharness.analyse.steps import find_steps
from serieses import MIB, noise, rule

FLOOR = 1000
BASE = 100_000


def jumps(*values: int, absolute: int = FLOOR) -> tuple[Jump, ...]:
    return find_jumps([(value,) for value in values], 0.03, absolute)


def test_a_level_of_three_commits_is_one_and_less_is_an_outlier() -> None:
    low, high = BASE, 2 * BASE
    assert jumps(low, low, low, low, high, high, low, low, low, low) == ()
    assert jumps(low, low, low, low, high, high, high, low, low, low) == (
        Jump(good=3, bad=4, before=low, after=high),
        Jump(good=6, bad=7, before=high, after=low),
    )
    assert jumps(high, high, low, low, low, low) == ()


def test_a_jump_over_commits_that_make_no_level_lies_between_the_levels() -> None:
    low, middle, high = BASE, 2 * BASE, 3 * BASE
    assert jumps(*[low] * 5, middle, middle, *[high] * 5) == (Jump(good=4, bad=7, before=low, after=high),)


@pytest.mark.parametrize(("after", "found"), [(102_999, 0), (103_000, 1), (97_001, 0), (97_000, 1)])
def test_a_jump_needs_three_per_cent(after: int, found: int) -> None:
    assert len(jumps(*[BASE] * 4, *[after] * 4)) == found


@pytest.mark.parametrize(("absolute", "found"), [(5001, 0), (5000, 1)])
def test_a_jump_needs_the_floor(absolute: int, found: int) -> None:
    assert len(jumps(*[BASE] * 4, *[105_000] * 4, absolute=absolute)) == found


def test_a_jump_needs_three_sigma() -> None:
    saw = [BASE, BASE + 9000] * 10
    assert jumps(*saw, *[value + 12_000 for value in saw]) == ()
    assert len(jumps(*saw, *[value + 40_000 for value in saw])) == 1


def test_a_short_series_is_as_noisy_as_its_repeats() -> None:
    def level(value: int, scatter: int) -> list[tuple[int, ...]]:
        return [(value - scatter, value, value + scatter)] * 3

    assert find_jumps([*level(BASE, 10_000), *level(BASE + 14_000, 10_000)], 0.03, FLOOR) == ()
    assert len(find_jumps([*level(BASE, 9000), *level(BASE + 14_000, 9000)], 0.03, FLOOR)) == 1


def test_equal_values_are_no_jump_even_without_thresholds() -> None:
    assert find_jumps([*[(0,)] * 4, (9,), (9,), *[(0,)] * 4], 0, 0) == ()
    assert find_jumps([(0,)] * 9, 0, 0) == ()
    assert find_jumps([(0,), (0,)], 0, 0) == ()


def test_where_the_noise_hides_the_place_it_is_a_range() -> None:
    # The values between could be the last of the one level or the first of the other.
    values = [BASE - 1000, BASE + 1000] * 6 + [BASE + 9900, BASE + 10_100] + [BASE + 19_000, BASE + 21_000] * 6
    (jump,) = jumps(*values)
    assert (jump.good, jump.bad) == (11, 14)


@pytest.mark.parametrize(
    ("newest", "suspected"),
    [
        ([(106_000, 107_000)], True),
        ([(94_000, 93_000)], True),
        ([(106_000, 107_000), (105_500, 108_000)], True),
        ([(106_000, 102_000)], False),  # one repeat is no further off than thresholds allow
        ([(106_000, 107_000), (100_000, 100_000)], False),  # back again
    ],
)
def test_newest_values_that_stand_off_are_suspected(newest: list[tuple[int, ...]], suspected: bool) -> None:
    found = find_jumps([*[(BASE, BASE + 100)] * 8, *newest], 0.03, FLOOR)
    assert [(jump.good, jump.bad, jump.suspected) for jump in found] == ([(7, 8, True)] if suspected else [])


def test_newest_values_within_the_scatter_of_the_commits_before_are_not_suspected() -> None:
    wide = [(BASE, BASE, BASE + 20_000)] * 8
    assert find_jumps([*wide, (BASE + 10_000, BASE + 11_000)], 0.03, FLOOR) == ()
    calm, newest = [(BASE,)] * 7, [(BASE,), (BASE + 10_000, BASE + 11_000)]
    assert find_jumps([*calm, *wide[:1], *newest], 0.03, FLOOR) == ()
    assert len(find_jumps([*calm, *newest], 0.03, FLOOR)) == 1


@pytest.mark.parametrize(
    ("repeats", "found"),
    [
        ([(BASE,)], ()),
        ([(BASE, BASE + 900), (BASE + 5000,)], (Jump(good=0, bad=1, before=BASE + 450, after=BASE + 5000),)),
        ([(BASE, BASE + 9000), (BASE + 8500,)], ()),
        ([(BASE,), (BASE,), (BASE + 5000,)], (Jump(good=1, bad=2, before=BASE, after=BASE + 5000),)),
    ],
)
def test_few_commits_are_compared_by_their_repeats(repeats: list[tuple[int, ...]], found: tuple[Jump, ...]) -> None:
    suspected = find_jumps(repeats, 0.03, FLOOR)
    assert [(j.good, j.bad, j.before, j.after) for j in suspected] == [
        (j.good, j.bad, j.before, j.after) for j in found
    ]
    assert all(jump.suspected for jump in suspected)


def test_noise_alone_is_neither_step_nor_drift_in_a_thousand_series() -> None:
    source = random.Random(0)
    flagged = []
    for seed in range(1000):
        level, commits = source.randint(20, 400) * MIB, source.randint(2, 60)
        sigma = round(level * source.choice([0.005, 0.01, 0.03, 0.1]))
        series = noise(seed, [level] * commits, sigma=sigma)
        steps = find_steps(series, rule("rss_peak"))
        if steps or find_drift(series, steps, rule("rss_peak")):
            flagged.append((seed, commits, sigma / level, steps))
    assert flagged == []


def test_a_planted_step_is_found_at_its_commit_in_each_of_300_series() -> None:
    source = random.Random(1)
    for seed in range(300):
        level, commits = source.randint(50, 400) * MIB, source.randint(6, 60)
        at = source.randint(3, commits - 3)
        sigma = round(level * source.uniform(0.004, 0.02))
        height = source.choice([1, -1]) * round(0.25 * level)
        series = noise(seed, [level] * at + [level + height] * (commits - at), sigma=sigma)
        steps = find_steps(series, rule("rss_peak"))
        assert [(step.good, step.bad, step.confidence) for step in steps] == [(at - 1, at, "confirmed")], seed
        assert abs(steps[0].after - steps[0].before - height) < 4 * sigma


def test_a_planted_step_that_the_noise_half_hides_lies_in_its_range() -> None:
    outside = 0
    for seed in range(300):
        series = noise(seed, [100 * MIB] * 15 + [108 * MIB] * 15, sigma=2 * MIB)
        (step,) = find_steps(series, rule("rss_peak"))
        outside += not step.good < 15 <= step.bad
    assert outside <= 3
