"""The pages of commits, what comparisons of them load, and the profiles that those can show."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec
import numpy as np

import memharness.present.site as pages
from memharness.findings import EnvironmentDifference
from memharness.measure import PROBE_METHOD
from memharness.model import Commit, EnvironmentFacts, Profile, digest
from memharness.pages import Allocations, CommitData, CommitPage, Entry, FailureAt, Site
from memharness.pipeline.catalogue import Catalogue, Chapter
from memharness.pipeline.columns import MISSING, PLAIN, REUSED, SPECIAL
from memharness.pipeline.comparing import environment_differences
from memharness.pipeline.shelves import Shelf, Subject
from memharness.pipeline.trending import failure_details
from memharness.present.folder import SiteFolder

_MOST_ALLOCATIONS: Final = 3  # of a page: the changes that moved most
_SMALL: Final = 2000  # commits times subjects, up to which all profiles are published
_PROFILES: Final = ("peak", "alive", "retained", "import")
_Kind = Literal["peak", "alive", "retained", "import"]
_KINDS: Final[Mapping[str, tuple[_Kind, ...]]] = {  # of metrics, in the order of preference
    "peak": ("peak", "alive"),
    "warm_peak": ("peak", "alive"),
    "result": ("alive",),
    "retained": ("retained",),
    "import": ("import",),
}


def publish_commits(folder: SiteFolder, site: Site, catalogue: Catalogue, told: Sequence[Chapter], code: str) -> int:
    """Write the files of all commits that anything is stored of; return their number."""
    positions = [at for at, commit in enumerate(catalogue.history) if commit.id in site.pages]
    entries: dict[str, list[tuple[Entry, Subject]]] = defaultdict(list)
    for chapter in told:
        for entry in chapter.entries:
            entries[entry.change.range[1]].append((entry, chapter.subject))
    profiles = _profiles(folder, catalogue, told, code)
    facts = [_facts(shelf) for shelf in catalogue.shelves]
    shared = digest([code, site.project, site.line_link, site.commit_link, site.url], 32)
    columns = [(name.id, shelf.columns.subjects[n]) for shelf in catalogue.shelves for n, name in shelf.names.items()]
    subjects = digest([code, PROBE_METHOD, columns], 32)
    for number, at in enumerate(positions):
        neighbours = (positions[number - 1] if number else None, [*positions, None][number + 1])
        one = _One(catalogue, at, *neighbours, entries=entries.get(catalogue.history[at].id, []))
        one.publish_page(folder, site, shared, facts, profiles)
        one.publish_data(folder, subjects, profiles.get(at, {}))
    return len(positions)


def _facts(shelf: Shelf) -> list[EnvironmentFacts | None]:
    """Return an environment that was measured in at each position."""
    columns = shelf.columns
    highest = columns.environments.max(axis=1, initial=-1).tolist()
    return [
        shelf.environments.get(columns.facts[highest[row]]) if row >= 0 and highest[row] >= 0 else None
        for row in shelf.rows.tolist()
    ]


def _profiles(
    folder: SiteFolder, catalogue: Catalogue, told: Sequence[Chapter], code: str
) -> dict[int, dict[str, dict[str, str]]]:
    """Write the profiles that comparisons can show; return their ids by position.

    Of a long history those of both sides of every change, of tagged commits and of the newest.
    """
    wanted: dict[int, list[Subject]] = defaultdict(list)
    tagged = {at for at, commit in enumerate(catalogue.history) if commit.tags}
    everything = len(catalogue.history) * len(told) <= _SMALL
    for chapter in told:
        subject = chapter.subject.bare()
        sides = {subject.shelf.positions[id_] for entry in chapter.entries for id_ in entry.change.range}
        own = set(subject.measured)
        for at in own if everything else (sides | tagged | {subject.measured[-1]}) & own:
            wanted[at].append(subject)
    return {
        at: {subject.name.id: _put_profiles(folder, subject, at, code) for subject in subjects}
        for at, subjects in sorted(wanted.items())
    }


def _put_profiles(folder: SiteFolder, subject: Subject, at: int, code: str) -> dict[str, str]:
    ids = {kind: id_ for kind, id_ in subject.marked_profile_ids(at).items() if kind.removesuffix("+") in _PROFILES}
    for id_ in ids.values():
        path = f"data/profile/{id_}.js"
        profile = None if folder.keeps(path, code) else subject.shelf.project.store.profile(id_)
        if profile is not None:
            folder.put(path, pages.profile_script(id_, profile), code)
    return ids


@dataclass(frozen=True, eq=False)
class _One:
    """One commit: its position, and those of the commits with a page beside it."""

    catalogue: Catalogue
    at: int
    older: int | None
    newer: int | None
    entries: list[tuple[Entry, Subject]]

    @property
    def commit(self) -> Commit:
        return self.catalogue.history[self.at]

    def publish_page(
        self,
        folder: SiteFolder,
        site: Site,
        shared: str,
        facts: Sequence[Sequence[EnvironmentFacts | None]],
        profiles: Mapping[int, Mapping[str, Mapping[str, str]]],
    ) -> None:
        """Write the page, unless it is there as it would be."""
        history = self.catalogue.history
        states = [shelf.columns.states[shelf.rows[self.at]] for shelf in self._shelves()]
        failed = tuple(self._failures())
        page = CommitPage(
            commit=self.commit,
            older=None if self.older is None else history[self.older],
            newer=None if self.newer is None else history[self.newer],
            measured=sum(int(((own == PLAIN) | (own == SPECIAL)).sum()) for own in states)
            - sum(shelf.broken.get(self.at, 0) for shelf in self._shelves()),
            reused=sum(int((own == REUSED).sum()) for own in states),
            entries=tuple(entry for entry, _ in self.entries),
            allocations=(),
            failures=failed,
            environments=tuple(self._environments(facts)),
        )
        parents = [id_ in site.pages for id_ in self.commit.parents]
        drawn = [
            profiles[subject.shelf.positions[id_]].get(subject.name.id)
            for entry, subject in self.entries
            for id_ in entry.change.range
        ]
        key = digest([shared, parents, drawn, msgspec.to_builtins(page)], 32)
        path = f"commit/{self.commit.id}.html"
        if not folder.keeps(path, key):
            whole = msgspec.structs.replace(page, allocations=tuple(self._allocations()))
            folder.put(path, pages.render_commit(site, whole), key)

    def publish_data(self, folder: SiteFolder, subjects: str, profiles: dict[str, dict[str, str]]) -> None:
        """Write what a comparison loads, unless it is there already."""
        stamps = [shelf.columns.stamps[shelf.rows[self.at]] for shelf in self._shelves()]
        key, path = digest([subjects, stamps, profiles], 32), f"data/commit/{self.commit.id}.js"
        if folder.keeps(path, key):
            return
        values: dict[str, dict[str, int]] = {}
        for shelf in self._shelves():
            row = shelf.rows[self.at]
            columns = np.array([own[row] for own in shelf.columns.values.values()])[:, list(shelf.names)].T.tolist()
            for name, column in zip(shelf.names.values(), columns, strict=True):
                figures = zip(shelf.columns.values, column, strict=True)
                values[name.id] = {metric: value for metric, value in figures if value != MISSING}
        data = CommitData(id=self.commit.id, values=values, profiles=profiles)
        folder.put(path, pages.commit_script(data), key)

    def _shelves(self) -> Iterator[Shelf]:
        return (shelf for shelf in self.catalogue.shelves if shelf.rows[self.at] >= 0)

    def _failures(self) -> Iterator[FailureAt]:
        for shelf in self._shelves():
            for number, cell in shelf.failures.get(self.at, ()):
                if number in shelf.names:
                    yield from failure_details(shelf.names[number], self.commit, cell)

    def _environments(self, facts: Sequence[Sequence[EnvironmentFacts | None]]) -> Iterator[EnvironmentDifference]:
        if self.older is None:
            return
        for own in facts:
            before, after = own[self.older], own[self.at]
            if before is not None and after is not None and before is not after:
                yield from environment_differences(before, after)

    def _allocations(self) -> Iterator[Allocations]:
        """Yield where the changes that moved most, for their size, were allocated."""

        def share(pair: tuple[Entry, Subject]) -> float:
            change = pair[0].change
            return -abs(change.after - change.before) / max(abs(change.before), 1)

        shown: set[tuple[str, str]] = set()
        for entry, chapter_subject in sorted(self.entries, key=share):
            subject = chapter_subject.bare()
            good, bad = (subject.shelf.positions[id_] for id_ in entry.change.range)
            for kind in _KINDS.get(entry.change.metric, ()):
                sides = [subject.profile(at, kind) for at in (good, bad)]
                if all(side is not None and side.stacks for side in sides) and (subject.name.id, kind) not in shown:
                    shown.add((subject.name.id, kind))
                    before, after = (side or Profile() for side in sides)
                    yield Allocations(entry=entry, kind=kind, before=before, after=after)
                    break
            if len(shown) == _MOST_ALLOCATIONS:
                return
