import pytest
from msgspec.structs import replace

from memharness.model.metrics import PassName
from memharness.plan.tasks import (
    Completed,
    Repeat,
    Suite,
    Task,
    in_parts,
    key_of,
    make_suites,
    plan_range,
    plan_repeats,
)
from values import SPEC, case, commit

COMMITS = (commit(0), commit(1), commit(2))
WASTE, OTHER = case("waste"), case("other")
SUITE = Suite(spec=SPEC, cases=(WASTE, OTHER))


def test_all_is_missing_at_first_and_nothing_at_last() -> None:
    tasks = plan_range(COMMITS, [SUITE], set(), {})
    assert tasks == tuple(Task(commit=c, spec=SPEC, cases=(WASTE, OTHER)) for c in COMMITS)
    stored = {key_of(c, SPEC, k) for c in COMMITS for k in (WASTE, OTHER)}
    assert plan_range(COMMITS, [SUITE], stored, {}) == ()


def test_only_missing_cases_are_measured() -> None:
    tasks = plan_range(COMMITS[:1], [SUITE], {key_of(COMMITS[0], SPEC, WASTE)}, {})
    assert tasks == (Task(commit=COMMITS[0], spec=SPEC, cases=(OTHER,)),)


def test_a_scenario_starts_at_its_first_commit() -> None:
    tasks = plan_range(COMMITS, [Suite(spec=SPEC, cases=(WASTE,))], set(), {"waste": 2})
    assert [task.commit for task in tasks] == [COMMITS[2]]


@pytest.mark.parametrize(("required", "cases"), [(None, 1), (">=3.11", 1), (">=3.12", 0), ("<3.11", 0)])
def test_an_interpreter_runs_only_what_it_may(required: str | None, cases: int) -> None:
    suites = make_suites([(SPEC, [case(requires_python=required)])])
    assert [len(suite.cases) for suite in suites] == [1] * cases


def repeats(wanted: Repeat, *stored: Completed) -> list[tuple[int, tuple[str, ...], frozenset[str]]]:
    """Return round, passes and explain of what is planned where the rounds from 1 on hold `stored`."""
    at = COMMITS[1]
    keys = {replace(key_of(at, SPEC, WASTE), round=number): known for number, known in enumerate(stored, 1)}
    tasks = plan_repeats({at.id: {(SPEC.family, "waste"): wanted}}, COMMITS, [SUITE], keys)
    assert all((task.commit, task.cases) == (at, (WASTE,)) for task in tasks)
    return [(task.round, task.passes, task.explain) for task in tasks]


FIRST: frozenset[PassName] = frozenset({"first"})
BOTH: frozenset[PassName] = frozenset({"first", "growth"})
EXPLAINED, NOTHING = frozenset({"peak"}), frozenset[str]()


def test_two_repeats_are_joined_to_one_that_does_for_both() -> None:
    few, many = (
        Repeat(times=2, passes=FIRST, explain=EXPLAINED),
        Repeat(times=3, passes=frozenset({"rss"}), explain=NOTHING),
    )
    both = Repeat(times=3, passes=frozenset({"first", "rss"}), explain=EXPLAINED)
    assert few.joined(many) == many.joined(few) == both


def test_only_what_is_wanted_is_repeated() -> None:
    assert (
        plan_repeats(
            {COMMITS[1].id: {("another", "waste"): Repeat(times=2, passes=FIRST, explain=NOTHING)}},
            COMMITS,
            [SUITE],
            {},
        )
        == ()
    )
    assert plan_repeats({}, COMMITS, [SUITE], {}) == ()


def test_the_first_repeat_explains_and_later_ones_do_not() -> None:
    assert repeats(Repeat(times=3, passes=FIRST, explain=EXPLAINED)) == [
        (1, ("first",), EXPLAINED),
        (2, ("first",), NOTHING),
    ]
    assert repeats(Repeat(times=2, passes=frozenset({"growth"}), explain=EXPLAINED)) == [
        (1, ("first", "growth"), EXPLAINED)
    ]


def test_what_was_repeated_before_counts() -> None:
    plain, explained = Completed(passes=FIRST), Completed(passes=FIRST, explained=EXPLAINED)
    assert repeats(Repeat(times=3, passes=FIRST, explain=EXPLAINED), explained) == [(2, ("first",), NOTHING)]
    assert repeats(Repeat(times=3, passes=FIRST, explain=EXPLAINED), explained, plain) == []
    assert repeats(Repeat(times=2, passes=FIRST, explain=NOTHING), plain) == []


def test_an_explanation_takes_a_round_of_its_own() -> None:
    plain = Completed(passes=FIRST)
    assert repeats(Repeat(times=2, passes=FIRST, explain=EXPLAINED), plain) == [(2, ("first",), EXPLAINED)]
    assert repeats(Repeat(times=4, passes=FIRST, explain=EXPLAINED), plain) == [
        (2, ("first",), EXPLAINED),
        (3, ("first",), NOTHING),
    ]


def test_an_explanation_that_is_lost_is_made_again_where_it_was() -> None:
    plain, lost = Completed(passes=FIRST), Completed(passes=frozenset(), explained=EXPLAINED)
    assert repeats(Repeat(times=2, passes=FIRST, explain=EXPLAINED), lost) == [(1, ("first",), EXPLAINED)]
    assert repeats(Repeat(times=3, passes=FIRST, explain=EXPLAINED), plain, lost) == [(2, ("first",), EXPLAINED)]
    assert repeats(Repeat(times=2, passes=FIRST, explain=NOTHING), lost) == [(1, ("first",), EXPLAINED)]
    assert repeats(Repeat(times=2, passes=FIRST, explain=NOTHING), plain, lost) == []
    growth = Completed(passes=FIRST, explained=EXPLAINED)  # lost what it kept of the later calls
    assert repeats(Repeat(times=2, passes=BOTH, explain=EXPLAINED), growth) == [(1, ("first", "growth"), NOTHING)]


def test_only_metrics_that_were_not_explained_are() -> None:
    more = Repeat(times=2, passes=FIRST, explain=frozenset({"peak", "retained"}))
    retained, lost = frozenset({"retained"}), Completed(passes=frozenset(), explained=frozenset({"result"}))
    assert repeats(more, Completed(passes=FIRST, explained=EXPLAINED)) == [(2, ("first",), retained)]
    assert repeats(more, lost) == [(1, ("first",), frozenset({"peak", "retained", "result"}))]
    assert repeats(more, Completed(passes=frozenset())) == [(1, ("first",), more.explain)]  # it failed


def test_cases_with_different_explanations_are_different_tasks() -> None:
    wanted = {
        COMMITS[0].id: {
            (SPEC.family, "waste"): Repeat(times=2, passes=FIRST, explain=frozenset({"retained"})),
            (SPEC.family, "other"): Repeat(times=2, passes=FIRST, explain=frozenset({"peak", "result"})),
        }
    }
    tasks = plan_repeats(wanted, COMMITS, [SUITE], {})
    assert [(task.cases, sorted(task.explain)) for task in tasks] == [
        ((OTHER,), ["peak", "result"]),
        ((WASTE,), ["retained"]),
    ]


def test_a_repeat_that_lacks_a_pass_is_completed() -> None:
    assert repeats(Repeat(times=2, passes=BOTH, explain=NOTHING), Completed(passes=FIRST)) == [
        (1, ("first", "growth"), NOTHING)
    ]


def test_cases_that_need_the_same_are_one_task() -> None:
    once = Repeat(times=2, passes=FIRST, explain=NOTHING)
    wanted = {COMMITS[0].id: {(SPEC.family, name): once for name in ("waste", "other")}}
    (task,) = plan_repeats(wanted, COMMITS, [SUITE], {})
    assert task == Task(commit=COMMITS[0], spec=SPEC, cases=(WASTE, OTHER), round=1, passes=("first",))


def test_a_task_with_many_cases_is_done_in_parts() -> None:
    cases = tuple(case(f"case{number}") for number in range(60))
    whole = Task(commit=commit(1), spec=SPEC, cases=cases)
    parts = in_parts([whole, replace(whole, cases=cases[:1])])
    assert [len(part.cases) for part in parts] == [25, 25, 10, 1]
    assert sum((part.cases for part in parts[:3]), ()) == cases
    assert all(replace(part, cases=cases) == whole for part in parts)


def test_a_task_has_a_dozen_parts_at_most_as_each_rewrites_the_record_of_its_commit() -> None:
    whole = Task(commit=commit(1), spec=SPEC, cases=(case("one"),) * 1000)
    assert [len(part.cases) for part in in_parts([whole])] == [84] * 11 + [76]
