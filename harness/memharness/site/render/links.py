"""Addresses: of the pages of the site, relative, and of commits and source lines on the forge."""

import hashlib
import re
from functools import cache, lru_cache
from importlib.metadata import version
from importlib.resources import files
from typing import Final
from urllib.parse import quote

from markupsafe import Markup

from memharness.model.history import Commit
from memharness.site.values import CaseName, Site
from memharness.wording.text import visible

_WEB: Final = re.compile(r"https?://", re.IGNORECASE)  # nothing else is followed, above all not javascript:


class PageLinks:
    """The addresses that a page needs. `root` leads from its folder to that of index.html."""

    __slots__ = ("_site", "root")

    def __init__(self, site: Site, root: str = "") -> None:
        self._site = site
        self.root = root

    def subject(self, subject: CaseName, metric: str | None = None) -> str:
        """Return the address of a case's page, with the chart of one metric."""
        address = f"{self.root}scenario/{quote(subject.id, safe='')}.html"
        return f"{address}?metric={quote(metric, safe='')}" if metric else address

    def metric(self, subject: CaseName, metric: str) -> Markup:
        """Return the name of a metric of a case, with the link to its chart."""
        return _metric(self.root, subject, metric)

    def picture(self, subject: CaseName, metric: str) -> str:
        """Return the address of the picture that stands for the chart of a metric."""
        return f"{self.root}picture/{quote(f'{subject.id}-{metric}', safe='')}.svg"

    def commit(self, commit: Commit) -> str | None:
        """Return the address of a commit: its page, else that on the forge, if there is any."""
        if commit.id in self._site.pages:
            return f"{self.root}commit/{quote(commit.id, safe='')}.html"
        return self.forge(commit)

    def forge(self, commit: Commit) -> str | None:
        """Return the address of a commit on the forge."""
        return _filled(self._site.commit_link, commit=commit.id)

    def line(self, commit: Commit, path: str, line: int) -> str | None:
        """Return the address of a line of the project on the forge; what lies outside the project has none."""
        if path.startswith(("<", "/")) or not path or ".." in path.split("/"):
            return None
        return _filled(self._site.line_link, commit=commit.id, path=path, line=str(line))

    @property
    def line_pattern(self) -> str:
        """Return the pattern of `line` for scripts, nothing where there is none to follow."""
        pattern = self._site.line_link
        return pattern if pattern is not None and _WEB.match(pattern) else ""

    def compare(self, before: Commit, after: Commit) -> str:
        """Return the address of the comparison of two commits."""
        return f"{self.root}compare.html?a={quote(before.short, safe='')}&b={quote(after.short, safe='')}"


@lru_cache(1000)
def _metric(root: str, subject: CaseName, metric: str) -> Markup:
    """Return what is the same on the pages of all commits, and most of them."""
    address = f"{root}scenario/{quote(subject.id, safe='')}.html?metric={quote(metric, safe='')}"
    return Markup('<a href="{}">{}</a> <span class="metric">{}</span> <span class="note">{} · {}</span>').format(
        address, *map(visible, (subject.case, metric, subject.family, subject.machine))
    )


def _filled(pattern: str | None, **fields: str) -> str | None:
    """Put quoted fields into a pattern, in one pass, so that no value is taken for a field."""
    if pattern is None or not _WEB.match(pattern):
        return None
    quoted = {name: "/".join(quote(part, safe="") for part in value.split("/")) for name, value in fields.items()}
    return re.sub(r"\{(\w+)\}", lambda match: quoted.get(match[1], match[0]), pattern)


@cache
def own_assets() -> dict[str, bytes]:
    """Return the files of `assets/` that are part of this package, by name."""
    folder = files(__package__) / "assets"
    return {entry.name: entry.read_bytes() for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)}


@cache
def asset_version() -> str:
    """Return a word that changes with the assets, so that browsers do not keep old ones."""
    return hashlib.sha256(b"".join(own_assets().values())).hexdigest()[:8]


@cache
def bokeh_script() -> str:
    """Return the name of Bokeh's script in `assets/`."""
    return f"bokeh-{version('bokeh')}.min.js"
