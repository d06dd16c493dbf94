"""Reports on what is stored of a real repository, with a real store."""

from dataclasses import replace as replaced
from pathlib import Path

from msgspec.structs import replace

from memharness import load_results
from memharness.config.configuration import Config, load_config
from memharness.findings.report import make_report
from memharness.findings.results import Results
from memharness.model.measurements import PROBE_METHOD, Measured, Observation
from memharness.model.metrics import METRICS
from memharness.model.scenarios import Case
from memharness.store import Store
from repositories import RepositoryBuilder
from stored import FACTS, FAMILY, stored_project

FLOOR = METRICS["peak"].floor or 0
MEASURED = Observation(outcome=Measured(metrics={"peak": 5000}, passes=("first",)))
BOTH = ("fill[size=0]", "fill[size=1]")


def below_floors(config: Config) -> tuple[str, ...]:
    return make_report(load_results(config)).below_floors


def test_cases_are_below_the_floors_where_no_judged_figure_reaches_its_own(tmp_path: Path) -> None:
    assert below_floors(stored_project(tmp_path / "below", FLOOR - 1, 1, cases=2)) == BOTH
    assert below_floors(stored_project(tmp_path / "at", 1, FLOOR, 1, cases=2)) == ()  # at any commit


def test_floors_are_those_of_the_configuration(tmp_path: Path) -> None:
    config = stored_project(tmp_path, FLOOR - 1, FLOOR - 1, cases=2)
    (config.source or tmp_path).write_text(f'[run]\nmetrics = ["peak"]\n[thresholds]\npeak = "{FLOOR - 1} B"\n')
    assert below_floors(load_config(tmp_path / "project", environment={})) == ()


def test_no_case_with_a_limit_is_below_the_floors_nor_one_that_is_not_judged(tmp_path: Path) -> None:
    results = load_results(stored_project(tmp_path, 1, 1, cases=2))

    def found(**known: object) -> tuple[str, ...]:
        first, second = results.project.cases
        cases = (replace(first, scenario=replace(first.scenario, **known)), second)
        return make_report(_with_cases(results, cases)).below_floors

    assert found() == BOTH
    assert found(limits={"peak": FLOOR}) == BOTH[1:]
    assert found(flagged=("growth",)) == BOTH[1:]


def _with_cases(results: Results, cases: tuple[Case, ...]) -> Results:
    return replaced(results, project=replaced(results.project, cases=cases))


def test_series_that_several_scenarios_continue_at_a_commit_are_told_of_together(tmp_path: Path) -> None:
    config = stored_project(tmp_path, 5000)
    (builder := RepositoryBuilder(tmp_path / "project")).commit({"box.py": "1"}, "commit 1")
    for text in ("def run():\n    pass\n", "def run():\n    return 1\n"):
        for name in ("fill", "pour"):
            (builder.path / "scenarios" / f"{name}.py").write_text(text)
        results = load_results(config)
        for commit in results.commits if "pass" in text else results.commits[-1:]:
            entries = [(case.name, case.scenario.identity, PROBE_METHOD, 1, MEASURED) for case in results.project.cases]
            Store(config.run.results, config.run.machine).add(FAMILY, commit, FACTS, entries)
    assert [notice.partition(" continued")[0] for notice in make_report(load_results(config)).notices] == [
        "scenarios fill, pour changed: their series are"
    ]
