"""Loads what is stored for some commits."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias, TypeVar

from memharness.config.configuration import Config
from memharness.errors import MemharnessError
from memharness.findings.project import EVERYTHING, Project, Selection, open_project
from memharness.git.history import RevisionRange, is_ancestor, resolve, select_commits
from memharness.model.environments import PINNED, EnvironmentFacts
from memharness.model.findings import Acceptance
from memharness.model.history import Commit
from memharness.model.measurements import PROBE_METHOD, Measurement
from memharness.model.scenarios import Case

T = TypeVar("T")

PartKey: TypeAlias = tuple[str, int]  # identity of the scenario, and version of the probe's method
RecordKey: TypeAlias = tuple[str, str]  # environment family, and commit id


@dataclass(frozen=True, eq=False)
class Results:
    """What is stored for some commits, by environment family and commit id. Equal to none but itself."""

    project: Project
    commits: tuple[Commit, ...]
    measurements: Mapping[str, Mapping[str, Sequence[Measurement]]]
    environments: Mapping[str, EnvironmentFacts]
    accepted: tuple[Acceptance, ...]
    notices: tuple[str, ...] = ()  # on how they came about
    fresh: frozenset[tuple[str, str, str]] = frozenset()  # what was measured just now: family, commit id and case
    reused: frozenset[str] = frozenset()  # ids of commits to which results of others were ascribed just now
    unfinished: bool = False  # there was no time for the newest commit
    sources: Mapping[RecordKey, frozenset[str]] = field(default_factory=dict)  # ids of commits that records refer to

    def cases(self, family: str) -> tuple[Case, ...]:
        """Return the cases with at least one measurement in a family."""
        return tuple(case for case in self.project.cases if self.series(family, case.name, case.scenario.identity))

    def repeats(
        self, family: str, commit_id: str, case: str, identity: str, probe: int = PROBE_METHOD
    ) -> tuple[Measurement, ...]:
        """Return the repeats of one case at one commit, the first one first."""
        return tuple(self.series(family, case, identity, probe).get(commit_id, ()))

    def series(
        self, family: str, case: str, identity: str, probe: int = PROBE_METHOD
    ) -> Mapping[str, Sequence[Measurement]]:
        """Return the repeats of one case by commit id, those of one probe method."""
        return self.all_series(family, case).get((identity, probe), {})

    def all_series(self, family: str, case: str) -> Mapping[PartKey, Mapping[str, Sequence[Measurement]]]:
        """Return the repeats of one case by identity and probe method, and by commit id."""
        return self._series[family].get(case, {})

    def remember(self, kind: type[T], inputs: object, commits: Sequence[str], compute: Callable[[], T]) -> T:  # noqa: ARG002
        """Return what `compute` returns, which follows from `inputs` and the records of `commits` alone.

        Publishing overrides this to keep such values from one time to the next.
        """
        return compute()

    def only(self, commits: Sequence[Commit]) -> "Results":
        """Return the results of some of the commits."""
        found = {
            family: {commit.id: known[commit.id] for commit in commits if commit.id in known}
            for family, known in self.measurements.items()
        }
        return replace(self, commits=tuple(commits), measurements=found)

    def reloaded(self, changed: Collection[RecordKey]) -> "Results":
        """Return the results with the `changed` records, and those that refer to them, loaded again."""
        stale = {key for key, ids in self.sources.items() if any((key[0], id_) in changed for id_ in ids)}
        return _load(self, stale.union(changed))

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """The position of each commit."""
        return {commit.id: at for at, commit in enumerate(self.commits)}

    @cached_property
    def starts(self) -> Mapping[str, int]:
        """The position of the first commit that each scenario with a `since` applies to, by name."""
        repository, starts = self.project.repository, {}
        for scenario in {case.scenario.name: case.scenario for case in self.project.cases}.values():
            if scenario.since is None:
                continue
            try:
                since = resolve(repository, scenario.since)
            except MemharnessError as error:
                raise MemharnessError(f"{scenario.path}: since: {error.message}", hint=error.hint) from None
            later = (at for at, commit in enumerate(self.commits) if is_ancestor(repository, since, commit.id))
            starts[scenario.name] = next(later, len(self.commits))
        return starts

    @cached_property
    def _series(self) -> dict[str, dict[str, dict[PartKey, dict[str, list[Measurement]]]]]:
        """Everything by family, by case, by identity and probe method, and by commit id."""
        found: dict[str, dict[str, dict[PartKey, dict[str, list[Measurement]]]]] = {}
        for family, records in self.measurements.items():
            own = found.setdefault(family, {})
            for commit, stored in records.items():
                for m in sorted(stored, key=lambda m: m.round):
                    of_case = own.setdefault(m.case, {})
                    of_case.setdefault((m.identity, m.probe), {}).setdefault(commit, []).append(m)
        return found


def load_results(config: Config, selection: Selection = EVERYTHING) -> Results:
    """Load what is stored for the selected commits and cases in all environments; measures and writes nothing."""
    project = open_project(config, selection, read_only=True)
    commits, notices = project.choose_commits(selection)
    return replace(load_commits(project, commits), notices=notices)


def load_commits(project: Project, commits: Sequence[Commit], *, families: Iterable[str] | None = None) -> Results:
    """Load what is stored for these commits, in the given environment families or in all that have series."""
    series = (family for family in project.store.families() if PINNED not in family)
    empty = Results(
        project=project,
        commits=tuple(commits),
        measurements={family: {} for family in (series if families is None else families)},
        environments={},
        accepted=project.store.accepted(),
    )
    return _load(empty, _stored(empty))


def with_whole_history(results: Results) -> Results:
    """Return what is stored of all commits up to the newest one of `results`, in the same families."""
    stored = _stored(results)
    if results.positions.keys() >= {commit for _, commit in stored}:
        return results
    *line, _ = select_commits(results.project.repository, RevisionRange(until=results.commits[-1].id))
    whole = replace(results, commits=(*line, results.commits[-1]))  # the same, but that may be the working tree
    return _load(whole, {(family, commit) for family, commit in stored if commit not in results.positions})


def _stored(results: Results) -> set[RecordKey]:
    store = results.project.store
    return {(family, commit) for family in results.measurements for commit in store.commit_ids(family)}


def _load(results: Results, wanted: Collection[RecordKey]) -> Results:
    """Return `results` with the `wanted` records of their commits as they are stored."""
    store, sources = results.project.store, dict(results.sources)
    measurements: dict[str, dict[str, Sequence[Measurement]]] = {}
    for family, known in results.measurements.items():
        own = measurements[family] = {}
        for commit in results.commits:
            key = (family, commit.id)
            if key not in wanted:
                if commit.id in known:
                    own[commit.id] = known[commit.id]
            elif record := store.record(*key):
                sources[key] = frozenset(reference.commit for reference in record.reused)
                own[commit.id] = store.resolved(record)
    loaded = replace(results, measurements=measurements, sources=sources)
    return replace(loaded, environments=_environments(loaded))


def _environments(results: Results) -> dict[str, EnvironmentFacts]:
    """Return the known facts and those of the other environments that measurements name, as far as they are stored."""
    facts = dict(results.environments)
    for family, records in results.measurements.items():
        named = {m.environment for stored in records.values() for m in stored if m.environment}
        for id_ in named - facts.keys():
            if found := results.project.store.environment(family, id_):
                facts[id_] = found
    return facts
