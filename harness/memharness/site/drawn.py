"""What is drawn already: digests of all that it depends on, and the changes of subjects as parts of their pages."""

import hashlib
from collections.abc import Sequence
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

import memharness.site.render as pages
from memharness.model.values import digest
from memharness.site.catalogue import Chapter
from memharness.site.kept import Fragment, keep, kept_file, read_kept, write_kept
from memharness.site.shelves import Shelf
from memharness.site.values import Entry, Site

_LIBRARIES: Final = ("bokeh", "jinja2", "markupsafe", "matplotlib")


@cache
def code_digest() -> str:
    """Return a digest of the whole package and of the libraries that draw: of another version all is drawn anew."""
    files = (
        path for path in Path(__file__).parents[1].rglob("*") if path.is_file() and "__pycache__" not in path.parts
    )
    found = hashlib.sha256("".join(f"{name} {version(name)}\n" for name in _LIBRARIES).encode())
    for file in sorted(files):
        found.update(file.read_bytes())
    return found.hexdigest()[:32]


def site_digest(site: Site) -> str:
    """Return a digest of what a page shows of its site, but for the commits that it names and `Site.build`."""
    return digest([code_digest(), site.project, site.line_link, site.commit_link, site.url], 32)


def changes_digest(site: Site, entries: Sequence[Entry]) -> str:
    """Return a digest of all that a page shows of changes: them, where their links lead, and what draws them."""
    named = {one.id for entry in entries for one in (entry.good, entry.bad, entry.undone_by, entry.merge) if one}
    return digest([site_digest(site), sorted(named & site.pages), entries], 32)


class DrawnChanges:
    """The changes of the subjects of a shelf, drawn as parts of their pages; what was drawn before is in a file."""

    def __init__(self, shelf: Shelf) -> None:
        self._file = kept_file("changes", shelf.project.config.run.results, shelf.machine, shelf.family)
        self._known = read_kept(self._file, Fragment)
        self._drawn: dict[str, Fragment] = {}

    def of(self, site: Site, chapter: Chapter) -> str:
        """Return the changes of a subject as HTML."""
        id_, key = chapter.subject.name.id, changes_digest(site, chapter.entries)
        fragment = self._known.get(id_)
        if fragment is None or fragment.key != key:
            fragment = Fragment(key=key, html=pages.render_entries(site, chapter.entries))
        self._drawn[id_] = fragment
        return fragment.html

    def keep(self, faults: list[str]) -> None:
        """Write the file, as far as anything was drawn anew."""
        kept = self._known | self._drawn
        if kept != self._known:
            keep(faults, partial(write_kept, self._file, kept))
