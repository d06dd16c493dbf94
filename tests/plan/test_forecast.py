import pytest

from memharness.model.metrics import PASSES, PassName
from memharness.plan.forecast import duration_key, seconds_of
from memharness.plan.tasks import Task
from values import SPEC, case, commit

WASTE, OTHER = case("waste"), case("other")
ALL: dict[str, frozenset[PassName]] = {"waste": frozenset(PASSES), "other": frozenset({"first"})}
KNOWN = {
    duration_key(SPEC.family, WASTE, frozenset(PASSES)): 10.0,
    duration_key(SPEC.family, WASTE, frozenset({"rss"})): 1.0,
    duration_key(SPEC.family, OTHER, frozenset({"first"})): 4.0,
}
TASKS = [Task(commit=commit(number), spec=SPEC, cases=(WASTE, OTHER)) for number in range(3)]


@pytest.mark.parametrize(("workers", "seconds"), [(1, 42), (2, 21), (7, 14)])
def test_the_cases_add_up_and_workers_share_them(workers: int, seconds: float) -> None:
    assert seconds_of(TASKS, ALL, KNOWN, workers=workers) == seconds


def test_what_is_not_known_of_one_case_is_not_known_of_all() -> None:
    for key in KNOWN:
        fewer = {other: seconds for other, seconds in KNOWN.items() if other != key}
        expected = None if KNOWN[key] != 1 else 42
        assert seconds_of(TASKS, ALL, fewer, workers=1) == expected


def test_some_passes_cost_what_these_cost() -> None:
    tasks = [Task(commit=commit(0), spec=SPEC, cases=(WASTE,), passes=("rss",))]
    assert seconds_of(tasks, ALL, KNOWN, workers=2) == 1
    assert seconds_of([], ALL, KNOWN, workers=2) == 0
