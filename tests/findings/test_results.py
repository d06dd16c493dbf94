"""Loading what is stored of a real repository, and loading again what changed."""

from pathlib import Path

import pytest

from memharness import Results, Selection, load_results
from memharness.findings.results import with_whole_history
from memharness.model.measurements import PROBE_METHOD, Measured, Observation, Reused
from memharness.store import Store
from stored import FACTS, FAMILY, stored_project

MORE = Observation(outcome=Measured(metrics={"result": 7}, passes=("first",)))


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """Return results of four commits: the first two measured, the third refers to the first, nothing of the fourth."""
    config = stored_project(tmp_path, 1000, 2000, 3000, 4000)
    store = Store(config.run.results, config.run.machine)
    for path in sorted((config.run.results / config.run.machine / FAMILY).glob("*.json")):
        if store.record(FAMILY, path.stem).commit.subject in ("commit 2", "commit 3"):  # type: ignore[union-attr]
            path.unlink()
    empty = load_results(config)
    (case,) = empty.project.cases
    first, _, third, _ = empty.commits
    reference = Reused(
        case=case.name, identity=case.scenario.identity, probe=PROBE_METHOD, commit=first.id, passes=("first",)
    )
    store.add(FAMILY, third, None, [], reused=[reference])
    return load_results(config)


def figures(results: Results) -> list[dict[str, int] | None]:
    """Return the metrics of each commit, None where nothing is stored."""
    stored = [results.measurements[FAMILY].get(commit.id) for commit in results.commits]
    outcomes = [found[0].outcome if found else None for found in stored]
    return [outcome.metrics if isinstance(outcome, Measured) else None for outcome in outcomes]


def measure_more(results: Results, position: int) -> tuple[str, str]:
    """Store a further metric at a commit; return the key of its record."""
    (case,) = results.project.cases
    commit = results.commits[position]
    results.project.store.add(FAMILY, commit, FACTS, [(case.name, case.scenario.identity, PROBE_METHOD, 0, MORE)])
    return FAMILY, commit.id


OLD = {"peak": 1000, "retained": 500}
OTHER = {"peak": 2000, "retained": 1000}


def test_what_is_stored_is_held(results: Results) -> None:
    assert figures(results) == [OLD, OTHER, OLD, None]
    measure_more(results, 0)
    assert figures(results) == [OLD, OTHER, OLD, None]


def test_what_changed_is_loaded_again_with_what_refers_to_it(results: Results) -> None:
    again = results.reloaded({measure_more(results, 0)})
    assert figures(again) == [OLD | {"result": 7}, OTHER, OLD | {"result": 7}, None]
    held = results.commits[1].id
    assert again.measurements[FAMILY][held] is results.measurements[FAMILY][held]


def test_what_was_lacking_is_loaded(results: Results) -> None:
    assert figures(results.reloaded({measure_more(results, 3)})) == [OLD, OTHER, OLD, {"result": 7}]


def test_some_of_the_commits(results: Results) -> None:
    some = results.only(results.commits[1:3])
    assert (some.commits, figures(some)) == (results.commits[1:3], [OTHER, OLD])


def test_the_whole_history_is_added_to_what_is_held(results: Results) -> None:
    newest = load_results(results.project.config, Selection(last=2))
    measure_more(results, 0)
    whole = with_whole_history(newest)
    assert whole.commits == results.commits
    assert figures(whole) == [OLD | {"result": 7}, OTHER, OLD, None]
    assert with_whole_history(whole) is whole
