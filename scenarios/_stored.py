"""A results folder as a project with many commits has it; made by `setup`, outside of what is traced."""

import tempfile
from pathlib import Path

from memharness.model.environments import EnvironmentFacts
from memharness.model.history import Commit
from memharness.model.measurements import Measured, Observation
from memharness.store import Store

FAMILY = "cpython-3.11.7-auto"
CASES = ("load", "parse", "render", "search")
METRICS = ("peak", "retained", "result", "warm_peak", "growth", "import", "gc_objects", "rss_peak")
FACTS = EnvironmentFacts(family=FAMILY, python="3.11.7", implementation="cpython", install="auto")


def commit(number: int) -> Commit:
    """Return one commit of a straight history."""
    return Commit(
        id=f"{number:040x}", parents=(), author="A U Thor", time=1_700_000_000 + number, subject=f"Change {number}"
    )


def make_results(commits: int) -> Path:
    """Store `commits` records of four cases; every hundredth commit raises the peak."""
    folder = Path(tempfile.mkdtemp())
    store = Store(folder, "machine")
    for number in range(commits):
        values = dict.fromkeys(METRICS, 1000000 + number // 100 * 100000)
        observation = Observation(outcome=Measured(metrics=values, passes=("first",)))
        entries = [(case, "identity", 1, 0, observation) for case in CASES]
        store.add(FAMILY, commit(number), FACTS, entries)
    return folder
