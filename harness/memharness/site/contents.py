"""All that a site is about: the history, the results of every machine and family, and the changes of every case."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from memharness.config.configuration import Config
from memharness.errors import MemharnessError
from memharness.findings.describe import SourceEdits
from memharness.findings.project import Project, Selection, load_cases, open_project
from memharness.model.environments import PINNED
from memharness.model.history import Commit
from memharness.model.measurements import PROBE_METHOD
from memharness.site.cache import Cache
from memharness.site.case_history import CaseHistory, FamilyResults
from memharness.site.changes import change_entries, find_changes
from memharness.site.columns import Key, load_columns
from memharness.site.timelines import summarise
from memharness.site.values import ChangeEntry, TrendSummary
from memharness.store import Store, machines

_RECENT: Final = 3  # commits: a run may be under way, which measures one family after the other


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

    @cached_property
    def current(self) -> tuple[FamilyResults, ...]:
        """The families with results of one of the newest measured commits; the others are configured no more."""
        return tuple(
            family for family in self.families if family.rows.keys() & {*self._measured(family.machine)[-_RECENT:]}
        )

    def _measured(self, machine: str) -> list[int]:
        """Return the positions that anything is stored of on a machine, the oldest first."""
        return sorted({at for family in self.families if family.machine == machine for at in family.rows})

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
    stored = _stored_families(project, selection)
    history = _history(project, selection, {id_ for own, family in stored for id_ in own.store.commit_ids(family)})
    every_case = load_cases(config)  # chosen or not, so that cached blocks hold
    keys = [(case.name, case.scenario.identity, PROBE_METHOD) for case in every_case]
    families = tuple(_load_family(own, family, keys, history) for own, family in stored)
    return SiteContents(project=project, history=history, families=families)


def _stored_families(project: Project, selection: Selection) -> list[tuple[Project, str]]:
    """Return the families that have series, each with the project as its machine knows it."""
    results, renamed = project.config.run.results, project.store.renamed
    chosen = [name for name in machines(results) if selection.machine in (None, name)]
    stores = [Store(results, name, read_only=True, renamed=renamed) for name in chosen]
    return [
        (replace(project, store=store), family)
        for store in stores
        for family in store.families()
        if PINNED not in family
    ]


def _history(project: Project, selection: Selection, known: Container[str]) -> tuple[Commit, ...]:
    """Return the selected commits, from the first `known` one on where none are chosen."""
    history = project.commits(selection)
    first = next((at for at, commit in enumerate(history) if commit.id in known), None)
    if first is None:
        raise MemharnessError(
            f"nothing is stored of these commits in {project.config.run.results / (selection.machine or '')}",
            hint="Measure them with `memharness run`, or choose others.",
        )
    chosen = any((selection.since, selection.base, selection.last, selection.tags, selection.every))
    return history if chosen else history[first:]


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
    """Yield every case of a site; what is computed for it is cached."""
    tag = contents.newest_tag
    for family in contents.families:
        for known in family.cases:
            case = known.bare()  # so that what is read for it does not stay
            parts = (*case.former(), case)
            entries: tuple[ChangeEntry, ...] = ()
            for number, part in enumerate(parts, 1):
                own = tuple(change_entries(part, find_changes(part, source_edits), parts[number:]))
                entries += own
            yield CaseChanges(case, entries, summarise(case, own, tag), case.medians())
        family.cache.forget_the_rest()
