"""What is stored for some commits, loaded: the ground on which findings are made. Measures nothing, writes nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

from memharness.config.configuration import Config
from memharness.findings.project import EVERYTHING, Project, Selection, open_project
from memharness.git.history import RevisionRange, select_commits
from memharness.model.environments import PINNED, EnvironmentFacts
from memharness.model.findings import Acceptance
from memharness.model.history import Commit
from memharness.model.measurements import PROBE_METHOD, Measurement
from memharness.model.scenarios import Case

SeriesKey: TypeAlias = tuple[str, int]  # identity of the scenario, and version of the probe's method


@dataclass(frozen=True, eq=False)
class Results:
    """What is stored for some commits, by environment family and commit id. Equal to none but itself."""

    project: Project
    commits: tuple[Commit, ...]
    measurements: Mapping[str, Mapping[str, Sequence[Measurement]]]
    environments: Mapping[str, EnvironmentFacts]
    accepted: tuple[Acceptance, ...]
    measured: int = 0  # at so many of the commits something was measured just now
    notices: tuple[str, ...] = ()  # on how they came about
    reused: int = 0  # at so many others results were taken from another commit just now
    fresh: frozenset[tuple[str, str, str]] = frozenset()  # what was measured just now: family, commit id and case

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

    def all_series(self, family: str, case: str) -> Mapping[SeriesKey, Mapping[str, Sequence[Measurement]]]:
        """Return the repeats of one case by what makes them comparable, and by commit id."""
        return self._series[family].get(case, {})

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """The position of each commit."""
        return {commit.id: at for at, commit in enumerate(self.commits)}

    @cached_property
    def _series(self) -> dict[str, dict[str, dict[SeriesKey, dict[str, list[Measurement]]]]]:
        """Everything by family, by case, by identity and probe method, and by commit id."""
        found: dict[str, dict[str, dict[SeriesKey, dict[str, list[Measurement]]]]] = {}
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
    commits = project.commits(selection)
    return replace(load_commits(project, commits), notices=project.shortfall(selection, commits))


def load_commits(
    project: Project,
    commits: Sequence[Commit],
    *,
    families: Iterable[str] | None = None,
    measured: int = 0,
    reused: int = 0,
) -> Results:
    """Load what is stored for these commits, in the given environment families or in all that have series."""
    ids = [commit.id for commit in commits]
    measurements = {}
    environments: dict[str, EnvironmentFacts] = {}
    series = (family for family in project.store.families() if PINNED not in family)
    for family in series if families is None else families:
        stored_ids = project.store.commit_ids(family)
        records = {id_: project.store.measurements(family, id_) for id_ in ids if id_ in stored_ids}
        measurements[family] = records
        for facts_id in {m.environment for stored in records.values() for m in stored if m.environment}:
            facts = project.store.environment(family, facts_id)
            if facts is not None:
                environments[facts_id] = facts
    return Results(
        project=project,
        commits=tuple(commits),
        measurements=measurements,
        environments=environments,
        accepted=project.store.accepted(),
        measured=measured,
        reused=reused,
    )


def with_whole_history(results: Results) -> Results:
    """Return what is stored of all commits up to the newest one of `results`, in the same families."""
    project, newest = results.project, results.commits[-1]
    stored = {commit for family in results.measurements for commit in project.store.commit_ids(family)}
    if stored <= {commit.id for commit in results.commits}:
        return results
    commits = select_commits(project.repository, RevisionRange(until=newest.id))
    return load_commits(project, commits, families=results.measurements)
