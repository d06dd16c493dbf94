"""The plan: which cases to measure at which commits, and what is there already. Pure.

In: commits oldest first, what each environment is asked to measure, and the keys of what is stored.
Out: `Task`s, one for each commit and environment that lacks something, in the order of the history.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from packaging.specifiers import SpecifierSet

from memharness.model import Case, Commit, EnvironmentSpec, Value


class Suite(Value):
    """The cases to be measured in environments of one kind."""

    spec: EnvironmentSpec
    cases: tuple[Case, ...]


class Key(Value):
    """What makes a measurement unique in the store, beside machine and probe method."""

    family: str
    commit: str
    case: str
    identity: str
    round: int = 0


class Task(Value):
    """Cases to measure at one commit in one environment. `explain` asks for deep profiles as well."""

    commit: Commit
    spec: EnvironmentSpec
    cases: tuple[Case, ...]
    round: int = 0
    explain: bool = False


def make_suites(specs: Iterable[tuple[EnvironmentSpec, Iterable[Case]]]) -> tuple[Suite, ...]:
    """Pair each environment with those of its cases that its interpreter may run (`requires-python`)."""
    suites = (Suite(spec=spec, cases=tuple(c for c in cases if _runs_on(c, spec))) for spec, cases in specs)
    return tuple(suite for suite in suites if suite.cases)


def _runs_on(case: Case, spec: EnvironmentSpec) -> bool:
    required = case.scenario.requires_python
    return required is None or SpecifierSet(required).contains(spec.interpreter.version, prereleases=True)


def key_of(commit: Commit, spec: EnvironmentSpec, case: Case, round_: int = 0) -> Key:
    """Return the key under which the measurement of `case` is stored."""
    return Key(
        family=spec.family,
        commit=commit.id,
        case=case.name,
        identity=case.scenario.identity,
        round=round_,
    )


def plan_range(
    commits: Sequence[Commit],
    suites: Sequence[Suite],
    stored: Collection[Key],
    starts: Mapping[str, int],
) -> tuple[Task, ...]:
    """Return what is missing of a first measurement of every case at every commit.

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
                tasks.append(Task(commit=commit, spec=suite.spec, cases=missing))
    return tuple(tasks)


def plan_repeats(
    wanted: Mapping[str, Collection[tuple[str, str]]],
    commits: Sequence[Commit],
    suites: Sequence[Suite],
    stored: Collection[Key],
) -> tuple[Task, ...]:
    """Return the second measurements that are wanted and missing, with deep stacks.

    `wanted` maps commit ids to (family, case name) pairs.
    """
    tasks = []
    for commit in commits:
        for suite in suites:
            missing = tuple(
                case
                for case in suite.cases
                if (suite.spec.family, case.name) in wanted.get(commit.id, ())
                and key_of(commit, suite.spec, case, 1) not in stored
            )
            if missing:
                tasks.append(Task(commit=commit, spec=suite.spec, cases=missing, round=1, explain=True))
    return tuple(tasks)
