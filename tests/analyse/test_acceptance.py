import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from memharness.analyse.acceptance import acceptance_of, accepted_by, find_drifts
from memharness.analyse.series import Series
from memharness.analyse.steps import Rule, find_steps
from memharness.model.findings import Acceptance, Change, Verdict
from serieses import series
from values import commit

RULE = Rule(relative=0.01, absolute=100)
POSITIONS = {commit(number).id: number for number in range(10)}


def change(
    good: int,
    bad: int,
    before: int,
    after: int,
    *,
    verdict: Verdict = "regressed",
    culprit: int | None = None,
    drift: bool = False,
) -> Change:
    return Change(
        case="waste",
        metric="peak",
        family="f",
        verdict=verdict,
        confidence="range" if culprit is None else "located",
        commit=None if culprit is None else commit(culprit).id,
        range=(commit(good).id, commit(bad).id),
        between=bad - good,
        before=before,
        after=after,
        unit="bytes",
        drift=drift,
    )


def accepted(good: int, bad: int, before: int, after: int, *, culprit: int | None = None) -> Acceptance:
    return acceptance_of(change(good, bad, before, after, culprit=culprit), "needed")


def drift(good: int, bad: int, before: int, after: int) -> Change:
    return change(good, bad, before, after, verdict="drifting", drift=True)


def covers(acceptance: Acceptance, found: Change) -> bool:
    return accepted_by(found, [acceptance], RULE, POSITIONS) == acceptance


def test_an_acceptance_holds_what_was_accepted() -> None:
    assert acceptance_of(drift(1, 5, 10, 20), "cache", by="A U Thor", date="2024-01-31") == Acceptance(
        case="waste",
        metric="peak",
        family="f",
        range=(commit(1).id, commit(5).id),
        commit=None,
        before=10,
        after=20,
        reason="cache",
        by="A U Thor",
        date="2024-01-31",
        drift=True,
    )
    assert accepted(1, 2, 10, 20, culprit=2) == Acceptance(
        case="waste",
        metric="peak",
        family="f",
        range=(commit(1).id, commit(2).id),
        commit=commit(2).id,
        before=10,
        after=20,
        reason="needed",
    )


@pytest.mark.parametrize("verdict", ["regressed", "transient"])
def test_the_change_itself_is_accepted(verdict: Verdict) -> None:
    assert covers(accepted(1, 2, 0, 1000, culprit=2), change(1, 2, 0, 1000, verdict=verdict, culprit=2))


def test_an_improvement_needs_no_acceptance() -> None:
    assert not covers(accepted(1, 2, 1000, 0), change(1, 2, 1000, 0, verdict="improved"))


@pytest.mark.parametrize("field", ["case", "metric", "family"])
def test_another_series_is_not_accepted(field: str) -> None:
    assert not covers(replace(accepted(1, 2, 0, 1000), **{field: "another"}), change(1, 2, 0, 1000))


@pytest.mark.parametrize(
    ("good", "bad", "covered"),
    [
        (2, 5, True),
        (3, 4, True),
        (2, 3, True),
        (4, 5, True),
        (1, 5, False),
        (2, 6, False),
        (6, 7, False),
        (0, 1, False),
    ],
)
def test_a_part_of_the_accepted_range_is_accepted(good: int, bad: int, covered: bool) -> None:
    assert covers(accepted(2, 5, 0, 1000), change(good, bad, 0, 1000)) is covered


def test_the_same_culprit_is_accepted_from_any_range() -> None:
    acceptance = accepted(2, 3, 0, 1000, culprit=3)
    assert covers(acceptance, change(0, 9, 0, 1000, culprit=3))
    assert not covers(acceptance, change(0, 9, 0, 1000, culprit=4))
    assert not covers(accepted(2, 3, 0, 1000), change(0, 9, 0, 1000))  # no culprit is not the same culprit


def test_commits_that_are_not_at_hand_are_compared_as_they_are() -> None:
    acceptance = accepted(2, 20, 0, 1000)
    assert covers(acceptance, change(2, 20, 0, 1000))
    assert not covers(acceptance, change(3, 20, 0, 1000))
    assert not covers(acceptance, change(2, 4, 0, 1000))


@pytest.mark.parametrize(
    ("before", "after", "covered"),
    [
        (0, 1099, True),  # larger by less than would be flagged
        (0, 1100, False),
        (-99, 1000, True),  # a difference larger by less than would be flagged
        (-100, 1000, False),
        (900, 1050, True),
        (900, 1100, False),  # small, but comes on top
        (0, 500, True),
        (1000, 0, False),  # another direction
    ],
)
def test_what_is_larger_is_not_accepted(before: int, after: int, covered: bool) -> None:
    assert covers(accepted(1, 2, 0, 1000), change(1, 2, before, after)) is covered


def test_the_slack_is_a_share_of_the_value_before() -> None:
    acceptance = accepted(1, 2, 100_000, 200_000)
    assert covers(acceptance, change(1, 2, 100_000, 200_999))
    assert not covers(acceptance, change(1, 2, 100_000, 201_000))


def test_the_first_acceptance_that_fits_is_named() -> None:
    fits, too = accepted(1, 2, 0, 1000), accepted(0, 3, 0, 5000)
    assert accepted_by(change(1, 2, 0, 1000), [accepted(5, 6, 0, 1000), fits, too], RULE, POSITIONS) == fits
    assert accepted_by(change(1, 2, 0, 3000), [fits, too], RULE, POSITIONS) == too


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 10**6)), max_size=4), st.integers(0, 10**6), st.data())
def test_acceptances_never_swallow_together_what_none_covers(
    sizes: list[tuple[int, int]], before: int, data: st.DataObject
) -> None:
    acceptances = [accepted(0, 9, start, start + size, culprit=5) for start, size in sizes]
    largest = max((size + RULE.needed(start) for start, size in sizes), default=1)
    size = data.draw(st.integers(int(largest) + 1, 10**8))
    assert accepted_by(change(4, 5, before, before + size, culprit=5), acceptances, RULE, POSITIONS) is None


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.integers(0, 8))
def test_a_later_change_is_never_swallowed(before: int, size: int, good: int) -> None:
    acceptance = accepted(0, good, before, before + size) if good else accepted(0, 1, before, before + size)
    later = change(max(good, 1), 9, before, before + size)
    assert not covers(acceptance, later)


@pytest.mark.parametrize(
    ("found", "covered"),
    [
        (drift(2, 6, 0, 1000), True),
        (drift(1, 5, 0, 1000), True),  # where it begins depends on the range at hand
        (drift(3, 5, 0, 800), True),
        (drift(2, 7, 0, 1000), False),
        (drift(0, 2, 0, 1000), False),  # over before the accepted one began
        (drift(2, 6, 0, 1100), False),
        (change(2, 6, 0, 1000), False),  # a step that came within a drift was not accepted with it
    ],
)
def test_a_drift_is_accepted_up_to_where_it_was_accepted(found: Change, covered: bool) -> None:
    assert covers(acceptance_of(drift(2, 6, 0, 1000), "slowly"), found) is covered


def test_an_accepted_step_covers_no_drift() -> None:
    assert not covers(accepted(2, 6, 0, 1000), drift(2, 6, 0, 1000))


def test_a_drift_downwards_is_accepted_likewise() -> None:
    acceptance = acceptance_of(drift(2, 6, 5000, 4000), "slowly")
    assert covers(acceptance, drift(2, 6, 5000, 3901))
    assert not covers(acceptance, drift(2, 6, 5000, 3900))
    assert not covers(acceptance, drift(2, 6, 4000, 5000))


def test_a_drift_that_was_accepted_stays_one() -> None:
    again = replace(drift(2, 6, 0, 1000), verdict="accepted")
    assert acceptance_of(again, "again").drift
    assert not acceptance_of(change(2, 6, 0, 1000, verdict="accepted"), "again").drift


def test_where_an_accepted_drift_began_need_not_be_at_hand() -> None:
    acceptance = acceptance_of(drift(2, 6, 0, 1000), "slowly")
    later = {id_: place for id_, place in POSITIONS.items() if place > 2}
    assert accepted_by(drift(4, 6, 200, 1000), [acceptance], RULE, later) == acceptance
    assert accepted_by(drift(4, 7, 200, 1000), [acceptance], RULE, later) is None
    assert accepted_by(drift(4, 6, 200, 1500), [acceptance], RULE, later) is None
    nowhere = {id_: place for id_, place in POSITIONS.items() if place < 6}
    assert accepted_by(drift(4, 5, 200, 1000), [acceptance], RULE, nowhere) is None


def test_where_a_drift_begins_is_known_to_a_twentieth_of_it() -> None:
    wide = acceptance_of(drift(2, 6, 0, 10_000), "slowly")
    assert covers(wide, drift(1, 6, -499, 10_000))
    assert not covers(wide, drift(1, 6, -500, 10_000))
    assert not covers(wide, drift(2, 6, 100, 10_100))


# --- drifts of a series with accepted ones ---------------------------------------------------------------

BASE = 1_000_000


def slope(*tenths: int) -> Series:
    """Return a series at so many thousandths above its base."""
    return series(*[(BASE + tenth * BASE // 1000,) for tenth in tenths])


def drifts(values: Series, *acceptances: Acceptance) -> list[tuple[int, int, int]]:
    found = find_drifts(values, find_steps(values, RULE), RULE, acceptances)
    return [(step.good, step.bad, step.after - step.before) for step in found]


def slowly(good: int, bad: int, before: int, after: int) -> Acceptance:
    return acceptance_of(drift(good, bad, BASE + before * BASE // 1000, BASE + after * BASE // 1000), "slowly")


RISING = slope(0, 8, 16, 24, 24, 32, 40, 48)


def test_an_accepted_drift_stays_and_the_next_counts_from_its_end() -> None:
    assert drifts(RISING) == [(0, 7, 48_000)]
    accepted = slowly(0, 3, 0, 24)
    assert drifts(slope(0, 8, 16, 24, 24), accepted) == [(0, 3, 24_000)]
    assert drifts(RISING, accepted) == [(0, 3, 24_000), (4, 7, 24_000)]
    assert drifts(RISING, accepted, slowly(4, 7, 24, 48)) == [(0, 3, 24_000), (4, 7, 24_000)]
    assert drifts(RISING, slowly(0, 7, 0, 48)) == [(0, 7, 48_000)]


def test_an_acceptance_swallows_no_larger_drift() -> None:
    smaller = slowly(0, 3, 0, 12)
    assert drifts(RISING, smaller) == [(0, 7, 48_000)]
    assert drifts(slope(0, 8, 16, 24, 24), smaller) == [(0, 3, 24_000)]
    assert drifts(RISING, slowly(0, 3, 0, -24)) == [(0, 7, 48_000)]


def test_two_acceptances_swallow_no_more_than_the_larger() -> None:
    assert drifts(RISING, slowly(0, 3, 0, 24), slowly(0, 7, 0, 30)) == [(0, 3, 24_000), (4, 7, 24_000)]
    found = drift(4, 7, BASE + 24_000, BASE + 48_000)
    assert accepted_by(found, [slowly(0, 3, 0, 24), slowly(0, 7, 0, 30)], RULE, POSITIONS) is None


def test_what_is_left_of_an_accepted_drift_is_not_counted_to_the_next() -> None:
    assert drifts(slope(12, 18, 24, 30, 36), slowly(0, 2, 0, 24)) == []
    assert drifts(slope(12, 18, 24, 30, 36)) == [(0, 4, 24_000)]


def test_drift_of_another_series_and_steps_move_no_baseline() -> None:
    accepted = slowly(0, 3, 0, 24)
    others = [replace(accepted, **{field: "x"}) for field in ("case", "metric", "family")]
    assert drifts(RISING, *others, replace(accepted, drift=False)) == [(0, 7, 48_000)]
    assert drifts(RISING, replace(accepted, range=(commit(0).id, commit(20).id))) == [(0, 7, 48_000)]


def test_what_is_flagged_and_the_residual_make_the_total() -> None:
    values = slope(0, 8, 16, 24, 524, 532, 540, 548, 552)
    steps = find_steps(values, RULE)
    found = find_drifts(values, steps, RULE, [slowly(0, 3, 0, 24)])
    assert [(step.good, step.bad) for step in found] == [(0, 3), (4, 8)]
    assert sum(step.after - step.before for step in (*steps, *found)) == 552_000
