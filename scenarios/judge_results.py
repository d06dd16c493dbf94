"""Load 1,000 commits with ten cases each from a results folder and judge every metric of them, as `check` does."""

# /// script
# [tool.memharness]
# params = { commits = [1000], cases = [10] }
# tags = ["self"]
# metrics = ["rss_peak"]             # what a run of this size may take; tracing so much would take a minute
# limits = { rss_peak = "100 MiB" }
# since = "4ec4562"
# timeout = "2m"
# ///
import tempfile
from pathlib import Path

import msgspec

from memharness.config.configuration import load_config
from memharness.findings.judge import Judged, judge
from memharness.findings.project import Project
from memharness.findings.results import load_commits
from memharness.git.repository import Repository
from memharness.model.history import Commit
from memharness.model.measurements import PROBE_METHOD, STORE_FORMAT, Measured, Measurement, Record, TypeCount
from memharness.model.values import digest
from memharness.scenarios import all_cases, load_scenarios
from memharness.store import Store

FAMILY = "cpython-3.11.7-auto"
KINDS = ("alive", "kept", "import", "calls")
TYPES = tuple(TypeCount(name=f"project.Type{number}", before=0, after=number) for number in range(8))


def setup(commits: int, cases: int) -> tuple[Project, tuple[Commit, ...]]:
    """Write records as a store does, but without waiting for the disk; every hundredth commit raises each peak."""
    folder = Path(tempfile.mkdtemp())
    scenarios = folder / "scenarios"
    scenarios.mkdir()
    for number in range(cases):
        (scenarios / f"case{number}.py").write_text("def run(): pass\n")
    (folder / "memharness.toml").touch()  # where the search for one ends
    config = load_config(folder, environment={})
    project = Project(
        config=config,
        repository=Repository(location="", git_dir="", common_dir=""),
        cases=all_cases(load_scenarios(scenarios)),
        store=Store(config.run.results, config.run.machine, read_only=True),
    )
    history = tuple(map(_commit, range(commits)))
    home = config.run.results / config.run.machine / FAMILY
    home.mkdir(parents=True)
    for number, commit in enumerate(history):
        (home / f"{commit.id}.json").write_bytes(msgspec.json.encode(_record(project, commit, number)))
    return project, history


def _commit(number: int) -> Commit:
    parents = (f"{number - 1:040x}",) if number else ()
    time = 1_700_000_000 + number
    return Commit(id=f"{number:040x}", parents=parents, author="A U Thor", time=time, subject=f"Change {number}")


def _record(project: Project, commit: Commit, number: int) -> Record:
    measurements = tuple(
        Measurement(
            case=case.name,
            identity=case.scenario.identity,
            probe=PROBE_METHOD,
            round=0,
            environment=None,
            outcome=Measured(
                metrics=dict.fromkeys(project.config.run.metrics, 1_000_000 + number // 100 * 100_000 + number % 7),
                calls=63,
                gc_objects=(6_000, 16_000 + number),
                types=TYPES,
                profiles={kind: digest([at, number, kind], 32) for kind in KINDS},
                passes=("first", "growth", "rss"),
            ),
        )
        for at, case in enumerate(project.cases)
    )
    return Record(format=STORE_FORMAT, commit=commit, family=FAMILY, measurements=measurements)


def run(state: tuple[Project, tuple[Commit, ...]], commits: int, cases: int) -> tuple[Judged, ...]:
    """Return the judgements, which hold on to all points of all series."""
    project, history = state
    judged = judge(load_commits(project, history))
    assert len(judged) == cases * len(project.config.run.metrics)
    assert len(judged[0].series.points) == commits
    return judged
