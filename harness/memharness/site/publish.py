"""A site of trend pages, published from stored results; measures nothing.

Cases are read, judged and drawn one after the other, so that what is held at once stays small.
"""

import dataclasses
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from memharness.analyse.steps import rule_for
from memharness.config.configuration import Config
from memharness.findings.describe import open_source_edits
from memharness.findings.project import Selection, name_at
from memharness.git.history import blob_ids
from memharness.git.web_links import WebLinks, recognise
from memharness.model.measurements import Profile
from memharness.model.metrics import METRICS
from memharness.model.values import Value
from memharness.site import render
from memharness.site.cache import package_digest
from memharness.site.case_history import CaseHistory
from memharness.site.case_pages import publish_case
from memharness.site.commit_pages import publish_commits
from memharness.site.contents import CaseChanges, SiteContents, case_changes, open_contents
from memharness.site.folder import SiteFolder, Written
from memharness.site.status import status_of
from memharness.site.timelines import failing, failure_stretches
from memharness.site.values import CaseName, ChangeEntry, Index, Leak, Site, TrendSummary
from memharness.wording.text import number_text
from memharness.wording.thinning import MOST_SERIES

_ALL_PICTURED: Final = 25  # cases, up to which every metric has its picture


class Published(Value, omit_defaults=False):
    """What publishing came to: the folder, what was written, and remarks on stored files."""

    folder: Path
    files: Written
    subjects: int
    commits: int
    notices: tuple[str, ...] = ()


def publish(config: Config, selection: Selection) -> Published:
    """Write the site of the selected commits and cases into its folder, as far as anything in it changed.

    Raises MemharnessError, also where nothing is stored of them.
    """
    contents = open_contents(config, selection)
    site = _site(contents)
    with SiteFolder(config.publish.folder) as folder:
        for name, draw in render.assets().items():
            folder.draw(f"assets/{name}", name, draw)
        with open_source_edits(contents.project.repository) as source_edits:
            changes = _publish_cases(folder, site, contents, case_changes(contents, source_edits))
            commits = publish_commits(folder, site, contents, changes, source_edits)
        folder.put("data/history.js", render.history_script(contents.history, site.pages))
        failed = _publish_lists(folder, site, contents, changes)
        files = folder.finish()
    advice = f"{number_text(failed, 'failure')} at the newest commits; `memharness run --retry-failed` measures again"
    return Published(
        folder=config.publish.folder,
        files=files,
        subjects=len(changes),
        commits=commits,
        notices=(*contents.notices, *([advice] if failed else ())),
    )


def _site(contents: SiteContents) -> Site:
    config, history, repository = contents.project.config, contents.history, contents.project.repository
    links = _links(contents)
    tag = contents.newest_tag
    name = name_at(config, repository, blob_ids(repository, history[-1].id))
    return Site(
        project=name or Path(repository.location).name,
        first=history[0],
        newest=history[-1],
        commits=len(history),
        tag=None if tag is None else history[tag].tags[-1],
        line_link=config.publish.line_link or (links.line if links else None),
        commit_link=config.publish.commit_link or (links.commit if links else None),
        url=config.publish.url,
        build=_build(contents),
        pages=frozenset(history[at].id for family in contents.families for at in family.rows),
    )


def _build(contents: SiteContents) -> str:
    """Return a digest of all figures, in the order of the history: files that are copied are not new."""
    found = hashlib.sha256(msgspec.msgpack.encode([package_digest(), contents.history]))
    for family in contents.families:
        numbers = list(family.names)
        keys = [family.columns.keys[number] for number in numbers]
        found.update(msgspec.msgpack.encode([family.machine, family.family, keys]))
        for values in family.columns.values.values():
            found.update(values[:, numbers].tobytes())
    return found.hexdigest()[:10]


def _links(contents: SiteContents) -> WebLinks | None:
    """Recognise where the repository is browsed: by its remote, or by the address it was fetched from."""
    repository = contents.project.repository
    remote = repository.try_git("config", "--get", "remote.origin.url").output.decode(errors="replace").strip()
    return recognise(remote) or recognise(repository.location)


def _publish_cases(
    folder: SiteFolder, site: Site, contents: SiteContents, changes: Iterable[CaseChanges]
) -> list[CaseChanges]:
    """Write the files of all cases; return their changes without what was read for them."""
    siblings: dict[str, list[CaseName]] = defaultdict(list)  # by case: on all machines and in all environments
    for family in contents.families:
        for name in family.names.values():
            siblings[name.case].append(name)
    every_picture = sum(map(len, siblings.values())) <= _ALL_PICTURED
    published = []
    for one in changes:
        publish_case(folder, site, one, siblings[one.case.name.case], every_picture=every_picture)
        published.append(dataclasses.replace(one, case=one.case.bare()))
    return published


# --- the lists -------------------------------------------------------------------------------------------


def _publish_lists(folder: SiteFolder, site: Site, contents: SiteContents, changes: Sequence[CaseChanges]) -> int:
    """Write the pages about all cases; return the number of failures at their newest commits."""
    entries = _newest_first(contents, [entry for one in changes for entry in one.entries])
    index = _index(contents, changes, entries)
    leaks = [leak for one in changes for leak in _leaks(one)]
    folder.put("index.html", render.render_index(site, index))
    folder.put("changes.html", render.render_changes(site, entries))
    folder.put("changes.atom", render.render_feed(site, entries))
    folder.put("leaks.html", render.render_leaks(site, leaks))
    folder.put("status.html", render.render_status(site, status_of(contents)))
    folder.put("compare.html", render.render_compare(site, [one.case.name for one in changes]))
    return len(index.failing)


def _index(contents: SiteContents, changes: Sequence[CaseChanges], entries: Sequence[ChangeEntry]) -> Index:
    rows = tuple(row for one in changes for row in one.rows)
    current = [one.case for one in changes if one.case.stored in contents.current]
    return Index(
        open=tuple(entry for entry in entries if entry.status == "open"),
        rows=rows,
        failing=tuple(chain.from_iterable(map(failing, current))),
        below_floors=frozenset(one.case.name.id for one in changes if len(rows) > MOST_SERIES and _below_floors(one)),
    )


def _below_floors(changes: CaseChanges) -> bool:
    """Tell whether nothing can be found in a case: no judged figure reaches its floor, no limit is set, none failed."""
    judged = [row for row in changes.rows if row.judged]
    if changes.entries or changes.case.case.scenario.limits or not judged:
        return False
    return not any(_reaches_floor(changes.case, row) for row in judged) and not failure_stretches(changes.case)


def _reaches_floor(case: CaseHistory, row: TrendSummary) -> bool:
    rule = rule_for(row.metric, case.case.scenario.thresholds, case.stored.project.config.thresholds)
    return rule is not None and max(abs(row.low or 0), abs(row.high or 0)) >= rule.absolute


def _newest_first(contents: SiteContents, entries: Sequence[ChangeEntry]) -> list[ChangeEntry]:
    order, metrics = {commit.id: at for at, commit in enumerate(contents.history)}, list(METRICS)
    return sorted(
        entries, key=lambda one: (-order[one.change.range[1]], one.subject.case, metrics.index(one.change.metric))
    )


def _leaks(changes: CaseChanges) -> Iterator[Leak]:
    for row in changes.rows:
        if row.metric == "growth" and row.now:
            case = changes.case.bare()
            newest = case.newest("growth") or 0
            calls = case.profile(newest, "calls")
            yield Leak(
                row=row,
                measured=case.stored.history[newest],
                since=_began(case, changes.entries),
                profile=case.profile(newest, "leak") or Profile(),
                sizes=calls.sizes if calls else (),
                calls=next((o.leak_calls for o in case.measured_at(newest) if "leak" in o.profiles), 1),
            )


def _began(case: CaseHistory, entries: Sequence[ChangeEntry]) -> ChangeEntry | None:
    """Return the rise that began the present leak, the first after the last value that was none, if there was one."""
    clean = np.flatnonzero(case.values("growth") == 0)
    if not clean.size:
        return None
    for entry in entries:
        rise = entry.change.metric == "growth" and entry.change.after > entry.change.before
        if rise and entry.status != "transient" and case.stored.positions[entry.change.range[1]] > clean[-1]:
            return entry
    return None
