"""What was published: the files of a site, and where its pages lead."""

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

MANIFEST = ".memharness-site.json"
_OURS = (MANIFEST, ".memharness-site.lock")


def site_files(folder: Path) -> dict[str, bytes]:
    """Return every file of a site by its path, but for the list of what was published and its lock."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in _OURS)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def site_times(folder: Path) -> dict[str, int]:
    """Return when each file was written, in nanoseconds."""
    return {path: (folder / path).stat().st_mtime_ns for path in site_files(folder)}


def data_of(script: bytes) -> Any:
    """Return the value that a script of the site hands over."""
    text = script.decode()
    assert text.startswith("memharness.put(")
    return json.loads(f"[{text.removeprefix('memharness.put(').rstrip().removesuffix(');')}]")[1]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in {"href", "src"}:
                self.links.append(value or "")
            elif name == "id":
                self.ids.append(value or "")


def read_page(content: bytes) -> tuple[list[str], list[str]]:
    """Return the links of a page and its anchors."""
    reader = _Reader()
    reader.feed(content.decode())
    reader.close()
    return reader.links, reader.ids


def dead_links(folder: Path) -> list[tuple[str, str]]:
    """Return every link, with the page that it is on, that leads nowhere in the site; those to the web are left out."""
    files = site_files(folder)
    read = {path: read_page(content) for path, content in files.items() if path.endswith(".html")}
    found = []
    for page, (links, _) in read.items():
        for link in links:
            parts = urlsplit(link)
            if parts.scheme in {"http", "https", "data"}:
                continue
            target = (folder / page).parent / unquote(parts.path) if parts.path else folder / page
            name = target.resolve().relative_to(folder.resolve()).as_posix()
            anchor = unquote(parts.fragment)
            if parts.scheme or name not in files or (anchor and anchor not in read[name][1]):
                found.append((page, link))
    return found


def text_of(content: bytes) -> str:
    """Return what a page says, with blanks in place of tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", content.decode())).split())
