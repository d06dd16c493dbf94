"""A small project with stored results: what was measured is made up, repository, scenario and store are real."""

from pathlib import Path

from memharness import Selection, load_config
from memharness.config.configuration import Config
from memharness.git.history import select_commits
from memharness.git.repository import open_repository
from memharness.model.environments import EnvironmentFacts
from memharness.model.measurements import PROBE_METHOD, Measured, Observation
from memharness.scenarios import all_cases, load_scenarios
from memharness.store import Store
from repositories import RepositoryBuilder

FAMILY = "cpython-3.11.7-path"
FACTS = EnvironmentFacts(family=FAMILY, python="3.11.7", implementation="cpython", install="path", packages={})


def stored_project(folder: Path, *peaks: int, cases: int = 1) -> Config:
    """Return the configuration of a project in `folder / "project"` with a commit for each peak, in bytes.

    Several cases are of one scenario, and alike.
    """
    builder = RepositoryBuilder(folder / "project")
    for number in range(len(peaks)):
        builder.commit({"box.py": str(number)}, f"commit {number}")
    (builder.path / "scenarios").mkdir()
    block = (
        f"# /// script\n# [tool.memharness]\n# params = {{ size = {[*range(cases)]} }}\n# ///\n" if cases > 1 else ""
    )
    argument = "size" if cases > 1 else ""
    (builder.path / "scenarios" / "fill.py").write_text(f"{block}def run({argument}):\n    pass\n")
    (builder.path / "memharness.toml").write_text('[run]\nmetrics = ["peak", "retained"]\n')
    config = load_config(builder.path, environment={})
    store, known = Store(config.run.results, config.run.machine), all_cases(load_scenarios(config.run.scenarios))
    history = select_commits(open_repository(str(builder.path), folder / "cache"), Selection())
    for commit, peak in zip(history, peaks, strict=True):
        measured = Observation(outcome=Measured(metrics={"peak": peak, "retained": peak // 2}, passes=("first",)))
        entries = [(case.name, case.scenario.identity, PROBE_METHOD, 0, measured) for case in known]
        store.add(FAMILY, commit, FACTS, entries)
    return config


def records(config: Config) -> list[Path]:
    """Return the files of its records, sorted."""
    return sorted((config.run.results / config.run.machine / FAMILY).glob("*.json"))
