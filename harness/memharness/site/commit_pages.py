"""The pages of commits, what comparisons of them load, and the profiles that those can show."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

import msgspec
import numpy as np
from msgspec.structs import replace

import memharness.site.render as pages
from memharness.analyse.blame.lines import line_differences
from memharness.analyse.changes import CommitProfiles
from memharness.analyse.environments import environment_differences
from memharness.findings.describe import SourceEdits
from memharness.model.findings import EnvironmentDifference
from memharness.model.history import Commit
from memharness.model.measurements import PROBE_METHOD, Frame, Profile, ProfileLine
from memharness.model.metrics import METRICS
from memharness.model.values import digest
from memharness.site.catalogue import Catalogue, Chapter
from memharness.site.columns import MISSING, PLAIN, REUSED, SPECIAL
from memharness.site.drawn import code_digest, site_digest
from memharness.site.folder import SiteFolder
from memharness.site.shelves import Shelf, Subject
from memharness.site.timelines import failure_details
from memharness.site.values import Allocations, CommitData, CommitPage, Entry, FailureAt, Figure, Site

T = TypeVar("T", ProfileLine, Frame)

_MOST_ALLOCATIONS: Final = 3  # of a page: the changes that moved most
_MOST_FIGURED: Final = 25  # subjects, up to which a commit's page shows every figure
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


def publish_commits(
    folder: SiteFolder, site: Site, catalogue: Catalogue, told: Sequence[Chapter], source_edits: SourceEdits
) -> int:
    """Write the files of all commits that anything is stored of; return their number."""
    positions = [at for at, commit in enumerate(catalogue.history) if commit.id in site.pages]
    entries: dict[str, list[tuple[Entry, Subject]]] = defaultdict(list)
    for chapter in told:
        for entry in chapter.entries:
            entries[entry.change.range[1]].append((entry, chapter.subject))
    profiles = _profiles(folder, catalogue, told)
    repeated: dict[int, dict[str, dict[str, int]]] = defaultdict(dict)
    for chapter in told:
        for at, medians in chapter.repeated.items():
            repeated[at][chapter.subject.name.id] = medians
    shared = site_digest(site)
    columns = [(name.id, shelf.columns.subjects[n]) for shelf in catalogue.shelves for n, name in shelf.names.items()]
    subjects = digest([code_digest(), PROBE_METHOD, columns], 32)
    for older, at, newer in zip([None, *positions], positions, [*positions[1:], None], strict=False):
        moved = entries.get(catalogue.history[at].id, [])
        one = _One(catalogue, at, older, newer, entries=moved, repeated=repeated)
        one.publish_page(folder, site, shared, profiles, source_edits)
        one.publish_data(folder, subjects, profiles.get(at, {}))
    return len(positions)


def _profiles(
    folder: SiteFolder, catalogue: Catalogue, told: Sequence[Chapter]
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
        at: {subject.name.id: _put_profiles(folder, subject, at) for subject in subjects}
        for at, subjects in sorted(wanted.items())
    }


def _put_profiles(folder: SiteFolder, subject: Subject, at: int) -> dict[str, str]:
    """Write the profiles of a subject at a position; return the ids of those that are there by kind."""
    found = {}
    for kind, id_ in subject.marked_profile_ids(at).items():
        if kind.removesuffix("+") not in _PROFILES:
            continue
        path = f"data/profile/{id_}.js"
        profile = None if folder.keeps(path, code_digest()) else subject.shelf.project.store.profile(id_)
        if profile is not None:
            folder.put(path, pages.profile_script(id_, profile), code_digest())
        if folder.keeps(path, code_digest()):
            found[kind] = id_
    return found


def _lines(
    before: Profile, after: Profile, entry: Entry, source_edits: SourceEdits
) -> tuple[tuple[ProfileLine, int, int], ...]:
    """Return the lines that moved, with bytes now and difference, as the blame of a change matches them."""
    edits = source_edits.between(
        entry.good, entry.merge or entry.bad, (CommitProfiles(peak=before), CommitProfiles(peak=after))
    )
    found = [(one.stat, one.now, one.size) for one in line_differences(before.lines, after.lines, edits) if one.size]
    return tuple(sorted(found, key=lambda line: -abs(line[2])))


@dataclass(frozen=True, eq=False)
class _One:
    """One commit: its position, and those of the commits with a page beside it."""

    catalogue: Catalogue
    at: int
    older: int | None
    newer: int | None
    entries: list[tuple[Entry, Subject]]
    repeated: Mapping[int, dict[str, dict[str, int]]]  # by position and subject id, medians of repeats

    @property
    def commit(self) -> Commit:
        return self.catalogue.history[self.at]

    def publish_page(
        self,
        folder: SiteFolder,
        site: Site,
        shared: str,
        profiles: Mapping[int, Mapping[str, Mapping[str, str]]],
        source_edits: SourceEdits,
    ) -> None:
        """Write the page, unless it is there as it would be."""
        history = self.catalogue.history
        states = [shelf.columns.states[shelf.rows[self.at]][list(shelf.names)] for shelf in self._shelves()]
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
            environments=tuple(self._environments()),
            figures=tuple(self._figures()),
        )
        parents = [id_ in site.pages for id_ in self.commit.parents]
        drawn = [
            profiles.get(subject.shelf.positions[id_], {}).get(subject.name.id)  # none of a former part
            for entry, subject in self.entries
            for id_ in entry.change.range
        ]
        key = digest([shared, parents, drawn, msgspec.to_builtins(page)], 32)
        path = f"commit/{self.commit.id}.html"
        if not folder.keeps(path, key):
            whole = replace(page, allocations=tuple(self._allocations(source_edits)))
            folder.put(path, pages.render_commit(site, whole), key)

    def _figures(self) -> Iterator[Figure]:
        """Yield every metric of every subject; of many subjects none."""
        if sum(len(shelf.names) for shelf in self.catalogue.shelves) > _MOST_FIGURED:
            return
        older = {} if self.older is None else self._values(self.older)
        names = {name.id: name for shelf in self._shelves() for name in shelf.names.values()}
        for id_, figures in self._values(self.at).items():
            for metric, value in figures.items():
                before = older.get(id_, {}).get(metric)
                yield Figure(subject=names[id_], metric=metric, unit=METRICS[metric].unit, value=value, before=before)

    def _values(self, at: int) -> dict[str, dict[str, int]]:
        """Return the values at a position by subject id and metric, medians where there are repeats."""
        values: dict[str, dict[str, int]] = {}
        for shelf in self.catalogue.shelves:
            row = shelf.rows[at]
            if row < 0 or not shelf.names:
                continue
            columns = np.array([own[row] for own in shelf.columns.values.values()])[:, list(shelf.names)].T.tolist()
            for name, column in zip(shelf.names.values(), columns, strict=True):
                figures = zip(shelf.columns.values, column, strict=True)
                values[name.id] = {metric: value for metric, value in figures if value != MISSING}
        return values | self.repeated.get(at, {})

    def publish_data(self, folder: SiteFolder, subjects: str, profiles: dict[str, dict[str, str]]) -> None:
        """Write what a comparison loads, unless it is there already."""
        stamps = [shelf.columns.stamps[shelf.rows[self.at]] for shelf in self._shelves()]
        key, path = digest([subjects, stamps, profiles], 32), f"data/commit/{self.commit.id}.js"
        if folder.keeps(path, key):
            return
        failed = {failure.subject.id: f"{failure.phase}: {failure.reason}" for failure in self._failures()}
        data = CommitData(id=self.commit.id, values=self._values(self.at), failed=failed, profiles=profiles)
        folder.put(path, pages.commit_script(data), key)

    def _shelves(self) -> Iterator[Shelf]:
        return (shelf for shelf in self.catalogue.shelves if shelf.rows[self.at] >= 0)

    def _failures(self) -> Iterator[FailureAt]:
        for shelf in self._shelves():
            for number, cell in shelf.failures.get(self.at, ()):
                if number in shelf.names:
                    yield from failure_details(shelf.names[number], self.commit, cell)

    def _environments(self) -> Iterator[EnvironmentDifference]:
        """Yield how the environments of the subjects differ that were measured at the older commit as well."""
        for shelf in self._shelves():
            if self.older is None or shelf.rows[self.older] < 0:
                continue
            ends = shelf.columns.environments[shelf.rows[[self.older, self.at]]][:, list(shelf.names)]
            differing = ends[:, (ends[0] != ends[1]) & (ends.min(axis=0) >= 0)]
            pairs = sorted(set(zip(*differing.tolist(), strict=True)))
            facts = [tuple(shelf.environments.get(shelf.columns.facts[at]) for at in pair) for pair in pairs]
            known = [(before, after) for before, after in facts if before is not None and after is not None]
            yield from dict.fromkeys(found for pair in known for found in environment_differences(*pair))

    def _renamed(self, profile: Profile, entry: Entry, source_edits: SourceEdits) -> Profile:
        """Return the profile before a change with the paths that its files have after it."""
        edits = source_edits.files(*entry.change.range)
        paths = {edit.before: edit.after for edit in edits if edit.before and edit.after and edit.before != edit.after}

        def moved(place: T) -> T:
            return replace(place, path=paths[place.path]) if place.path in paths else place

        stacks = (replace(stack, frames=tuple(map(moved, stack.frames))) for stack in profile.stacks)
        return replace(profile, lines=tuple(map(moved, profile.lines)), stacks=tuple(stacks)) if paths else profile

    def _allocations(self, source_edits: SourceEdits) -> Iterator[Allocations]:
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
                    yield Allocations(
                        entry=entry,
                        kind=kind,
                        before=self._renamed(before, entry, source_edits),
                        after=after,
                        lines=_lines(before, after, entry, source_edits),
                    )
                    break
            if len(shown) == _MOST_ALLOCATIONS:
                return
