"""A store as a long run leaves it, made without measuring: what is planned is answered from seeded random walks.

The plan is memharness' own, so repeats and explanations are where a run would have made them, and a run on top of it
finds nothing to do. All default metrics: exact ones wander on every third commit and have three steps in each scenario,
`rss_peak` scatters by 1 %, and one scenario in ten springs a leak. Profiles change where a step is, and on every 25th
commit besides.

usage: python synthetic.py, in the folder of a memharness.toml
"""

import random
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

import memharness
from memharness.model.environments import EnvironmentFacts
from memharness.model.history import Commit
from memharness.model.measurements import (
    PROBE_METHOD,
    Frame,
    LineInstances,
    Measured,
    ModuleCost,
    Observation,
    Profile,
    ProfileLine,
    Stack,
    TypeCount,
)
from memharness.plan.tasks import Task
from memharness.run.session import Session, open_session

STEPS: Final = 3
_LINES: Final = 150  # of a profile
_CALLS: Final = 127
_BASES: Final = {"peak": 8 << 20, "result": 3 << 20, "warm_peak": 5 << 20, "import": 2 << 20}


class Walk:
    """The values of one scenario along a history."""

    def __init__(self, name: str, commits: int) -> None:
        source = random.Random(name)  # its text, so that the values are the same in every process
        self.name = name
        self.steps = sorted(source.sample(range(1, commits), min(STEPS, commits - 1)))
        self.leaks_from = commits // 2 if name.endswith("0") else commits
        self._wobble = source.choices((0, 0, 1), k=commits)
        self._source = source

    @cached_property
    def levels(self) -> list[dict[str, int]]:
        """The exact metrics at each commit."""
        values = {metric: float(base) * self._source.uniform(0.5, 2) for metric, base in _BASES.items()}
        found = []
        for index, wobble in enumerate(self._wobble):
            for metric in values:
                step = self._source.choice((0.9, 1.1, 1.3)) if index in self.steps and metric != "import" else 1
                values[metric] *= step * (1 + wobble * self._source.gauss(0, 0.0003))
            found.append({metric: round(value) for metric, value in values.items()})
        return found

    def metrics(self, index: int, round_: int) -> dict[str, int]:
        """Return all metrics as one measurement has them."""
        levels = self.levels[index]
        scatter = random.Random(f"{self.name} {index} {round_}").gauss(1, 0.01)
        return {
            **levels,
            "retained": 6000 * sum(step <= index for step in self.steps),
            "growth": 512 if index >= self.leaks_from else 0,
            "gc_objects": levels["result"] // 500,
            "rss_peak": round(levels["peak"] * 1.2 * scatter),
        }

    def profile(self, index: int, kind: str, *, explained: bool) -> Profile:
        """Return a profile of one of the kinds "alive", "retained", "import" and "leak"."""
        level = sum(step <= index for step in self.steps)
        source = random.Random(f"{self.name} {kind} {level} {index // 25}")
        lines = tuple(self._line(number, source.randrange(100, 100_000)) for number in range(_LINES))
        if kind == "import":
            modules = tuple(
                ModuleCost(
                    name=line.path[:-3].replace("/", "."), origin="project", path=line.path, line=1, size=line.size
                )
                for line in lines[:: len(lines) // 20]
            )
            return Profile(modules=modules, lines=lines if explained else ())
        if not explained:
            return Profile(lines=lines)
        stacks = tuple(
            Stack(
                size=line.size, count=line.count, frames=(Frame(path=line.path, line=1, function="f", source=""),) * 25
            )
            for line in lines[:20]
        )
        types = tuple(LineInstances(path=line.path, line=line.line, name="builtins.list", count=5) for line in lines)
        return Profile(lines=lines, stacks=stacks, types=types)

    def _line(self, number: int, size: int) -> ProfileLine:
        path, line = f"package/module_{number % 40}.py", number // 40 + 1
        return ProfileLine(
            path=path, line=line, function=f"work_{line}", source="return []", size=size, count=size // 50
        )


class Answers:
    """Answers at once what some work asks to measure."""

    def __init__(self, session: Session, commits: Sequence[Commit]) -> None:
        self._store = session.project.store
        self._index = {commit.id: number for number, commit in enumerate(commits)}
        self._walks = {case.name: Walk(case.name, len(commits)) for case in session.project.cases}

    def measure(
        self,
        blocks: Sequence[Sequence[Task]],
        newest: Commit,  # noqa: ARG002  (as called)
        *,
        purpose: str,  # noqa: ARG002
        more: bool = False,  # noqa: ARG002
    ) -> set[tuple[str, str]]:
        """Store an observation of each case."""
        tasks = [task for block in blocks for task in block]
        for task in tasks:
            python = task.spec.interpreter
            facts = EnvironmentFacts(
                family=task.spec.family,
                python=python.version,
                implementation=python.implementation,
                install=task.spec.install,
            )
            entries = [
                (case.name, case.scenario.identity, PROBE_METHOD, task.round, self._observe(task, case.name))
                for case in task.cases
            ]
            for case, identity, *_ in entries:
                self._store.set_calls(task.spec.family, case, identity, _CALLS)
            self._store.add(task.spec.family, task.commit, facts, entries)
        return {(task.spec.family, task.commit.id) for task in tasks}

    def _observe(self, task: Task, case: str) -> Observation:
        walk, index = self._walks[case], self._index[task.commit.id]
        metrics = walk.metrics(index, task.round)
        kinds = {"alive", "retained", "import"} | ({"leak"} if metrics["growth"] else set())
        profiles = {kind: walk.profile(index, kind, explained=bool(task.explain)) for kind in kinds}
        profiles["calls"] = Profile(sizes=tuple(metrics["growth"] * call for call in range(_CALLS + 1)))
        if task.explain:
            profiles["peak"] = walk.profile(index, "peak", explained=True)
        outcome = Measured(
            metrics=metrics,
            calls=_CALLS,
            gc_objects=(5000, 5000 + metrics["gc_objects"]),
            types=tuple(TypeCount(name=f"package.Type{number}", before=0, after=number) for number in range(1, 10)),
            profiles={kind: profile.id for kind, profile in profiles.items()},
            passes=("first", "growth", "rss", *(("deep", "peak") if task.explain else ())),
        )
        return Observation(outcome=outcome, profiles={profile.id: profile for profile in profiles.values()})


def main() -> None:
    """Do what `run` and a comparison of the middle with the newest commit would do."""
    config = memharness.load_config(Path.cwd(), overrides={"run.reuse": False})
    with open_session(config, memharness.Selection()) as session:
        commits = session.select_commits(memharness.Selection())
        session.workers.measure = Answers(session, commits).measure  # type: ignore[method-assign]  # in place of children
        for chosen in (commits, [commits[len(commits) // 2], commits[-1]]):
            session.confirm(session.measure_missing(session.load_stored(chosen)))


if __name__ == "__main__":
    main()
