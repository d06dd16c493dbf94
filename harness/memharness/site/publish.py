"""A site of trend pages, published from stored results; measures nothing.

Subjects are read, judged and drawn one after the other, so that what is held at once stays small. What is kept in the
cache folder and in the site itself spares the work on what did not change.
"""

import dataclasses
import gc
import hashlib
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

import memharness.site.render as pages
from memharness.config.configuration import Config
from memharness.findings.describe import SourceEdits, open_source_edits
from memharness.findings.project import Selection, name_at
from memharness.git.history import blob_ids
from memharness.git.web_links import WebLinks, recognise
from memharness.model.measurements import Measured, Profile
from memharness.model.metrics import METRICS
from memharness.model.values import Value
from memharness.site.catalogue import Catalogue, Chapter, chapters, open_catalogue
from memharness.site.commit_pages import publish_commits
from memharness.site.drawn import DrawnChanges, changes_digest, code_digest
from memharness.site.folder import SiteFolder, Written
from memharness.site.picturing import choose, publish_picture
from memharness.site.shelves import Subject
from memharness.site.status import status_of
from memharness.site.timelines import chart_data, failing, failure_stretches
from memharness.site.values import Entry, Index, Leak, Site, SubjectName, SubjectPage
from memharness.wording.text import number_text

_COLLECTED: Final = 20_000  # objects that may be new before the collector looks at them
_ALL_PICTURED: Final = 25  # subjects, up to which every metric has its picture


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
    with _seldom_collected():
        return _publish(open_catalogue(config, selection))


def _publish(catalogue: Catalogue) -> Published:
    config, site = catalogue.project.config, _site(catalogue)
    with SiteFolder(config.publish.folder) as folder:
        if not folder.keeps_all("assets", code_digest()):
            for name, content in pages.assets().items():
                folder.put(f"assets/{name}", content, code_digest())
        with open_source_edits(catalogue.project.repository) as source_edits:
            told = _publish_subjects(folder, site, catalogue, source_edits)
            named = publish_commits(folder, site, catalogue, told, source_edits)
        folder.put("data/history.js", pages.history_script(catalogue.history, site.pages))
        failed = _publish_lists(folder, site, catalogue, told)
        files = folder.finish()
    advice = f"{number_text(failed, 'failure')} at the newest commits; `memharness run --retry-failed` measures again"
    return Published(
        folder=config.publish.folder,
        files=files,
        subjects=len(told),
        commits=named,
        notices=(*catalogue.notices, *([advice] if failed else ())),
    )


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Have the collector run less often: most of what is made here are values without cycles, which it looks at again.

    Templates and pictures do make cycles, so it cannot be off.
    """
    before = gc.get_threshold()
    gc.set_threshold(_COLLECTED, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _site(catalogue: Catalogue) -> Site:
    config, history, repository = catalogue.project.config, catalogue.history, catalogue.project.repository
    links = _links(catalogue)
    tag = catalogue.newest_tag
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
        build=_build(catalogue),
        pages=frozenset(
            history[at].id for shelf in catalogue.shelves for at, row in enumerate(shelf.rows.tolist()) if row >= 0
        ),
    )


def _build(catalogue: Catalogue) -> str:
    """Return a digest of all figures, in the order of the history: files that are copied are not new."""
    found = hashlib.sha256(msgspec.msgpack.encode([code_digest(), catalogue.history]))
    for shelf in catalogue.shelves:
        numbers = list(shelf.names)
        subjects = [shelf.columns.subjects[number] for number in numbers]
        found.update(msgspec.msgpack.encode([shelf.machine, shelf.family, subjects]))
        for values in shelf.columns.values.values():
            found.update(values[shelf.rows[shelf.rows >= 0]][:, numbers].tobytes())
    return found.hexdigest()[:10]


def _links(catalogue: Catalogue) -> WebLinks | None:
    """Recognise where the repository is browsed: by its remote, or by the address it was fetched from."""
    repository = catalogue.project.repository
    remote = repository.try_git("config", "--get", "remote.origin.url").output.decode(errors="replace").strip()
    return recognise(remote) or recognise(repository.location)


def _siblings(catalogue: Catalogue) -> dict[str, tuple[SubjectName, ...]]:
    """Return by case the subjects that it is on all machines and in all environments."""
    found: dict[str, tuple[SubjectName, ...]] = {}
    for shelf in catalogue.shelves:
        for name in shelf.names.values():
            found[name.case] = (*found.get(name.case, ()), name)
    return found


# --- subjects --------------------------------------------------------------------------------------------


def _publish_subjects(folder: SiteFolder, site: Site, catalogue: Catalogue, source_edits: SourceEdits) -> list[Chapter]:
    """Write the files of all subjects; return their chapters without what was read for them."""
    siblings = _siblings(catalogue)
    every = sum(map(len, siblings.values())) <= _ALL_PICTURED
    told = []
    for shelf, own in groupby(chapters(catalogue, source_edits), key=lambda chapter: chapter.subject.shelf):
        drawn = DrawnChanges(shelf)
        for chapter in own:
            subject = chapter.subject
            changes = drawn.of(site, chapter)
            _publish_subject(folder, site, chapter, siblings[subject.case.name], changes, every_picture=every)
            told.append(dataclasses.replace(chapter, subject=subject.bare()))
        drawn.keep(catalogue.faults)
    return told


def _publish_subject(
    folder: SiteFolder,
    site: Site,
    chapter: Chapter,
    siblings: tuple[SubjectName, ...],
    changes: str,
    *,
    every_picture: bool,
) -> None:
    """Write the files of a subject, whose `changes` are drawn already."""
    subject, id_ = chapter.subject, chapter.subject.name.id
    data, pictured = chart_data(subject, chapter.rows), choose(chapter, every=every_picture)
    folder.put(f"data/scenario/{id_}.js", pages.subject_script(data))
    grown = subject.newest("growth")
    calls = None if grown is None else subject.profile(grown, "calls")
    page = SubjectPage(
        subject=subject.name,
        summary=subject.case.scenario.summary,
        rows=chapter.rows,
        entries=chapter.entries,
        failures=failure_stretches(subject),
        unmeasured=len(subject.states) - len(subject.measured) - subject.measured[0],
        siblings=siblings,
        reproduce=_reproduce(subject),
        sizes=calls.sizes if calls else (),
        notes=_notes(subject),
        pictures=tuple(row.metric for row in pictured),
    )
    folder.put(f"scenario/{id_}.html", pages.render_subject(site, page, changes))
    for row in pictured:
        publish_picture(folder, chapter, row)


def _reproduce(subject: Subject) -> tuple[str, ...]:
    """Return the commands that measure its newest result anew and show what is behind it."""
    case, commit = subject.case, subject.shelf.history[subject.measured[-1]].short
    inner = case.name.removeprefix(case.scenario.name).strip("[]")
    words = [case.scenario.name, *inner.split(",")] if inner else [case.scenario.name]
    plain = all(re.fullmatch(r"[\w.=-]+", word) and word not in {"and", "or", "not"} for word in words)
    choice = shlex.quote(" and ".join(words if plain else [case.scenario.name]))
    return (
        f"memharness run --until {commit} --last 1 -k {choice}",
        f"memharness show {commit} -k {choice}",
    )


def _notes(subject: Subject) -> tuple[str, ...]:
    outcomes = [m.outcome for m in subject.measurements(subject.measured[-1])]
    return tuple(dict.fromkeys(note for o in outcomes if isinstance(o, Measured) for note in o.notes))


# --- the lists -------------------------------------------------------------------------------------------


def _publish_lists(folder: SiteFolder, site: Site, catalogue: Catalogue, told: Sequence[Chapter]) -> int:
    """Write the pages about all subjects; return the number of failures at their newest commits."""
    order = {commit.id: at for at, commit in enumerate(catalogue.history)}
    entries = sorted(
        (entry for chapter in told for entry in chapter.entries),
        key=lambda entry: (-order[entry.change.range[1]], entry.subject.case, list(METRICS).index(entry.change.metric)),
    )
    index = Index(
        open=tuple(entry for entry in entries if entry.status == "open"),
        over_limit=tuple(row for chapter in told for row in chapter.rows if row.over_limit),
        rows=tuple(row for chapter in told for row in chapter.rows),
        failing=tuple(failure for chapter in told for failure in failing(chapter.subject)),
    )
    folder.put("index.html", pages.render_index(site, index))
    key = changes_digest(site, entries)
    if not folder.keeps("changes.html", key):
        folder.put("changes.html", pages.render_changes(site, entries), key)
    folder.put("changes.atom", pages.render_feed(site, entries))
    folder.put("leaks.html", pages.render_leaks(site, _leaks(told)))
    folder.put("status.html", pages.render_status(site, status_of(catalogue)))
    folder.put("compare.html", pages.render_compare(site, [chapter.subject.name for chapter in told]))
    return len(index.failing)


def _leaks(told: Iterable[Chapter]) -> list[Leak]:
    found = []
    for chapter in told:
        for row in chapter.rows:
            if row.metric == "growth" and row.now:
                subject = chapter.subject.bare()
                newest = subject.newest("growth") or 0
                calls, profile = subject.profile(newest, "calls"), subject.profile(newest, "leak")
                found.append(
                    Leak(
                        row=row,
                        measured=subject.shelf.history[newest],
                        since=_began(subject, chapter.entries),
                        profile=profile or Profile(),
                        sizes=calls.sizes if calls else (),
                        calls=next((o.leak_calls for o in subject.measured_at(newest) if "leak" in o.profiles), 1),
                    )
                )
    return found


def _began(subject: Subject, entries: Sequence[Entry]) -> Entry | None:
    """Return the rise that began the present leak, the first after the last value that was none, if there was one."""
    clean = np.flatnonzero(subject.values("growth") == 0)
    if not clean.size:
        return None
    for entry in entries:
        rise = entry.change.metric == "growth" and entry.change.after > entry.change.before
        if rise and entry.status != "transient" and subject.shelf.positions[entry.change.range[1]] > clean[-1]:
            return entry
    return None
