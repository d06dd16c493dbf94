"""All that a site is about: the history, the results of every machine and family, and the changes of every case."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from memharness.config.configuration import Config
from memharness.errors import MemharnessError
from memharness.findings.describe import SourceEdits
from memharness.findings.project import Project, Selection, open_project
from memharness.model.environments import PINNED
from memharness.model.history import Commit
from memharness.model.measurements import PROBE_METHOD
from memharness.scenarios import all_cases, load_scenarios
from memharness.site.cache import Cache
from memharness.site.case_history import CaseHistory, FamilyResults
from memharness.site.changes import change_entries, find_changes
from memharness.site.columns import Key, load_columns
from memharness.site.timelines import summarise
from memharness.site.values import ChangeEntry, TrendSummary
from memharness.store import Store, machines


@dataclass(frozen=True, eq=False)
class SiteContents:
    """The results of a project, each family's with the whole `history`."""

    project: Project
    history: tuple[Commit, ...]
    families: tuple[FamilyResults, ...]

    @property
    def notices(self) -> tuple[str, ...]:
        """Remarks on stored files, so far as they were read, and on the cache folder."""
        stored = [notice for family in self.families for notice in family.project.store.notices]
        return tuple(dict.fromkeys([*stored, *(f.cache.fault for f in self.families if f.cache.fault)]))

    @property
    def newest_tag(self) -> int | None:
        """The position of the newest tagged commit before the newest commit."""
        tagged = [at for at, commit in enumerate(self.history[:-1]) if commit.tags]
        return tagged[-1] if tagged else None


@dataclass(frozen=True, eq=False)
class CaseChanges:
    """A case with its changes and its metrics, and by position the medians of what has more than first values.

    The changes are also those of former parts of its series, the metrics those of the present part alone.
    """

    case: CaseHistory
    entries: tuple[ChangeEntry, ...]
    rows: tuple[TrendSummary, ...]
    repeated: dict[int, dict[str, int]]


def open_contents(config: Config, selection: Selection) -> SiteContents:
    """Read what is stored of the selected commits and cases, on all machines or the selected one; nothing is an error.

    Without a choice of commits the history begins at the first that anything is stored of.
    """
    project = open_project(config, selection, read_only=True)
    history = project.commits(selection)
    chosen = [name for name in machines(config.run.results) if selection.machine in (None, name)]
    stored = [
        (own, family)
        for own in (project_of(project, machine) for machine in chosen)
        for family in own.store.families()
        if PINNED not in family
    ]
    known = {commit for own, family in stored for commit in own.store.commit_ids(family)}
    first = next((at for at, commit in enumerate(history) if commit.id in known), None)
    if first is None:
        raise MemharnessError(
            f"nothing is stored of these commits in {config.run.results / (selection.machine or '')}",
            hint="Measure them with `memharness run`, or choose others.",
        )
    if not any((selection.since, selection.base, selection.last, selection.tags, selection.every)):
        history = history[first:]
    every_case = all_cases(load_scenarios(config.run.scenarios))  # whatever is chosen now, so that what is kept stays
    keys = [(case.name, case.scenario.identity, PROBE_METHOD) for case in every_case]
    families = tuple(_load_family(own, family, keys, history) for own, family in stored)
    return SiteContents(project=project, history=history, families=families)


def project_of(project: Project, machine: str) -> Project:
    """Return the project with the results of another machine."""
    store = Store(project.config.run.results, machine, read_only=True, renamed=project.store.renamed)
    return replace(project, store=store)


def _load_family(project: Project, family: str, keys: Sequence[Key], history: tuple[Commit, ...]) -> FamilyResults:
    store = project.store
    cache = Cache(project.config.run.results, store.machine, family, store.notices)
    columns = load_columns(store, family, keys, {commit.id: at for at, commit in enumerate(history)}, cache)
    environments = {id_: store.environment(family, id_) for id_ in columns.facts}
    return FamilyResults(
        project=project,
        family=family,
        columns=columns,
        history=history,
        environments={id_: facts for id_, facts in environments.items() if facts is not None},
        accepted=store.accepted(),
        cache=cache,
    )


def case_changes(contents: SiteContents, source_edits: SourceEdits) -> Iterator[CaseChanges]:
    """Yield every case of a site; what was computed for it is kept in the cache folder."""
    tag = contents.newest_tag
    for family in contents.families:
        for case in family.cases:
            parts = (*case.former(), case)
            entries: tuple[ChangeEntry, ...] = ()
            for number, part in enumerate(parts, 1):
                own = tuple(change_entries(part, find_changes(part, source_edits), parts[number:]))
                entries += own
            yield CaseChanges(case, entries, summarise(case, own, tag), case.medians())
        family.cache.forget_the_rest()
