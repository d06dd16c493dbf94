"""What a range of commits lacks. Pure.

In: commits oldest first, what each environment is asked to measure, and the keys of what is stored.
Out: `Task`s, one for each commit and environment that lacks something, in the order of the history.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Final, TypeAlias

from msgspec.structs import replace

from memharness.model.environments import EnvironmentSpec
from memharness.model.history import Commit
from memharness.model.metrics import PASSES, PassName
from memharness.model.scenarios import Case
from memharness.model.values import Value

_Kind: TypeAlias = tuple[int, tuple[PassName, ...], frozenset[str]]  # round, passes, metrics to explain


_FEW_CASES: Final = 25  # that a part of a task has
_MOST_PARTS: Final = 12  # of a task: each rewrites the record of its commit


class Suite(Value):
    """The cases to be measured in environments of one kind."""

    spec: EnvironmentSpec
    cases: tuple[Case, ...]


class MeasurementKey(Value):
    """What makes a measurement unique in the store, beside machine and probe method."""

    family: str
    commit: str
    case: str
    identity: str
    round: int = 0


class Task(Value):
    """Cases to measure at one commit in one environment, in some passes; `explain` names the metrics to explain."""

    commit: Commit
    spec: EnvironmentSpec
    cases: tuple[Case, ...]
    round: int = 0
    passes: tuple[PassName, ...] = PASSES
    explain: frozenset[str] = frozenset()


def in_parts(tasks: Iterable[Task]) -> tuple[Task, ...]:
    """Split tasks with many cases, so that workers share them and a run that ends early loses little."""
    return tuple(part for task in tasks for part in _parts(task))


def _parts(task: Task) -> Iterator[Task]:
    size = max(_FEW_CASES, -(-len(task.cases) // _MOST_PARTS))
    for start in range(0, len(task.cases), size):
        yield replace(task, cases=task.cases[start : start + size])


class Repeat(Value):
    """How often a case is to be measured at a commit in all, in which passes, and the metrics to explain once."""

    times: int
    passes: frozenset[PassName]
    explain: frozenset[str]

    def joined(self, other: "Repeat") -> "Repeat":
        """Return what does for both."""
        times, passes = max(self.times, other.times), self.passes | other.passes
        return Repeat(times=times, passes=passes, explain=self.explain | other.explain)


class Completed(Value):
    """What a stored measurement settles: the passes that need not be run again, and the metrics it was explained by.

    An explanation is lost where the first pass is to be run again.
    """

    passes: frozenset[PassName]
    explained: frozenset[str] = frozenset()

    @property
    def lost(self) -> frozenset[str]:
        """The metrics whose explanation is lost."""
        return frozenset() if "first" in self.passes else self.explained


_NOTHING: Final = Completed(passes=frozenset())


def make_suites(specs: Iterable[tuple[EnvironmentSpec, Iterable[Case]]]) -> tuple[Suite, ...]:
    """Pair each environment with those of its cases that its interpreter may run."""
    suites = (
        Suite(spec=spec, cases=tuple(case for case in cases if runs_on(case, spec.interpreter.version)))
        for spec, cases in specs
    )
    return tuple(suite for suite in suites if suite.cases)


def runs_on(case: Case, version: str) -> bool:
    """Tell whether a Python of this version may run the case (`requires-python`)."""
    required = case.scenario.requires_python
    if required is None:
        return True
    from packaging.specifiers import SpecifierSet  # here, as few scenarios need it

    return SpecifierSet(required).contains(version, prereleases=True)


def key_of(commit: Commit, spec: EnvironmentSpec, case: Case) -> MeasurementKey:
    """Return the key under which the first measurement of `case` is stored."""
    return MeasurementKey(family=spec.family, commit=commit.id, case=case.name, identity=case.scenario.identity)


def plan_range(
    commits: Sequence[Commit],
    suites: Sequence[Suite],
    stored: Collection[MeasurementKey],
    starts: Mapping[str, int],
    *,
    passes: tuple[PassName, ...] = PASSES,
) -> tuple[Task, ...]:
    """Return what is missing of a first measurement, or of some `passes` of it, of every case at every commit.

    `starts` maps the names of scenarios with a `since` to the index of the first commit that they apply to.
    """
    tasks = []
    for index, commit in enumerate(commits):
        for suite in suites:
            missing = tuple(
                case
                for case in suite.cases
                if index >= starts.get(case.scenario.name, 0) and key_of(commit, suite.spec, case) not in stored
            )
            if missing:
                tasks.append(Task(commit=commit, spec=suite.spec, cases=missing, passes=passes))
    return tuple(tasks)


def plan_repeats(
    wanted: Mapping[str, Mapping[tuple[str, str], Repeat]],
    commits: Iterable[Commit],
    suites: Sequence[Suite],
    stored: Mapping[MeasurementKey, Completed],
) -> tuple[Task, ...]:
    """Return what is missing of the repeats that are wanted, by commit id and then by (family, case name)."""
    tasks = []
    for commit in commits:
        for suite in suites if commit.id in wanted else ():
            grouped: dict[_Kind, list[Case]] = defaultdict(list)
            for case in suite.cases:
                repeat = wanted.get(commit.id, {}).get((suite.spec.family, case.name))
                if repeat is not None:
                    found = tuple(_rounds(key_of(commit, suite.spec, case), stored))
                    for kind in _lacking(repeat, found):
                        grouped[kind].append(case)
            tasks += [
                Task(commit=commit, spec=suite.spec, cases=tuple(cases), round=round_, passes=passes, explain=explain)
                for (round_, passes, explain), cases in sorted(grouped.items(), key=lambda one: _order(*one[0]))
            ]
    return tuple(tasks)


def _order(round_: int, passes: tuple[PassName, ...], explain: frozenset[str]) -> tuple[object, ...]:
    return round_, passes, sorted(explain)


def _lacking(repeat: Repeat, found: Sequence[Completed]) -> Iterator[_Kind]:
    """Yield round, passes and metrics to explain; `found` are the rounds from 1 on that something is stored for.

    An explanation takes a round of its own: it is not mixed with what was measured before. One that is lost is made
    again where it was.
    """
    numbered = dict(enumerate(found, 1))
    to_repeat = [number for number, known in numbered.items() if known.lost or not known.passes]
    explain = repeat.explain.difference(*(known.explained - known.lost for known in found))
    explaining = min(to_repeat, default=len(found) + 1) if explain else None
    if explaining is not None:
        yield explaining, tuple(sorted(repeat.passes | {"first"})), explain | numbered.get(explaining, _NOTHING).lost
    for number in range(1, repeat.times):
        known = numbered.get(number, _NOTHING)
        if number != explaining and not repeat.passes <= known.passes:
            yield number, tuple(sorted(repeat.passes)), known.lost


def _rounds(key: MeasurementKey, stored: Mapping[MeasurementKey, Completed]) -> Iterator[Completed]:
    """Yield what is stored of the rounds 1, 2, .. up to the first without anything."""
    numbers = count(1)
    while (known := stored.get(replace(key, round=next(numbers)))) is not None:
        yield known
