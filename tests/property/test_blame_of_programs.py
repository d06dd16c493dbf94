"""Rules on real commits and real measurements: a line that moved differs nowhere; parts sum to the difference."""

import os
from pathlib import Path

import pytest

from children import Bench, measured
from memharness.analyse.blame.edits import Edits
from memharness.analyse.blame.lines import LineDifference, blame, line_differences, subtract
from memharness.git.history import file_edits
from memharness.git.repository import open_repository
from memharness.model.measurements import Observation, Profile, ProfileLine
from programs import SCENARIO, Program, random_program
from repositories import RepositoryBuilder

METRICS = ("peak", "retained", "result")


class Pair:
    """Two commits, measured, and what git says lies between them."""

    def __init__(self, bench: Bench, program: Program) -> None:
        self._bench = bench
        self._program = program
        self._builder = RepositoryBuilder(bench.tree)
        self._commits: list[str] = []
        self._observed: list[Observation] = []

    def measure(self, *, explain: bool) -> None:
        """Commit the program as it is and measure it."""
        sources = self._program.sources()
        gone = [path.name for path in self._bench.tree.glob("*.py") if path.name not in sources]
        self._commits.append(self._builder.commit({**sources, **dict.fromkeys(gone)}))
        for path in self._bench.tree.glob("*.py"):  # byte code is known by size and time: each commit has its own
            os.utime(path, (len(self._commits), len(self._commits)))
        packages = [name.removesuffix(".py") for name in sources]
        checkout = self._bench.checkout(*packages)
        self._observed.append(self._bench.observe(SCENARIO, METRICS, checkout=checkout, explain=explain))

    def edits(self, folder: Path) -> Edits:
        repository = open_repository(str(self._builder.path), folder)
        files = file_edits(repository, *self._commits)
        before, after = (
            {name: repository.git("cat-file", "blob", f"{commit}:{name}").decode() for name in names if name}
            for commit, names in zip(self._commits, ([f.before for f in files], [f.after for f in files]), strict=True)
        )
        return Edits(files, before=before, after=after)

    def total(self, metric: str) -> int:
        before, after = (measured(observed).metrics[metric] for observed in self._observed)
        return after - before

    def profiles(self, kind: str) -> list[Profile]:
        return [observed.profiles[measured(observed).profiles[kind]] for observed in self._observed]

    def lines(self, metric: str) -> list[tuple[ProfileLine, ...]]:
        if metric == "result":
            return [subtract(a, r) for a, r in zip(self.profiles("alive"), self.profiles("retained"), strict=True)]
        return [profile.lines for profile in self.profiles("alive" if metric == "peak" else metric)]

    def differences(self, metric: str, edits: Edits) -> tuple[LineDifference, ...]:
        before, after = self.lines(metric)
        return line_differences(before, after, edits)


@pytest.mark.parametrize("seed", range(8))
def test_lines_that_only_moved_differ_nowhere(bench: Bench, tmp_path: Path, seed: int) -> None:
    program = random_program(seed)
    pair = Pair(bench, program)
    pair.measure(explain=seed % 4 == 0)
    program.move(3 + 2 * seed)
    pair.measure(explain=seed % 4 == 0)
    edits = pair.edits(tmp_path / "cache")
    assert [pair.differences(metric, edits) for metric in ("result", "retained")] == [(), ()]


@pytest.mark.parametrize("seed", range(100, 110))
def test_the_parts_sum_to_the_difference(bench: Bench, tmp_path: Path, seed: int) -> None:
    program = random_program(seed)
    pair = Pair(bench, program)
    pair.measure(explain=seed % 4 == 0)
    program.move(seed % 3)
    program.edit(1 + seed % 5)
    program.move(seed % 3)
    pair.measure(explain=seed % 4 == 0)
    edits = pair.edits(tmp_path / "cache")
    for metric in METRICS:
        total, differences = pair.total(metric), pair.differences(metric, edits)
        if metric != "peak":
            assert sum(d.size for d in differences) == total
        alive = pair.profiles("alive")
        lines, elsewhere = blame(total, differences, edits, *alive)
        assert sum(line.bytes for line in lines) + elsewhere == total
