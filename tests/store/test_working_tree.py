"""Results of a working tree beside those of commits: where they lie, what is found of both, how long they stay."""

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from memharness.model.history import Commit
from memharness.model.measurements import Measured, Observation, Profile, ProfileLine, Reused
from memharness.store import CaseObservation, Store, StoreWithWorkingTree
from stored import FACTS, FAMILY
from values import commit

EDITED = replace(commit(9), working_tree=True)


def line(size: int) -> Profile:
    return Profile(lines=(ProfileLine(path="box.py", line=1, function="fill", source="x", size=size, count=1),))


def measured(size: int) -> CaseObservation:
    profile = line(size)
    outcome = Measured(metrics={"peak": size}, profiles={"alive": profile.id}, passes=("first",))
    return "fill", "i", 1, 0, Observation(outcome=outcome, profiles={profile.id: profile})


@pytest.fixture
def store(tmp_path: Path) -> StoreWithWorkingTree:
    return StoreWithWorkingTree(tmp_path / "results", "m", working_tree=EDITED, aside=tmp_path / "aside")


def test_each_is_stored_in_its_place_and_found(store: StoreWithWorkingTree, tmp_path: Path) -> None:
    for one, size in ((commit(1), 10), (EDITED, 20)):
        store.add(FAMILY, one, FACTS, [measured(size)])
    assert [path.stem for path in (tmp_path / "results").rglob(f"{FAMILY}/*.json")] == [commit(1).id]
    assert [path.stem for path in (tmp_path / "aside").rglob(f"{FAMILY}/*.json")] == [EDITED.id]
    assert store.families() == (FAMILY,)
    assert store.commit_ids(FAMILY) == {commit(1).id, EDITED.id}
    for one, size in ((commit(1), 10), (EDITED, 20)):
        (found,) = store.measurements(FAMILY, one.id)
        assert isinstance(found.outcome, Measured)
        assert found.outcome.metrics == {"peak": size}
        assert store.profile(line(size).id) == line(size)
        assert store.lost_in(found.outcome) == frozenset()
        assert store.environment(FAMILY, FACTS.id) == FACTS
    assert store.profile(line(30).id) is None
    assert [notice.rpartition(" is ")[2] for notice in store.notices] == ["missing: no lines can be shown for it"]
    assert Store(tmp_path / "results", "m").commit_ids(FAMILY) == {commit(1).id}


def test_results_of_commits_are_whole_without_those_of_the_working_tree(
    store: StoreWithWorkingTree, tmp_path: Path
) -> None:
    for one in (EDITED, commit(1)):
        store.add(FAMILY, one, FACTS, [measured(10)])
    alone = Store(tmp_path / "results", "m")
    (found,) = alone.measurements(FAMILY, commit(1).id)
    assert (alone.environment(FAMILY, FACTS.id), alone.profile(line(10).id)) == (FACTS, line(10))
    assert alone.lost_in(found.outcome) == frozenset()


def test_a_working_tree_may_refer_to_a_commit(store: StoreWithWorkingTree) -> None:
    store.add(FAMILY, commit(1), FACTS, [measured(10)])
    reference = Reused(case="fill", identity="i", probe=1, commit=commit(1).id, passes=("first",))
    store.add(FAMILY, EDITED, None, [], reused=[reference])
    (found,) = store.measurements(FAMILY, EDITED.id)
    assert isinstance(found.outcome, Measured)
    assert (found.outcome.metrics, found.outcome.reused_from) == ({"peak": 10}, commit(1).id)


def test_results_of_working_trees_go_when_they_are_old(store: StoreWithWorkingTree, tmp_path: Path) -> None:
    def opened(edited: Commit, *, read_only: bool = False) -> list[str]:
        """Open the store for another working tree; return those of which there are results."""
        how = {"working_tree": edited, "aside": tmp_path / "aside"}
        StoreWithWorkingTree(tmp_path / "results", "m", **how, read_only=read_only)  # type: ignore[arg-type]
        return [path.name for path in (tmp_path / "aside").iterdir()]

    store.add(FAMILY, EDITED, FACTS, [measured(20)])
    assert opened(commit(8)) == [EDITED.id]
    os.utime(tmp_path / "aside" / EDITED.id, (0, 0))
    assert opened(commit(8), read_only=True) == [EDITED.id]
    assert opened(commit(8)) == []
