from memharness.analyse.series import Point, Subject, build_series
from memharness.model import EnvironmentFacts, Failed, Measured, TimedOut
from values import SPEC, commit, measurement

SUBJECT = Subject(case="waste", identity="one", probe=1, family=SPEC.family, metrics=("peak",))
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


def test_a_metric_that_was_not_measured_or_is_unknown_has_no_values() -> None:
    first = commit(0)
    subject = Subject(case="waste", identity="one", probe=1, family="f", metrics=("retained", "gone"))
    (series,) = build_series(subject, [first], {first.id: [measurement(Measured(metrics={"peak": 1}))]}, {})
    assert (series.metric, series.points) == ("retained", (Point(commit=first),))
