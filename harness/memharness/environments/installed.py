"""Installed files: what an installer put into site-packages -> which of it is the project's, and where it came from."""

import glob
import json
import os
import posixpath
import re
from collections import Counter
from collections.abc import Collection, Iterable
from functools import cached_property
from importlib.metadata import PathDistribution
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name

from memharness.environments.commit_files import CheckedOutFiles
from memharness.model.values import Value
from memharness.packages.layout import Layout, prefix_of

_MODULE: Final = (".py", ".so", ".pyd")
_EXTENSION: Final = re.compile(r"\.(cpython-[^.]+|abi3|pypy[^.]*)\.so$|\.(so|pyd)$")


class SortedFiles(Value):
    """The project's files in site-packages: copies of the commit's, and those that the build made or rewrote.

    `frozen` names what all commits must share that use the environment (see `path_digests` in `fingerprint`): files
    that the build rewrote or compiled, what it copied elsewhere, and the names of modules beside compiled ones.
    """

    copies: tuple[str, ...]
    generated: tuple[str, ...]
    frozen: frozenset[str]


class InstalledProject:
    """What can be imported of a project that was built of a commit, by the RECORD in its .dist-info folder `info`."""

    def __init__(self, info: Path, commit: CheckedOutFiles) -> None:
        self._site = info.parent
        self._commit = commit
        self._names = [name for name in recorded_files(info) if is_importable(name)]
        self._modules = [name for name in self._names if name.endswith(_MODULE)]

    @cached_property
    def import_root(self) -> str:
        """The commit's import root if any installed file was copied from there, else the folder that most were."""
        expected = self._commit.layout.import_root
        found: Counter[str] = Counter()
        for name in self._names:
            content = (self._site / name).read_bytes()
            if self._commit.is_copy(posixpath.normpath(f"{expected}/{name}"), content):
                return expected
            copied = self._commit.copied(content)
            found.update(path[: -len(name)].rstrip("/") or "." for path in copied if f"/{path}".endswith(f"/{name}"))
        return max(sorted(found), key=found.__getitem__, default=expected)

    def top_level(self) -> tuple[str, ...]:
        """Return the names that it can be imported by."""
        parts = (path.partition("/") for path in self._modules)
        names = {first if slash else first.partition(".")[0] for first, slash, _ in parts}
        return tuple(sorted(name for name in names if name.isidentifier()))

    def namespaces(self) -> tuple[str, ...]:
        """Return the packages, dotted, that are installed without the __init__.py which the commit has there."""
        modules = [PurePosixPath(path) for path in self._modules]
        regular = {str(path.parent) for path in modules if path.name.startswith("__init__.")}
        folders = {str(folder) for path in modules for folder in path.parents} - regular - {"."}
        prefix = prefix_of(self.import_root)
        plain = (folder for folder in folders if f"{prefix}{folder}/__init__.py" in self._commit.ids)
        return tuple(sorted(folder.replace("/", ".") for folder in plain))

    def sort(self) -> SortedFiles:
        """Compare the installed files with those of the commit."""
        copies: list[str] = []
        generated: list[str] = []
        frozen: set[str] = set()
        for name in self._names:
            path, content = prefix_of(self.import_root) + name, (self._site / name).read_bytes()
            if self._commit.is_copy(path, content):
                copies.append(name)
                continue
            generated.append(name)
            frozen |= {path} if path in self._commit.ids else self._commit.origins(name, content)
            source = _EXTENSION.sub(".py", path)
            if source != path and source in self._commit.ids:  # the extension wins over its source when imported
                frozen |= {source, posixpath.join(posixpath.dirname(source), "*")}
        return SortedFiles(copies=tuple(copies), generated=tuple(generated), frozen=frozenset(frozen))


def packages(site: Path, *, leave_out: Collection[Path]) -> dict[str, str]:
    """Return the normalised name and the version of every distribution in site-packages."""
    names = {path.name.removesuffix(".dist-info") for path in site.glob("*.dist-info") if path not in leave_out}
    pairs = (name.rpartition("-") for name in sorted(names))
    return {canonicalize_name(name): version for name, _, version in pairs}


def local_projects(source: Path, site: Path) -> dict[Path, str]:
    """Return the .dist-info folders of what was installed from below `source`, with the paths that it came from."""
    found = {}
    top = os.path.realpath(source)
    for file in sorted(site.glob("*.dist-info/direct_url.json")):
        url = urlsplit(json.loads(file.read_text())["url"])
        path = os.path.realpath(unquote(url.path))
        if url.scheme == "file" and (path == top or path.startswith(f"{top}/")):
            found[file.parent] = os.path.relpath(path, top)
    return found


def importable_names(layout: Layout, site_paths: Iterable[str]) -> tuple[str, ...]:
    """Return what can be imported where the project is not built; installed packages hide `others` of their name."""
    sites = [Path(path) for path in site_paths]
    taken = {
        name for name in layout.others if any((site / name).is_dir() or any(site.glob(f"{name}.*")) for site in sites)
    }
    return tuple(sorted({*layout.packages, *layout.others} - taken))


def take_out(site: Path, names: tuple[str, ...], *, into: Path | None) -> None:
    """Move files out of site-packages, or delete them, with the folders and the byte code they leave behind."""
    for name in names:
        path = site / name
        if into is None:
            path.unlink(missing_ok=True)
        else:
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            path.replace(into / name)
        cache = path.parent / "__pycache__"
        for compiled in cache.glob(f"{glob.escape(path.stem)}.*.pyc"):
            compiled.unlink()
        _remove_empty(cache)
        folder = path.parent
        while folder != site and _remove_empty(folder):
            folder = folder.parent


def recorded_files(info: Path) -> list[str]:
    """Return the installed files that RECORD lists, relative to site-packages: no metadata and no byte code."""
    environment = f"{os.path.realpath(info.parents[3])}/"
    return [
        name
        for name in sorted({posixpath.normpath(path) for path in PathDistribution(info).files or ()})
        if not name.startswith(f"{info.name}/")
        and not name.endswith(".pyc")
        and (info.parent / name).is_file()
        and os.path.realpath(info.parent / name).startswith(environment)
    ]


def is_importable(name: str) -> bool:
    """Tell whether a recorded file can be imported or lies beside what can: no script, data file or .pth file."""
    return not name.startswith(("../", "/")) and not name.endswith(".pth")


def _remove_empty(folder: Path) -> bool:
    """Remove a folder that is there and empty; return whether it was."""
    empty = folder.is_dir() and not any(folder.iterdir())
    if empty:
        folder.rmdir()
    return empty
