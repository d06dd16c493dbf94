"""Rules on real commits and real measurements: a line that moved differs nowhere; parts sum to the difference."""

import builtins
import os
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from types import SimpleNamespace

import pytest

from children import Bench, measured
from memharness.analyse.blame.edits import Edits, Place
from memharness.analyse.blame.lines import LineDifference, blame, line_differences, subtract
from memharness.git.history import file_edits
from memharness.git.repository import open_repository
from memharness.model.measurements import Observation, Profile, ProfileLine
from programs import SCENARIO, Program, random_program
from repositories import RepositoryBuilder

METRICS = ("peak", "retained", "result")
_FILL = re.compile(r"\s+(out|KEPT)\[(\d+)\] = (.*)")


def held(sources: Mapping[str, str]) -> dict[str, Counter[Place]]:
    """Run a program here and return the bytes that each of its lines holds: in what it returns, and for good."""
    modules: dict[str, SimpleNamespace] = {}
    imports = {**vars(builtins), "__import__": lambda name, *_: modules[f"{name}.py"]}
    for path in sorted(sources, key=lambda path: (path == "registry.py", path != "making.py")):
        modules[path] = SimpleNamespace(__builtins__=imports)
        exec(compile(sources[path], path, "exec"), vars(modules[path]))
    slots: dict[tuple[str, int], tuple[str, Place, Sequence[object]]] = {}  # the last line that filled each, its list
    for function in modules["registry.py"].FUNCTIONS:
        path, first = function.__code__.co_filename, function.__code__.co_firstlineno
        lists = {"out": (function.__name__, "result", function()), "KEPT": (path, "retained", modules[path].KEPT)}
        body = takewhile(lambda line: not line.startswith("def "), sources[path].split("\n")[first:])
        for number, fill in enumerate(map(_FILL.match, body), first + 1):
            if fill is not None:
                name, metric, values = lists[fill[1]]
                place = ("making.py", 2) if fill[3].startswith("make") else (path, number)
                slots[name, int(fill[2])] = metric, place, values
    found = {"result": Counter[Place](), "retained": Counter[Place]()}
    for (_, slot), (metric, place, values) in slots.items():
        found[metric][place] += sys.getsizeof(values[slot])
    return {**found, "peak": found["result"] + found["retained"]}  # lines at the peak are those at the end


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
def test_each_difference_is_what_its_lines_hold_and_the_rest_is_elsewhere(
    bench: Bench, tmp_path: Path, seed: int
) -> None:
    program = random_program(seed)
    pair = Pair(bench, program)
    before = held(program.sources())
    pair.measure(explain=seed % 4 == 0)
    program.move(seed % 3)
    program.edit(1 + seed % 5)
    program.move(seed % 3)
    after = held(program.sources())
    pair.measure(explain=seed % 4 == 0)
    edits = pair.edits(tmp_path / "cache")
    for metric in METRICS:
        old, new = before[metric], after[metric]
        total, differences = pair.total(metric), pair.differences(metric, edits)
        moves = {d: sum(map(new.__getitem__, d.new)) - sum(map(old.__getitem__, d.old)) for d in differences}
        assert {d: d.now for d in differences} == {d: sum(map(new.__getitem__, d.new)) for d in differences}
        assert {d: d.size for d in differences} == moves
        assert sum(moves.values()) == sum(new.values()) - sum(old.values())
        if metric != "peak":  # which may lie before a line that fills a slot again
            assert sum(moves.values()) == total
        lines, elsewhere = blame(total, differences, edits, Profile(), Profile(), most=2)
        named = {(line.path, line.line, line.bytes) for line in lines}
        assert elsewhere == total - sum(m for d, m in moves.items() if (d.stat.path, d.stat.line, m) in named)
