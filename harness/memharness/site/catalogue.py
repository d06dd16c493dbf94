"""All that a site is about: the history, the shelves of every machine and family, and the changes of every subject."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial

from memharness.config.configuration import Config
from memharness.errors import MemharnessError
from memharness.findings.describe import SourceEdits
from memharness.findings.project import Project, Selection, open_project
from memharness.model.environments import PINNED, EnvironmentFacts
from memharness.model.history import Commit
from memharness.model.measurements import PROBE_METHOD
from memharness.model.scenarios import Case
from memharness.model.values import digest
from memharness.scenarios import all_cases, load_scenarios
from memharness.site.columns import Columns, load_columns
from memharness.site.entries import entries_of, find_changes
from memharness.site.kept import Findings, keep, kept_file, read_columns, read_kept, write_columns, write_kept
from memharness.site.shelves import Shelf, Subject
from memharness.site.timelines import summarise
from memharness.site.values import Entry, TrendSummary
from memharness.store import Store, machines


@dataclass(frozen=True, eq=False)
class Catalogue:
    """The results of a project; each shelf knows the whole `history`. `faults` are those of the cache folder."""

    project: Project
    history: tuple[Commit, ...]
    shelves: tuple[Shelf, ...]
    faults: list[str] = field(default_factory=list)

    @property
    def notices(self) -> tuple[str, ...]:
        """Remarks on stored files, so far as they were read, and on the cache folder."""
        stored = (notice for shelf in self.shelves for notice in shelf.project.store.notices)
        return tuple(dict.fromkeys([*stored, *self.faults]))

    @property
    def newest_tag(self) -> int | None:
        """The position of the newest tagged commit before the newest commit."""
        tagged = [at for at, commit in enumerate(self.history[:-1]) if commit.tags]
        return tagged[-1] if tagged else None


@dataclass(frozen=True, eq=False)
class Chapter:
    """A subject with its changes and its metrics, and by position the medians of what has more than first values.

    The changes are also those of former parts of its series, the metrics those of the present part alone.
    """

    subject: Subject
    entries: tuple[Entry, ...]
    rows: tuple[TrendSummary, ...]
    repeated: dict[int, dict[str, int]]


def open_catalogue(config: Config, selection: Selection) -> Catalogue:
    """Read what is stored of the selected commits and cases, on all machines or the selected one; nothing is an error.

    Without a choice of commits the history begins at the first that anything is stored of.
    """
    project = open_project(config, selection, read_only=True)
    every_case = all_cases(load_scenarios(config.run.scenarios))  # whatever is chosen now, so that what is kept stays
    history = project.commits(selection)
    faults: list[str] = []
    chosen = [name for name in machines(config.run.results) if selection.machine in (None, name)]
    stored = [
        (own, family, columns)
        for own in (project_of(project, machine) for machine in chosen)
        for family, columns in _columns(own, every_case, faults)
    ]
    known = {commit for _, _, columns in stored for commit in columns.commits}
    first = next((at for at, commit in enumerate(history) if commit.id in known), None)
    if first is None:
        raise MemharnessError(
            f"nothing is stored of these commits in {config.run.results / (selection.machine or '')}",
            hint="Measure them with `memharness run`, or choose others.",
        )
    if not any((selection.since, selection.base, selection.last, selection.tags, selection.every)):
        history = history[first:]
    shelves = tuple(
        Shelf(
            project=own,
            family=family,
            columns=columns,
            history=history,
            environments=_environments(own.store, family, columns),
            accepted=project.store.accepted(),
        )
        for own, family, columns in stored
    )
    return Catalogue(project=project, history=history, shelves=shelves, faults=faults)


def project_of(project: Project, machine: str) -> Project:
    """Return the project with the results of another machine."""
    store = Store(project.config.run.results, machine, read_only=True, renamed=project.store.renamed)
    return replace(project, store=store)


def chapters(catalogue: Catalogue, source_edits: SourceEdits) -> Iterator[Chapter]:
    """Yield every subject of a catalogue; what was found before is taken from the cache folder, and kept there."""
    tag = catalogue.newest_tag
    for shelf in catalogue.shelves:
        file = kept_file("findings", catalogue.project.config.run.results, shelf.machine, shelf.family)
        known, found = read_kept(file, Findings), dict[str, Findings]()
        for subject in shelf.subjects():
            parts = (*shelf.former(subject), subject)
            entries: tuple[Entry, ...] = ()
            for number, part in enumerate(parts, 1):
                id_ = subject.name.id if part is subject else digest([subject.name.id, part.key], 12)
                found[id_] = find_changes(part, source_edits, known.get(id_))
                own = tuple(entries_of(part, found[id_], parts[number:]))
                entries += own
            yield Chapter(subject, entries, summarise(subject, own, tag), subject.medians())
        if (kept := known | found) != known:
            keep(catalogue.faults, partial(write_kept, file, kept))


def _columns(project: Project, cases: tuple[Case, ...], faults: list[str]) -> Iterator[tuple[str, Columns]]:
    store = project.store
    subjects = [(case.name, case.scenario.identity, PROBE_METHOD) for case in cases]
    for family in store.families():
        if PINNED not in family:
            file = kept_file("columns", project.config.run.results, store.machine, family)
            columns = load_columns(store, family, subjects, read_columns(file))
            if columns.read:
                keep(faults, partial(write_columns, file, columns))
            yield family, columns


def _environments(store: Store, family: str, columns: Columns) -> dict[str, EnvironmentFacts]:
    found = {id_: store.environment(family, id_) for id_ in columns.facts}
    return {id_: facts for id_, facts in found.items() if facts is not None}
