"""How few commits `run --adaptive` measures, and what it finds, on random histories with planted steps.

usage: python tests/benchmarks/adaptive.py [--json FILE] [--seeds N] [--commits N ...]

A history has four series. A step moves at least one of them by 1 to 20 report thresholds, up or down, and lasts 32
commits or more; all values scatter by a fifth of a threshold. Three searches go through the same histories:

adaptive  that of `memharness.plan.adaptive`
halving   the way of `asv find`, halving from the two ends, but following every half whose ends differ, not only the
          one that differs most
stride    every 32nd commit, then halving between neighbours that differ

The table: commits that were tried for at least one series, measurable or not (`median` and `max`), for a single series
(`per series`, median), and until the last step was found (`last at`, median); the share of the steps that were named as
exactly as the commits that can be measured allow (`recall`); places named where no step is (`false`).
"""

import argparse
import math
import random
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from pathlib import Path
from statistics import median

from memharness.plan.adaptive import GAP, SPLIT, AdaptiveSearch, Found
from report import Report, Target

LENGTHS = (100, 300, 1000, 3000, 10000)
SEEDS = 200  # for lines of up to 1,000 commits; proportionally fewer, but 20, for longer ones
MOST, RECALL, MOST_WITHOUT_STEPS = 60, 0.99, 33  # the bound, at 1,000 commits and 3 or no steps
SCATTER = 0.1  # report thresholds, to both sides
COLUMNS = ("history", "search", "median", "max", "per series", "last at", "recall", "false")

Place = tuple[int, int, int]  # a series, and the last position before a step and the first after it


@dataclass(frozen=True)
class Kind:
    """What kind of history; `creep` is a steady rise by so many thresholds, `stretch` is of broken commits in a row."""

    commits: int
    steps: int
    series: int = 4
    broken: float = 0.0
    stretch: int = 0
    creep: float = 0.0
    undone: tuple[int, int] | None = None  # each step, after at least and at most so many commits

    @property
    def name(self) -> str:
        """What a row is headed with."""
        parts = [f"{self.commits} commits", f"{self.steps} step{'s' * (self.steps != 1)}"]
        parts += ["1 series"] * (self.series == 1)
        parts += [f"undone after {self.undone[0]} to {self.undone[1]}"] if self.undone else []
        parts += [f"{self.broken:.0%} broken"] * (self.broken > 0) + [f"creep of {self.creep:g}"] * (self.creep > 0)
        parts += [f"{self.stretch} broken in a row"] * (self.stretch > 0)
        return ", ".join(parts)

    @property
    def bound(self) -> int | None:
        """The most evaluations allowed, if any number is."""
        if self.commits != 1000 or self.undone or self.creep or self.stretch:
            return None
        return MOST if self.steps == 3 else MOST_WITHOUT_STEPS if self.steps == 0 and not self.broken else None


class History:
    """A line of commits: the level of each series, what would be measured, and which commits are broken."""

    def __init__(self, kind: Kind, seed: int) -> None:
        source = random.Random(f"{kind} {seed}")
        n = self.commits = kind.commits
        self.series = range(kind.series)
        jumps = [[0.0] * n for _ in self.series]
        for position, back in _steps(kind, source):
            for one in source.sample(self.series, source.randint(1, kind.series)):
                jumps[one][position] += (size := source.choice((-1, 1)) * source.uniform(1, 20))
                if back is not None:
                    jumps[one][back] -= size
        self.levels = [[round(level, 6) for level in accumulate(each)] for each in jumps]
        self._values = [
            [level + kind.creep * i / n + source.uniform(-SCATTER, SCATTER) for i, level in enumerate(levels)]
            for levels in self.levels
        ]
        first = source.randint(1, n - 1 - kind.stretch)
        self.broken = {position for position in range(n) if source.random() < kind.broken}
        self.broken |= set(range(first, first + kind.stretch))

    def difference(self, series: int, before: int, after: int) -> float:
        """Return how many thresholds lie between two values."""
        return abs(self._values[series][after] - self._values[series][before])

    def differ(self, before: int, after: int) -> bool:
        """Tell whether any series does."""
        return any(self.difference(one, before, after) >= SPLIT for one in self.series)

    @cached_property
    def places(self) -> set[Place]:
        """Where the steps are, as exactly as the commits that can be measured tell."""
        sound = [position for position in range(self.commits) if position not in self.broken]
        return {
            (one, before, after)
            for one, levels in enumerate(self.levels)
            for before, after in pairwise(sound)
            if levels[before] != levels[after]
        }


def _steps(kind: Kind, source: random.Random) -> Iterator[tuple[int, int | None]]:
    """Yield where each step is and where it is undone; what follows either lasts `GAP` commits or more."""
    room = GAP + (kind.undone[1] if kind.undone else 0)
    last = kind.commits - room - (kind.steps - 1) * (room - 1)
    for number, position in enumerate(sorted(source.sample(range(1, last + 1), kind.steps))):
        start = position + number * (room - 1)
        yield start, start + source.randint(*kind.undone) if kind.undone else None


@dataclass(frozen=True)
class Outcome:
    """What was tried, in this order, how often for a single series, and which places were named."""

    tried: Sequence[int]
    single: int
    named: set[Place]
    found: set[Place]

    @property
    def last(self) -> int:
        """After how many evaluations the last of the found steps was."""
        when = {position: number for number, position in enumerate(self.tried, 1)}
        return max((max(when[before], when[after]) for _, before, after in self.found), default=0)


def adaptive(history: History) -> Outcome:
    """Search as memharness does; what breaks one series breaks all."""
    search = AdaptiveSearch(history.commits, dict.fromkeys(history.series, 0), history.difference)
    known: dict[int, dict[int, Found]] = {one: {} for one in history.series}
    tried: dict[int, None] = {}
    single = 0
    while requests := search.next_requests(known):
        (request,) = requests
        tried[request.position] = None
        single += len(request.series)
        broken = request.position in history.broken
        for one in history.series if broken else request.series:
            known[one][request.position] = "skip" if broken else "measured"
    named = search.differing(known)
    settled = {(each.series, each.before, each.after) for each in named if not each.untried}
    bounds = {(each.series, each.before, each.after) for each in named}
    return Outcome(list(tried), single, settled, bounds & history.places)


def halving(history: History) -> Outcome:
    """Halve between the two ends."""
    return _halved(history, (0, history.commits - 1))


def stride(history: History) -> Outcome:
    """Halve between the commits of a grid."""
    return _halved(history, (*range(0, history.commits - 1, GAP), history.commits - 1))


def _halved(history: History, grid: Iterable[int]) -> Outcome:
    """Halve where any series differs; in the place of a broken commit comes the nearest one that is not tried."""
    tried: dict[int, bool] = {}

    def measure(target: int, before: int, after: int) -> int | None:
        for position in sorted(range(before + 1, after), key=lambda each: abs(each - target)):
            if position not in tried:
                tried[position] = position not in history.broken
                if tried[position]:
                    return position
        return None

    ends = [measure(position, -1, history.commits) for position in grid]
    open_ = deque(pairwise(sorted(position for position in ends if position is not None)))
    while open_:
        before, after = open_.popleft()
        if history.differ(before, after) and (middle := measure((before + after) // 2, before, after)) is not None:
            open_ += [(before, middle), (middle, after)]
    measured = sorted(position for position, sound in tried.items() if sound)
    named = {
        (one, *pair)
        for one in history.series
        for pair in pairwise(measured)
        if history.difference(one, *pair) >= SPLIT and all(position in tried for position in range(*pair))
    }
    return Outcome(list(tried), len(tried) * len(history.series), named, named & history.places)


SEARCHES: Mapping[str, Callable[[History], Outcome]] = {"adaptive": adaptive, "halving": halving, "stride": stride}


def kinds(lengths: Sequence[int]) -> Iterator[Kind]:
    """Yield all rows of the table."""
    for commits in lengths:
        for steps in (0, 1, 3, 10):
            if (steps + 1) * GAP <= commits:
                yield Kind(commits, steps)
        yield Kind(commits, 3 if commits > 4 * GAP else 1, broken=0.05)
        if commits == 1000:
            yield Kind(commits, 3, series=1)
            yield Kind(commits, 3, series=1, broken=0.05)
            yield Kind(commits, 3, stretch=100)
            yield Kind(commits, 3, creep=10)
            yield Kind(commits, 3, undone=(GAP, 2 * GAP))
            yield Kind(commits, 3, undone=(8, GAP - 1))


def run(kind: Kind, seeds: int, report: Report) -> None:
    """Add the rows of one kind of history, and its targets."""
    histories = [History(kind, seed) for seed in range(max(20, seeds * 1000 // max(1000, kind.commits)))]
    planted = sum(len(history.places) for history in histories)
    for name, search in SEARCHES.items():
        outcomes = [search(history) for history in histories]
        most = max(len(each.tried) for each in outcomes)
        recall = sum(len(each.found) for each in outcomes) / planted if planted else None
        report.add(
            kind.name,
            name,
            round(median(len(each.tried) for each in outcomes)),
            most,
            round(median(each.single / kind.series for each in outcomes)),
            round(median(each.last for each in outcomes)) if planted else None,
            None if recall is None else math.floor(recall * 1000) / 1000,
            sum(len(each.named - history.places) for each, history in zip(outcomes, histories, strict=True)),
        )
        if name == "adaptive" and kind.bound is not None:
            report.targets.append(Target(f"max, {kind.name}, {len(histories)} seeds", most, kind.bound))
            if recall is not None:
                report.targets.append(Target(f"recall, {kind.name}", recall, RECALL, at_least=True))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 1 where the bound does not hold."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures there")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="histories of each kind (default: %(default)s)")
    parser.add_argument("--commits", type=int, nargs="+", default=LENGTHS, help="lengths of the histories")
    options = parser.parse_args(arguments)
    report = Report("Adaptive search: commits tried until all steps are found", COLUMNS)
    for kind in kinds(options.commits):
        run(kind, options.seeds, report)
    return report.finish(options.json)


if __name__ == "__main__":
    sys.exit(main())
