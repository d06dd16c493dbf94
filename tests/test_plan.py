import pytest

from memharness.plan import Suite, Task, key_of, make_suites, plan_range, plan_repeats
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


def test_repeats_are_deep_and_only_those_wanted_and_missing() -> None:
    wanted = {
        COMMITS[1].id: {(SPEC.family, "waste")},
        COMMITS[2].id: {(SPEC.family, "waste"), ("another", "other")},
    }
    stored = {key_of(COMMITS[1], SPEC, WASTE, 1)}
    assert plan_repeats(wanted, COMMITS, [SUITE], stored) == (
        Task(commit=COMMITS[2], spec=SPEC, cases=(WASTE,), round=1, explain=True),
    )
