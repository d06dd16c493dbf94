import pytest
from msgspec.structs import replace

from memharness.analyse.series import Point, SeriesKey, build_series
from memharness.model.environments import EnvironmentFacts
from memharness.model.findings import MetricClass
from memharness.model.measurements import Failed, Measured, Skipped, TimedOut
from serieses import MIB, series
from values import SPEC, commit, measurement

SUBJECT = SeriesKey(case="waste", identity="one", probe=1, family=SPEC.family, metrics=("peak",))
FACTS = EnvironmentFacts(family=SPEC.family, python="3.11.7", implementation="cpython", install="path")


def test_points_keep_all_repeats_in_order_of_their_rounds() -> None:
    first = commit(0)
    (series,) = build_series(SUBJECT, [first], {first.id: [measurement(30, round_=1), measurement(10)]}, {"env": FACTS})
    assert series.points == (Point(commit=first, values=(10, 30), scale=("",)),)
    assert series.points[0].value == 10
    assert series.spread == 20


def test_measurements_of_another_identity_probe_or_case_do_not_belong() -> None:
    first = commit(0)
    others = [measurement(1, identity="two"), measurement(2, probe=2)]
    (series,) = build_series(SUBJECT, [first], {first.id: others}, {})
    assert series.points == (Point(commit=first),)
    assert series.points[0].value is None
    assert series.spread == 0


def test_what_was_skipped_has_neither_value_nor_reason() -> None:
    first = commit(0)
    (series,) = build_series(SUBJECT, [first], {first.id: [measurement(Skipped(reason="not here"))]}, {"env": FACTS})
    assert series.points == (Point(commit=first),)


def test_a_failure_is_a_reason_and_no_value() -> None:
    first, second = commit(0), commit(1)
    (series,) = build_series(
        SUBJECT,
        [first, second],
        {
            first.id: [measurement(Failed(phase="import", reason="ModuleNotFoundError: x"))],
            second.id: [measurement(TimedOut(during="run", limit_seconds=60.0)), measurement(5, round_=1)],
        },
        {},
    )
    assert series.points == (
        Point(commit=first, failure=("import", "ModuleNotFoundError: x")),
        Point(commit=second, values=(5,)),
    )


def test_the_version_of_numpy_is_the_scale_of_a_point() -> None:
    first = commit(0)
    facts = EnvironmentFacts(
        family=SPEC.family, python="3.11.7", implementation="cpython", install="path", packages={"numpy": "2.1"}
    )
    (series,) = build_series(SUBJECT, [first], {first.id: [measurement(5)]}, {"env": facts})
    assert series.points[0].scale == ("2.1",)


def test_what_another_environment_measured_is_no_repeat() -> None:
    first = commit(0)
    facts = {name: replace(FACTS, packages={"numpy": version}) for name, version in (("a", "1.26"), ("b", "2.1"))}
    failed = measurement(Failed(phase="run", reason=""), round_=0)
    stored = [
        replace(measurement(value, round_=round_), environment=environment)
        for round_, (value, environment) in enumerate([(10, "a"), (90, "b"), (12, "a"), (95, None)], start=1)
    ]
    (found,) = build_series(SUBJECT, [first], {first.id: [failed, *stored]}, facts)
    assert found.points == (Point(commit=first, values=(10, 12), scale=("1.26",)),)


def test_repeats_of_an_unknown_environment_are_those_of_its_scale() -> None:
    first = commit(0)
    facts = {"known": replace(FACTS, packages={"numpy": "2.1"})}
    stored = [
        replace(measurement(value, round_=round_), environment=environment)
        for round_, (value, environment) in enumerate([(10, "lost"), (11, None), (90, "known"), (12, "lost")])
    ]
    (found,) = build_series(SUBJECT, [first], {first.id: stored}, facts)
    assert found.points == (Point(commit=first, values=(10, 11, 12)),)


def test_a_metric_that_was_not_measured_or_is_unknown_has_no_values() -> None:
    first = commit(0)
    key = SeriesKey(case="waste", identity="one", probe=1, family="f", metrics=("retained", "gone"))
    (series,) = build_series(key, [first], {first.id: [measurement(Measured(metrics={"peak": 1}))]}, {})
    assert (series.metric, series.points) == ("retained", (Point(commit=first),))


def test_a_metric_whose_pass_failed_has_the_reason_for_it() -> None:
    first = commit(0)
    key = SeriesKey(case="waste", identity="one", probe=1, family="f", metrics=("peak", "growth", "rss_peak"))
    failed = Failed(phase="run", reason="bad")
    outcome = Measured(metrics={"peak": 1}, failed_passes={"growth": failed})
    peak, growth, rss = build_series(key, [first], {first.id: [measurement(outcome)]}, {})
    assert peak.points == (Point(commit=first, values=(1,)),)
    assert growth.points == (Point(commit=first, failure=("run", "bad")),)
    assert rss.points == (Point(commit=first),)
    again = measurement(Measured(metrics={"growth": 8}), round_=1)
    _, growth, _ = build_series(key, [first], {first.id: [measurement(outcome), again]}, {})
    assert growth.points == (Point(commit=first, values=(8,)),)


def test_a_point_is_suspected_where_no_measurement_was_certain_of_this_metric() -> None:
    commits = [commit(0), commit(1), commit(2), commit(3)]
    outcomes = [
        [Measured(metrics={"peak": 1}, suspected=("peak",)), Measured(metrics={"peak": 2}, suspected=("peak",))],
        [Measured(metrics={"peak": 1}, suspected=("peak",)), Measured(metrics={"peak": 2})],
        [Measured(metrics={"peak": 3}, suspected=("growth",))],
        [Measured(metrics={"growth": 3}, suspected=("peak",))],
    ]
    stored = {
        c.id: [measurement(outcome, round_=round_) for round_, outcome in enumerate(repeats)]
        for c, repeats in zip(commits, outcomes, strict=True)
    }
    (found,) = build_series(SUBJECT, commits, stored, {})
    assert found.points == (
        Point(commit=commits[0], values=(1, 2), suspected=True),
        Point(commit=commits[1], values=(1, 2)),
        Point(commit=commits[2], values=(3,)),
        Point(commit=commits[3]),
    )


@pytest.mark.parametrize(
    ("values", "metric", "expected"),
    [
        ([(10 * MIB,), (11 * MIB,)], "peak", "exact"),  # no repeats
        ([(100 * MIB, 100 * MIB + 50_000)], "peak", "exact"),
        ([(100 * MIB, 100 * MIB + 60_000)], "peak", "near"),
        ([(100 * MIB, 100 * MIB + 500_000)], "peak", "near"),
        ([(100 * MIB, 100 * MIB + 600_000)], "peak", "noisy"),
        ([(100 * MIB, 101 * MIB)], "growth", "exact"),
        ([(2000, 2060)], "peak", "exact"),  # a few bytes are nothing, whatever share they are
        ([(0, 2560)], "peak", "exact"),
        ([(0, 2561)], "peak", "noisy"),
        ([(1, 2)], "gc_objects", "noisy"),
        ([(10 * MIB, 10 * MIB), (10 * MIB, 20 * MIB), (10 * MIB, 10 * MIB)], "peak", "exact"),  # one stray commit
        ([], "peak", "exact"),
    ],
)
def test_the_class_is_the_typical_spread_of_repeats_against_the_value(
    values: list[tuple[int, ...]], metric: str, expected: MetricClass
) -> None:
    assert series(*values, metric=metric).metric_class == expected


@pytest.mark.parametrize(
    ("scales", "runs"),
    [
        (["1", "1", "1", "1"], ((0, 1, 3),)),
        (["1", "2", "2", "2"], ((0,), (1, 3))),
        (["1", "", "2", "2"], ((0, 1), (3,))),  # what is not known is on the scale of the one before
        (["", "2", "2", "2"], ((0, 1, 3),)),
    ],
)
def test_runs_are_measured_neighbours_on_one_scale(scales: list[str], runs: tuple[tuple[int, ...], ...]) -> None:
    assert series((1,), (2,), (), (3,), scales=scales).runs == runs


def test_a_series_without_values_has_no_runs() -> None:
    assert series((), ()).runs == ()
