"""The pages of commits, what comparisons of them load, and the profiles that those can show."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Final, Literal, TypeAlias, TypeVar

import numpy as np
from msgspec.structs import replace

from memharness.analyse.blame.lines import line_differences
from memharness.analyse.changes import CommitProfiles
from memharness.analyse.environments import environment_differences
from memharness.findings.describe import SourceEdits
from memharness.model.findings import EnvironmentDifference
from memharness.model.history import Commit
from memharness.model.measurements import Frame, Profile, ProfileLine
from memharness.model.metrics import METRICS
from memharness.site import render
from memharness.site.case_history import CaseHistory, FamilyResults
from memharness.site.columns import MISSING
from memharness.site.contents import CaseChanges, SiteContents
from memharness.site.folder import SiteFolder
from memharness.site.timelines import failure_details
from memharness.site.values import Allocations, ChangeEntry, CommitData, CommitPage, FailureAt, Figure, Site
from memharness.store import Store

T = TypeVar("T", ProfileLine, Frame)

_MOST_ALLOCATIONS: Final = 3  # of a page: the changes that moved most
_MOST_FIGURED: Final = 25  # cases, up to which a commit's page shows every figure
_SMALL: Final = 2000  # commits times cases, up to which all profiles are published
_PROFILES: Final = ("peak", "alive", "retained", "import")
_Kind = Literal["peak", "alive", "retained", "import"]
_KINDS: Final[Mapping[str, tuple[_Kind, ...]]] = {  # of metrics, in the order of preference
    "peak": ("peak", "alive"),
    "warm_peak": ("peak", "alive"),
    "result": ("alive",),
    "retained": ("retained",),
    "import": ("import",),
}
_Profiles: TypeAlias = Mapping[str, str]  # id by kind, with a + after the kind of those that explain
_Moved: TypeAlias = tuple[ChangeEntry, Store, tuple[_Profiles, _Profiles]]  # a change with the profiles of both sides


def publish_commits(
    folder: SiteFolder, site: Site, contents: SiteContents, changes: Sequence[CaseChanges], source_edits: SourceEdits
) -> int:
    """Write the files of all commits that anything is stored of; return their number."""
    history = contents.history
    positions = [at for at, commit in enumerate(history) if commit.id in site.pages]
    profiles = _publish_profiles(folder, contents, changes)
    moved = _moved(changes, profiles)
    repeated = _repeated(changes)
    columns = [(case.name.id, case.key, case.metrics) for family in contents.families for case in family.cases]
    for older, at, newer in zip([None, *positions], positions, [*positions[1:], None], strict=False):
        results = CommitResults(contents, at, older, repeated)
        id_, own = history[at].id, moved.get(at, [])
        page = results.page(None if newer is None else history[newer], [entry for entry, *_ in own])
        here = site.naming(_named(page))
        missing: list[str] = []
        draw = partial(_draw_page, here, page, own, source_edits, missing)
        folder.draw(f"commit/{id_}.html", [here, page, [profiles for *_, profiles in own]], draw)
        if missing:
            folder.draw_again(f"commit/{id_}.html")
        published = profiles.get(at, {})
        draw_data = partial(_draw_data, results, published)
        folder.draw(f"data/commit/{id_}.js", [columns, results.stamps, published], draw_data)
    return len(positions)


def _publish_profiles(
    folder: SiteFolder, contents: SiteContents, changes: Sequence[CaseChanges]
) -> dict[int, dict[str, dict[str, str]]]:
    """Write the profiles that comparisons can show; return their ids by position, case and kind.

    Of a long history those of both sides of every change, of tagged commits and of the newest.
    """
    wanted: dict[int, list[CaseHistory]] = defaultdict(list)
    tagged = {at for at, commit in enumerate(contents.history) if commit.tags}
    everything = len(contents.history) * len(changes) <= _SMALL
    for one in changes:
        case = one.case.bare()
        sides = {case.stored.positions[id_] for entry in one.entries for id_ in entry.change.range}
        own = set(case.measured)
        for at in own if everything else (sides | tagged | {case.measured[-1]}) & own:
            wanted[at].append(case)
    return {
        at: {case.name.id: _publish_profiles_at(folder, case, at) for case in cases}
        for at, cases in sorted(wanted.items())
    }


def _publish_profiles_at(folder: SiteFolder, case: CaseHistory, at: int) -> dict[str, str]:
    """Write the profiles of a case at a position; return the ids of those that are there by kind."""
    store, found = case.stored.project.store, {}
    for outcome in case.measured_at(at):
        for kind, id_ in outcome.profiles.items():
            draw = partial(_draw_profile, store, id_)
            if kind in _PROFILES and folder.draw(f"data/profile/{id_}.js", id_, draw):
                found[f"{kind}+" if kind == "peak" or "deep" in outcome.passes else kind] = id_
    return found


def _draw_profile(store: Store, id_: str) -> bytes | None:
    profile = store.profile(id_)
    return render.profile_script(id_, profile) if profile else None


def _moved(
    changes: Sequence[CaseChanges], profiles: Mapping[int, Mapping[str, Mapping[str, str]]]
) -> dict[int, list[_Moved]]:
    """Return the changes by the position that they are shown at."""
    moved: dict[int, list[_Moved]] = defaultdict(list)
    for one in changes:
        stored, name = one.case.stored, one.case.name.id
        for entry in one.entries:
            good, bad = (stored.positions[id_] for id_ in entry.change.range)
            sides = (profiles.get(good, {}).get(name, {}), profiles.get(bad, {}).get(name, {}))
            moved[bad].append((entry, stored.project.store, sides))
    return moved


def _repeated(changes: Sequence[CaseChanges]) -> dict[int, dict[str, dict[str, int]]]:
    """Return the medians of repeats by position and case."""
    repeated: dict[int, dict[str, dict[str, int]]] = defaultdict(dict)
    for one in changes:
        for at, medians in one.repeated.items():
            repeated[at][one.case.name.id] = medians
    return repeated


@dataclass(frozen=True, eq=False)
class CommitResults:
    """What is stored of one commit, by its position and that of the `older` commit with a page.

    `repeated` are medians of repeats, by position and case.
    """

    contents: SiteContents
    at: int
    older: int | None
    repeated: Mapping[int, Mapping[str, dict[str, int]]]

    @property
    def commit(self) -> Commit:
        """The commit."""
        return self.contents.history[self.at]

    @cached_property
    def families(self) -> list[FamilyResults]:
        """Those in which anything is stored of it."""
        return [family for family in self.contents.families if self.at in family.rows]

    @property
    def stamps(self) -> list[object]:
        """What tells that its records were rewritten."""
        return [family.stamp(self.commit.id) for family in self.families]

    def page(self, newer: Commit | None, entries: Sequence[ChangeEntry]) -> CommitPage:
        """Return its page, but for the allocations behind the `entries`."""
        counts = [family.counts(self.at) for family in self.families]
        return CommitPage(
            commit=self.commit,
            older=None if self.older is None else self.contents.history[self.older],
            newer=newer,
            measured=sum(measured for measured, _ in counts),
            reused=sum(reused for _, reused in counts),
            entries=tuple(entries),
            allocations=(),
            failures=tuple(self.failures()),
            environments=tuple(self._environments()),
            figures=tuple(self._figures()),
        )

    def failures(self) -> Iterator[FailureAt]:
        """Yield what failed at it."""
        for family in self.families:
            for number, cell in family.incomplete.get(self.at, ()):
                yield from failure_details(family.names[number], self.commit, cell)

    def values(self, at: int) -> dict[str, dict[str, int]]:
        """Return the values at a position by case and wanted metric, medians where there are repeats."""
        values: dict[str, dict[str, int]] = {}
        for family in self.contents.families:
            row = family.rows.get(at)
            if row is None or not family.names:
                continue
            cells = np.array([own[row] for own in family.columns.values.values()])[:, list(family.names)].T.tolist()
            for case, cell in zip(family.cases, cells, strict=True):
                wanted, figures = case.metrics, zip(family.columns.values, cell, strict=True)
                values[case.name.id] = {m: value for m, value in figures if value != MISSING and m in wanted}
        return values | dict(self.repeated.get(at, {}))

    def _figures(self) -> Iterator[Figure]:
        """Yield every metric of every case; of many cases none."""
        if sum(len(family.names) for family in self.contents.families) > _MOST_FIGURED:
            return
        older = {} if self.older is None else self.values(self.older)
        names = {name.id: name for family in self.families for name in family.names.values()}
        for id_, figures in self.values(self.at).items():
            for metric, value in figures.items():
                before = older.get(id_, {}).get(metric)
                yield Figure(subject=names[id_], metric=metric, unit=METRICS[metric].unit, value=value, before=before)

    def _environments(self) -> Iterator[EnvironmentDifference]:
        """Yield how the environments of the cases differ that were measured at the older commit as well."""
        for family in self.families:
            if self.older is None or self.older not in family.rows:
                continue
            rows = [family.rows[at] for at in (self.older, self.at)]
            ends = family.columns.environments[rows][:, list(family.names)]
            differing = ends[:, (ends[0] != ends[1]) & (ends.min(axis=0) >= 0)]
            found: dict[EnvironmentDifference, None] = {}
            for pair in sorted(set(zip(*differing.tolist(), strict=True))):
                before, after = map(family.facts, pair)
                if before is not None and after is not None:
                    found |= dict.fromkeys(environment_differences(before, after))
            yield from found


def _named(page: CommitPage) -> Iterator[Commit | None]:
    """Yield the commits that a page links to."""
    yield from (page.commit, page.older, page.newer)
    for entry in page.entries:
        yield from (entry.good, entry.bad, entry.undone_by, entry.merge)


def _draw_data(results: CommitResults, profiles: dict[str, dict[str, str]]) -> bytes:
    failed = {failure.subject.id: f"{failure.phase}: {failure.reason}" for failure in results.failures()}
    values = results.values(results.at)
    return render.commit_script(CommitData(id=results.commit.id, values=values, failed=failed, profiles=profiles))


def _draw_page(
    site: Site, page: CommitPage, moved: Sequence[_Moved], source_edits: SourceEdits, missing: list[str]
) -> str:
    """Draw a page; add to `missing` the ids of profiles that cannot be read."""
    return render.render_commit(site, replace(page, allocations=tuple(_allocations(moved, source_edits, missing))))


# --- where the changes were allocated --------------------------------------------------------------------


def _allocations(moved: Sequence[_Moved], source_edits: SourceEdits, missing: list[str]) -> Iterator[Allocations]:
    """Yield where the changes that moved most, for their size, were allocated."""
    shown: set[tuple[str, str]] = set()
    for entry, store, ids in sorted(moved, key=lambda one: _share(one[0])):
        for kind in _KINDS.get(entry.change.metric, ()):
            before, after = (_profile(store, own, kind, missing) for own in ids)
            if before and after and before.stacks and after.stacks and (entry.subject.id, kind) not in shown:
                shown.add((entry.subject.id, kind))
                yield Allocations(
                    entry=entry,
                    kind=kind,
                    before=_renamed(before, entry, source_edits),
                    after=after,
                    lines=_lines(before, after, entry, source_edits),
                )
                break
        if len(shown) == _MOST_ALLOCATIONS:
            return


def _share(entry: ChangeEntry) -> float:
    return -abs(entry.change.after - entry.change.before) / max(abs(entry.change.before), 1)


def _profile(store: Store, ids: _Profiles, kind: str, missing: list[str]) -> Profile | None:
    """Return a profile of a kind, that of an explained repeat before others."""
    id_ = ids.get(f"{kind}+") or ids.get(kind)
    profile = store.profile(id_) if id_ else None
    if id_ and profile is None:
        missing.append(id_)
    return profile


def _lines(
    before: Profile, after: Profile, entry: ChangeEntry, source_edits: SourceEdits
) -> tuple[tuple[ProfileLine, int, int], ...]:
    """Return the lines that moved, with bytes now and difference, as the blame of a change matches them."""
    edits = source_edits.between(
        entry.good, entry.merge or entry.bad, (CommitProfiles(peak=before), CommitProfiles(peak=after))
    )
    found = [(one.stat, one.now, one.size) for one in line_differences(before.lines, after.lines, edits) if one.size]
    return tuple(sorted(found, key=lambda line: -abs(line[2])))


def _renamed(profile: Profile, entry: ChangeEntry, source_edits: SourceEdits) -> Profile:
    """Return the profile before a change with the paths that its files have after it."""
    edits = source_edits.files(*entry.change.range)
    paths = {edit.before: edit.after for edit in edits if edit.before and edit.after and edit.before != edit.after}

    def moved(place: T) -> T:
        return replace(place, path=paths[place.path]) if place.path in paths else place

    stacks = (replace(stack, frames=tuple(map(moved, stack.frames))) for stack in profile.stacks)
    return replace(profile, lines=tuple(map(moved, profile.lines)), stacks=tuple(stacks)) if paths else profile
