"""What is stored of a case when it is measured again, or when another commit's result stands for it."""

from typing import Final

import pytest
from msgspec.structs import replace

from memharness.model.measurements import Failed, Measured, Measurement, Outcome, Record, Reused, TimedOut
from memharness.model.metrics import PassName
from memharness.store.merging import merged, resolved, updated
from values import commit

TIMED_OUT: Final = TimedOut(during="run", limit_seconds=0.5)
FAILED: Final = Failed(phase="import", reason="no module")
HALF: Final = Measured(metrics={"peak": 1}, failed_passes={"growth": TIMED_OUT})
DOUBTFUL: Final = Measured(metrics={"peak": 1, "growth": 8}, suspected=("growth",))
PROFILES: Final = {"alive": "a1", "calls": "c1", "import": "i1", "leak": "l1", "peak": "p1"}
EXPLAINED: Final = Measured(
    metrics={"peak": 5, "growth": 16}, profiles=PROFILES, passes=("deep", "first", "growth", "peak")
)


def measurement(outcome: Outcome, *, environment: str | None = "e1", round_: int = 0) -> Measurement:
    return Measurement(case="a", identity="b", probe=1, round=round_, environment=environment, outcome=outcome)


def without(*kinds: str) -> Measured:
    return replace(EXPLAINED, profiles={kind: id_ for kind, id_ in PROFILES.items() if kind not in kinds})


# known outcome, candidate, what becomes of them
RULES: Final[dict[str, tuple[Outcome, Outcome, Outcome]]] = {
    "metrics that were missing are added, and the others stay": (
        Measured(metrics={"peak": 1}, passes=("first",)),
        Measured(metrics={"peak": 2, "growth": 7}, calls=15, passes=("first", "growth")),
        Measured(metrics={"peak": 1, "growth": 7}, calls=15, passes=("first", "growth")),
    ),
    "doubt about a value that is added": (
        DOUBTFUL,
        Measured(metrics={"growth": 8, "warm_peak": 5}, suspected=("warm_peak",)),
        Measured(metrics={"peak": 1, "growth": 8, "warm_peak": 5}, suspected=("growth", "warm_peak")),
    ),
    "no doubt about a value that is kept": (
        Measured(metrics={"growth": 8}),
        replace(DOUBTFUL, suspected=("peak", "growth")),
        Measured(metrics={"growth": 8, "peak": 1}, suspected=("peak",)),
    ),
    "a pass that failed is kept": (Measured(metrics={"peak": 1}), HALF, HALF),
    "a pass that had failed counts by how it went last": (
        HALF,
        Measured(metrics={"growth": 0}, passes=("growth",)),
        Measured(metrics={"peak": 1, "growth": 0}, passes=("growth",)),
    ),
    "a success is not replaced": (EXPLAINED, Measured(metrics={"peak": 9}), EXPLAINED),
    "profiles of what stays are kept": (
        EXPLAINED,
        Measured(metrics={"peak": 9, "result": 3}, profiles={"alive": "a9"}, passes=("first",)),
        replace(EXPLAINED, metrics={**EXPLAINED.metrics, "result": 3}),
    ),
    "nor by a failure": (EXPLAINED, FAILED, EXPLAINED),
    "a failure stays": (FAILED, EXPLAINED, FAILED),
}


@pytest.mark.parametrize("rule", RULES)
def test_measuring_again(rule: str) -> None:
    known, candidate, expected = RULES[rule]
    assert merged(measurement(known), measurement(candidate), retry=False) == measurement(expected)


def test_only_a_failure_is_replaced_by_a_retry() -> None:
    for known, candidate, expected in (
        (FAILED, EXPLAINED, EXPLAINED),
        (FAILED, TIMED_OUT, TIMED_OUT),
        (HALF, FAILED, HALF),
    ):
        assert merged(measurement(known), measurement(candidate), retry=True) == measurement(expected)


@pytest.mark.parametrize(
    ("metrics", "wins"), [({"growth": 7}, False), ({"peak": 2}, False), ({"peak": 2, "growth": 7}, True)]
)
def test_figures_of_two_environments_are_not_mixed(metrics: dict[str, int], wins: bool) -> None:
    known = measurement(Measured(metrics={"peak": 1}))
    other = measurement(Measured(metrics=metrics), environment="e2")
    assert merged(known, other, retry=False) == (other if wins else known)


GROWTH: Final = Measured(metrics={"growth": 0}, profiles={"calls": "c2"}, passes=("growth",))
FIRST: Final = Measured(metrics={"peak": 1}, profiles={"peak": "p2", "alive": "a2"}, passes=("deep", "first"))


@pytest.mark.parametrize(
    ("lost", "candidate", "environment", "expected"),
    [
        ("first", FIRST, "e1", replace(EXPLAINED, profiles={**FIRST.profiles, "calls": "c1", "leak": "l1"})),
        ("growth", FIRST, "e1", EXPLAINED),  # where the pass did not run again its profiles stay named
        ("growth", GROWTH, "e1", replace(without("leak"), profiles={**without("leak").profiles, "calls": "c2"})),
        (
            "first",
            FIRST,
            "e2",  # whose profiles explain no figures of the other
            replace(without("alive", "import", "peak"), passes=("first", "growth", "peak")),
        ),
    ],
)
def test_a_lost_profile_gives_way_where_its_pass_ran_again(
    lost: PassName, candidate: Measured, environment: str, expected: Measured
) -> None:
    again = measurement(candidate, environment=environment)
    assert merged(measurement(EXPLAINED), again, retry=False, lost=frozenset([lost])) == measurement(expected)


def record(number: int, *measurements: Measurement, reused: tuple[Reused, ...] = ()) -> Record:
    return Record(format=3, commit=commit(number), family="f", measurements=measurements, reused=reused)


def reused(number: int, *passes: PassName) -> Reused:
    return Reused(case="a", identity="b", probe=1, commit=commit(number).id, passes=passes)


def references(stored: dict[int, Measured], reference: Record) -> tuple[Measurement, ...]:
    """Return what a record with references stands for, where these commits are stored."""
    records = {commit(number).id: record(number, measurement(outcome)) for number, outcome in stored.items()}
    return resolved(reference, records.get)


def test_what_was_measured_goes_before_what_is_reused() -> None:
    first = Measured(metrics={"peak": 1, "result": 1}, passes=("first",))
    rss = Measured(metrics={"rss_peak": 5}, passes=("rss",))
    both = Measured(metrics={"peak": 1, "result": 1, "rss_peak": 5}, passes=("first", "rss"))
    found = references({1: first}, record(2, measurement(rss), reused=(reused(1, "first"),)))
    assert found == (measurement(both),)
    own = replace(both, metrics={"peak": 2, "result": 2, "rss_peak": 5})
    assert references({1: first}, record(2, measurement(own), reused=(reused(1, "first"),))) == (measurement(own),)


def test_references_to_two_commits_are_one_result() -> None:
    first = Measured(metrics={"peak": 1}, passes=("first",), inputs={"first": "s1"})
    growth = Measured(metrics={"growth": 8}, calls=15, passes=("growth",), inputs={"growth": "s2"})
    found = references({1: first, 2: growth}, record(3, reused=(reused(1, "first"), reused(2, "growth"))))
    # the observed inputs are those of the one commit that is named
    both = replace(first, metrics={"peak": 1, "growth": 8}, calls=15, passes=("first", "growth"))
    assert found == (measurement(replace(both, reused_from=commit(1).id)),)


def test_a_reference_to_what_is_gone_or_failed_is_nothing() -> None:
    reference = record(2, reused=(reused(1, "first"),))
    for records in ({}, {commit(1).id: record(1, measurement(FAILED))}):
        assert resolved(reference, records.get) == ()


def test_a_result_by_reference_takes_the_place_of_a_failure_alone() -> None:
    reference = record(2, reused=(reused(1, "first"),))
    for outcome in (FAILED, EXPLAINED):
        new = updated(record(2, measurement(outcome)), reference, retry=False, lost_in=lambda _: frozenset())
        assert new == replace(reference, measurements=(measurement(outcome),) if outcome is EXPLAINED else ())
