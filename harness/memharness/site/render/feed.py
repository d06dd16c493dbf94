"""The feed of changes, in Atom (RFC 4287). It says nothing of when it was made, so equal changes make equal files."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from memharness.site.render.words import author_text, entry_label, iso_time, relative_text
from memharness.site.values import ChangeEntry, Site
from memharness.wording.text import delta_text, value_text, visible

_MOST: Final = 100


def render_feed(site: Site, entries: Sequence[ChangeEntry]) -> str:
    """Return the newest changes by the time of their commit; links are absolute where it is known where the site is."""
    newest = sorted(entries, key=lambda entry: (-entry.bad.time, entry.id))[:_MOST]
    updated = iso_time(newest[0].bad if newest else site.newest)
    where = [_link("self", _address(site, "changes.atom")), _link("alternate", _address(site, "changes.html"))]
    return "\n".join(
        [
            '<?xml version="1.0" encoding="utf-8"?>',
            '<feed xmlns="http://www.w3.org/2005/Atom">',
            f"<title>{_text(f'Memory of {site.project}')}</title>",
            f"<id>{_text(_name(site, ''))}</id>",
            f"<updated>{updated}</updated>",
            *where,
            *(_entry(site, entry) for entry in newest),
            "</feed>\n",
        ]
    )


def _entry(site: Site, entry: ChangeEntry) -> str:
    change = entry.change
    name = f"{entry.subject.case} {change.metric}"
    figures = f"{value_text(change.before, change.unit)} to {value_text(change.after, change.unit)}"
    difference = " ".join(
        filter(
            None, (delta_text(change.after - change.before, change.unit), relative_text(change.before, change.after))
        )
    )
    lines = [f"{name}: {figures} ({difference})", f"{entry.bad.short} {entry.bad.subject}"]
    lines += [f"{line.path}:{line.line} {line.function}: {line.source}" for line in change.blame[:3]]
    return "\n".join(
        [
            "<entry>",
            f"<title>{_text(f'{entry_label(entry).word}: {name} {difference}')}</title>",
            f"<id>{_text(_name(site, entry.id))}</id>",
            f"<updated>{iso_time(entry.bad)}</updated>",
            f"<author><name>{_text(author_text(entry.bad)) or 'unknown'}</name></author>",
            _link("alternate", _address(site, f"changes.html#{quote(entry.id, safe='')}")),
            # A paragraph each: readers collapse plain line breaks.
            f'<content type="html">{escape("".join(f"<p>{_text(line)}</p>" for line in lines))}</content>',
            "</entry>",
        ]
    )


def _text(text: str) -> str:
    return escape(visible(text))


def _link(relation: str, address: str) -> str:
    return f"<link rel={quoteattr(relation)} href={quoteattr(visible(address))}/>"


def _address(site: Site, page: str) -> str:
    return f"{site.url}/{page}" if site.url else page


def _name(site: Site, entry: str) -> str:
    """Return the name by which readers of feeds know an entry again, wherever the site is."""
    return f"urn:memharness:{quote(site.project, safe='')}:{quote(entry, safe='')}"
