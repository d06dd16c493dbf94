"""Installed files: what an installer put into site-packages -> which of it is the project's, and where it came from."""

import csv
import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from memharness.model import Value

_EXTENSION: Final = re.compile(r"\.(cpython-[^.]+|abi3|pypy[^.]*)\.so$|\.(so|pyd)$")


class Split(Value):
    """The project's installed files below site-packages, sorted out against the files of its commit.

    `tracked` are installed copies of files below the import root; `generated` were made or rewritten by the build.
    `frozen` are files of the commit that the build rewrote, compiled, or copied to elsewhere: an environment serves
    only commits that share them.
    """

    tracked: tuple[str, ...]
    generated: tuple[str, ...]
    frozen: tuple[str, ...]


def packages(site: Path, *, leave_out: Path | None) -> dict[str, str]:
    """Return the normalised name and the version of every distribution in site-packages."""
    names = {path.name.removesuffix(".dist-info") for path in site.glob("*.dist-info") if path != leave_out}
    pairs = (name.rpartition("-") for name in sorted(names))
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, _, version in pairs}


def find_project(site: Path, source: Path) -> Path | None:
    """Return the .dist-info folder of what was installed from the folder `source`; None where nothing was."""
    for record in site.glob("*.dist-info/direct_url.json"):
        url = urlsplit(json.loads(record.read_text())["url"])
        if url.scheme == "file" and os.path.realpath(unquote(url.path)) == os.path.realpath(source):
            return record.parent
    return None


def split(info: Path, *, import_root: str, files: Mapping[str, str]) -> Split:
    """Sort out the project's files, which the RECORD in `info` lists, against path -> blob id of the commit."""
    tracked: list[str] = []
    generated: list[str] = []
    frozen: set[str] = set()
    prefix = "" if import_root == "." else f"{import_root}/"
    by_name: dict[str, list[str]] = {}
    for path in files:
        by_name.setdefault(path.rpartition("/")[2], []).append(path)
    for path in _recorded(info):
        content = (info.parent / path).read_bytes()
        blob = _blob_id(content, length=len(next(iter(files.values()), "")))
        if files.get(prefix + path) == blob:
            tracked.append(path)
            continue
        generated.append(path)
        if prefix + path in files:
            frozen.add(prefix + path)
        elif content:  # an empty file says nothing about its origin
            frozen.update(copy for copy in by_name.get(path.rpartition("/")[2], []) if files[copy] == blob)
        source = prefix + _EXTENSION.sub(".py", path)
        if source != prefix + path and source in files:
            frozen.add(source)  # compiled from Python: the extension wins over its source when imported
    return Split(tracked=tuple(tracked), generated=tuple(generated), frozen=tuple(sorted(frozen)))


def take_out(site: Path, names: tuple[str, ...], *, into: Path | None) -> None:
    """Move files out of site-packages, or delete them, with the folders and the byte code they leave behind."""
    for name in names:
        path = site / name
        if into is None:
            path.unlink(missing_ok=True)
        else:
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            path.replace(into / name)
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
            compiled.unlink()
        for folder in (path.parent / "__pycache__", *path.parents):
            if folder == site or not folder.is_dir() or any(folder.iterdir()):
                if folder.name != "__pycache__":
                    break
                continue
            folder.rmdir()


def _recorded(info: Path) -> list[str]:
    """Return the recorded files that can be imported: no metadata, scripts, .pth files or byte code."""
    with (info / "RECORD").open(newline="", encoding="utf-8") as record:
        names = sorted(row[0] for row in csv.reader(record) if row)
    aside = (f"{info.name}/", "../", "/")
    return [
        name
        for name in names
        if not name.startswith(aside) and not name.endswith((".pyc", ".pth")) and (info.parent / name).is_file()
    ]


def _blob_id(content: bytes, *, length: int) -> str:
    """Return the id that git gives to the contents of a file, `length` hex digits long."""
    algorithm = hashlib.sha256 if length == 64 else hashlib.sha1
    return algorithm(b"blob %d\0" % len(content) + content).hexdigest()
