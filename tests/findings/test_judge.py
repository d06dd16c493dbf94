"""Judging what is stored of a real repository, with a real store."""

from pathlib import Path

import pytest

from memharness import Results, load_config, load_results
from memharness.findings.judge import judge
from memharness.git.history import find_commit
from memharness.git.repository import open_repository
from memharness.model.measurements import PROBE_METHOD, Measured, Observation
from memharness.scenarios import all_cases, load_scenarios
from memharness.store import Store
from repositories import RepositoryBuilder

PEAKS = (1_000_000, 1_000_000, 1_500_000)
FAMILY = "cpython-3.11.7-path"


@pytest.fixture
def results(tmp_path: Path) -> Results:
    builder = RepositoryBuilder(tmp_path / "project")
    ids = [builder.commit({"a.py": str(number)}) for number in range(len(PEAKS))]
    scenarios = builder.path / "scenarios"
    scenarios.mkdir()
    (scenarios / "idle.py").write_text("def run():\n    pass\n")
    (case,) = all_cases(load_scenarios(scenarios))
    config = load_config(builder.path, environment={})
    repository = open_repository(str(builder.path), tmp_path / "cache")
    store = Store(config.run.results, config.run.machine)
    for id_, peak in zip(ids, PEAKS, strict=True):
        observation = Observation(outcome=Measured(metrics={"peak": peak}, passes=("first",)))
        entry = (case.name, case.scenario.identity, PROBE_METHOD, 0, observation)
        store.add(FAMILY, find_commit(repository, id_), None, [entry])
    return load_results(config)


def test_every_metric_of_every_case_is_judged(results: Results) -> None:
    judged = judge(results)
    assert [one.series.metric for one in judged] == list(results.project.config.run.metrics)
    found = {
        one.series.metric: [(step.good, step.bad, step.before, step.after) for step in one.findings] for one in judged
    }
    assert found.pop("peak") == [(1, 2, 1_000_000, 1_500_000)]
    assert not any(found.values())


def test_results_are_judged_once(results: Results) -> None:
    again = load_results(results.project.config)
    assert judge(results) is judge(results)
    assert judge(again) is not judge(results)
    assert judge(again) == judge(results)
