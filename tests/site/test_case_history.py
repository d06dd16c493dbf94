"""Series read from columns, of commits at which something moved, give what judging every commit gives."""

import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from memharness import Results, Selection, load_config, load_results
from memharness.config.configuration import Config
from memharness.findings.judge import Judged, judge
from memharness.git.history import select_commits
from memharness.git.repository import open_repository
from memharness.model.environments import EnvironmentFacts
from memharness.model.findings import Acceptance
from memharness.model.history import Commit
from memharness.model.measurements import PROBE_METHOD, Failed, Measured, Observation, Record
from memharness.scenarios import all_cases, load_scenarios
from memharness.site.case_history import FamilyResults
from memharness.site.columns import MISSING
from memharness.site.contents import SiteContents, open_contents
from memharness.site.timelines import reduced, runs
from memharness.store import Store
from repositories import RepositoryBuilder

COMMITS = 40
STORIES = 40
FAMILY = "cpython-3.11.7-path"
Repeat = tuple[int, Observation]  # round, what was observed
METRICS = ("peak", "retained", "growth", "rss_peak")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Return a project whose store tells a story of its own of each scenario."""
    folder = tmp_path_factory.mktemp("case-history")
    builder = RepositoryBuilder(folder / "project")
    for number in range(COMMITS):
        builder.commit({"a.py": str(number)}, tag=f"v{number}" if number % 15 == 0 else None)
    (builder.path / "scenarios").mkdir()
    for number in range(STORIES):
        (builder.path / "scenarios" / f"story_{number}.py").write_text("def run():\n    pass\n")
    (builder.path / "memharness.toml").write_text(f"[run]\nmetrics = {list(METRICS)}\n")
    config = load_config(builder.path, environment={})
    store = Store(config.run.results, config.run.machine)
    history = select_commits(open_repository(str(builder.path), folder / "cache"), Selection())
    for number, case in enumerate(all_cases(load_scenarios(config.run.scenarios))):
        for commit, observations in _story(random.Random(number), history):
            facts = EnvironmentFacts(
                family=FAMILY,
                python="3.11.7",
                implementation="cpython",
                install="path",
                packages={"numpy": "1.0" if number % 3 or commit.time % 2 else "2.0"},
            )
            identity = case.scenario.identity
            store.add(FAMILY, commit, facts, [(case.name, identity, PROBE_METHOD, *one) for one in observations])
    store.accept([_acceptance(one, measured=number % 2 == 0) for number, one in enumerate(_drifting(config))])
    return config


def _drifting(config: Config) -> list[Judged]:
    return [one for one in judge(load_results(config)) if one.drifts]


def _acceptance(judged: Judged, *, measured: bool) -> Acceptance:
    """Return an acceptance of all that a series drifted by up to some later commit, measured there or not."""
    drift, points = judged.drifts[0], judged.series.points
    end = next(point.commit for point in reversed(points[:-5]) if bool(point.values) == measured)
    return Acceptance(
        case=judged.case.name,
        metric=judged.series.metric,
        family=FAMILY,
        range=(points[0].commit.id, end.id),
        before=drift.before,
        after=drift.before + 10 * (drift.after - drift.before),
        reason="wanted",
        drift=True,
    )


def _story(
    source: random.Random, history: tuple[Commit, ...]
) -> Iterator[tuple[Commit, list[tuple[int, Observation]]]]:
    """Yield what was measured at each commit: levels with steps, drifts, repeats, noise, failures and gaps."""
    peak, retained, growth = 4_000_000, 9_000, 0
    noisy, drifting = source.random() < 0.2, source.random() < 0.3
    gaps = source.choice((0.0, 0.3))
    for commit in history:
        if source.random() < 0.15:
            peak = round(peak * source.choice((0.8, 0.99, 1.005, 1.2)))
            retained += source.choice((-5000, 0, 5000))
            growth = source.choice((growth, 0, 256))
        peak += 3_000 * drifting
        if source.random() < gaps:
            continue
        if source.random() < 0.1:
            yield commit, [(0, Observation(outcome=Failed(phase="run", reason="ValueError: no")))]
            continue
        yield (
            commit,
            [
                (round_, _observation(source, peak, retained, growth, noisy=noisy))
                for round_ in range(source.choice((1, 1, 1, 2, 5 if noisy else 3)))
            ],
        )


def _observation(source: random.Random, peak: int, retained: int, growth: int, *, noisy: bool) -> Observation:
    scatter = source.gauss(1, 0.02) if noisy else 1
    metrics = {
        "peak": round(peak * scatter),
        "retained": retained,
        "growth": growth,
        "rss_peak": round((40_000_000 if noisy else peak) * source.gauss(1, 0.05)),
    }
    return Observation(outcome=Measured(metrics=metrics, passes=("first", "growth", "rss")))


@pytest.fixture(scope="module")
def results(config: Config) -> Results:
    return load_results(config)


@pytest.fixture
def stored(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FamilyResults:
    monkeypatch.setenv("MEMHARNESS_CACHE", str(tmp_path))
    open_contents(config, Selection())
    return only_family(open_contents(config, Selection()))  # from the cache


def only_family(contents: SiteContents) -> FamilyResults:
    (stored,) = contents.families
    return stored


def found(judged: Judged) -> list[object]:
    """Return all findings, with commits in place of indexes."""
    points = judged.series.points
    return [
        (points[step.good].commit.id, points[step.bad].commit.id, step.before, step.after, step.confidence, step.kind)
        for step in judged.findings
    ]


def test_a_history_judged_by_its_turns_is_judged_as_the_whole_of_it(results: Results, stored: FamilyResults) -> None:
    whole = {(one.case.name, one.series.metric): one for one in judge(results)}
    short = {(one.case.name, one.series.metric): one for case in stored.cases for one in case.judge()}
    judged = {key: one for key, one in whole.items() if one.rule}
    assert {key: found(one) for key, one in short.items()} == {key: found(one) for key, one in judged.items()}
    assert {key: one.rule for key, one in short.items()} == {key: one.rule for key, one in judged.items()}
    assert not any(found(one) for key, one in whole.items() if key not in judged)
    assert sum(len(one.series.points) for one in short.values()) < 0.8 * len(judged) * COMMITS
    ends = {(one.case, one.range[1]) for one in results.accepted}
    measured = {
        (case, point.commit.id) for (case, _), one in whole.items() for point in one.series.points if point.values
    }
    assert ends & measured
    assert ends - measured
    kinds = {step.kind for one in whole.values() for step in one.findings}
    assert kinds == {"step", "drift"}
    assert any(one.rule for (_, metric), one in whole.items() if metric == "rss_peak")
    assert {one.series.metric_class for one in whole.values()} >= {"exact", "noisy"}


def test_values_are_those_of_the_series(results: Results, stored: FamilyResults) -> None:
    cases = {case.case.name: case for case in stored.cases}
    for one in judge(results):
        case = cases[one.case.name]
        values = [None if value == MISSING else value for value in case.values(one.series.metric).tolist()]
        assert values == [point.value for point in one.series.points]
        assert case.classes.get(one.series.metric, "exact") == one.series.metric_class


def test_only_what_was_rewritten_is_read_again(
    config: Config, stored: FamilyResults, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    record = Store.record

    def counted(store: Store, family: str, commit: str) -> Record | None:
        read.append(commit)
        return record(store, family, commit)

    monkeypatch.setattr(Store, "record", counted)
    open_contents(config, Selection())
    assert read == []
    file = next((config.run.results / config.run.machine / FAMILY).glob("*.json"))
    content = file.read_bytes()
    file.write_bytes(content + b"\n")
    again = only_family(open_contents(config, Selection()))
    assert file.stem in read
    assert {commit[:2] for commit in read} == {file.stem[:2]}
    assert _peaks(again) == _peaks(stored)
    file.unlink()
    without = only_family(open_contents(config, Selection()))
    file.write_bytes(content)
    at = stored.positions[file.stem]
    gone = [[MISSING if number == at else value for number, value in enumerate(own)] for own in _peaks(stored)]
    assert _peaks(without) == gone


def _peaks(stored: FamilyResults) -> list[list[int]]:
    return [case.values("peak").tolist() for case in stored.cases]


@pytest.mark.parametrize("length", [0, 1, 7, 60, 61, 62, 500, 5003])
def test_a_spark_keeps_every_step_and_spike(length: int) -> None:
    source = random.Random(length)
    values = np.array([source.choice((5, 5, 5, 900, -3, MISSING)) for _ in range(length)], np.int64)
    pairs = reduced(values, 60)
    assert len(pairs) <= 60
    assert all(value is None or values[at] == value for at, value in pairs)
    known = [value for value in values.tolist() if value != MISSING]
    shown = [value for _, value in pairs if value is not None]
    assert [min(shown, default=None), max(shown, default=None)] == [min(known, default=None), max(known, default=None)]
    assert [at for at, _ in pairs] == sorted({at for at, _ in pairs})


@pytest.mark.parametrize("length", [1, 2, 40])
def test_runs_of_equal_values_stand_for_all_values(length: int) -> None:
    source = random.Random(length)
    for _ in range(20):
        values = [source.choice((5, 5, 7, MISSING)) for _ in range(length)]
        found = runs(np.array(values, np.int64))
        told = [one if isinstance(one, tuple) else (one, 1) for one in found]
        spread = [value for value, number in told for _ in range(number)]
        assert spread == [None if value == MISSING else value for value in values]
        assert all(one != other for (one, _), (other, _) in pairwise(told))
        assert all(number > 1 for _, number in (one for one in found if isinstance(one, tuple)))
