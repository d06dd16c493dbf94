"""Judging what is stored of a real repository, with a real store."""

from pathlib import Path

from memharness import load_results
from memharness.findings.judge import judge
from stored import stored_project

PEAKS = (1_000_000, 1_000_000, 1_500_000)


def test_every_metric_of_every_case_is_judged(tmp_path: Path) -> None:
    results = load_results(stored_project(tmp_path, *PEAKS))
    judged = judge(results)
    assert [one.series.metric for one in judged] == list(results.project.config.run.metrics) == ["peak", "retained"]
    assert [[(step.good, step.bad, step.before, step.after) for step in one.findings] for one in judged] == [
        [(1, 2, 1_000_000, 1_500_000)],
        [(1, 2, 500_000, 750_000)],
    ]


def test_results_are_judged_once(tmp_path: Path) -> None:
    results = load_results(stored_project(tmp_path, *PEAKS))
    again = load_results(results.project.config)
    assert judge(results) is judge(results)
    assert judge(again) is not judge(results)
    assert judge(again) == judge(results)
