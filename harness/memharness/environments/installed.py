"""Installed files: what an installer put into site-packages -> which of it is the project's, and where it came from."""

import csv
import glob
import hashlib
import itertools
import json
import os
import posixpath
import re
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

from memharness.environments.build_inputs import holds_own
from memharness.model.history import Checkout
from memharness.model.values import Value
from memharness.packages.layout import Layout

_MODULE: Final = (".py", ".so", ".pyd")
_EXTENSION: Final = re.compile(r"\.(cpython-[^.]+|abi3|pypy[^.]*)\.so$|\.(so|pyd)$")


class Split(Value):
    """The project's installed files below site-packages, sorted out against the files of its commit.

    `tracked` are installed copies of files below the import root; `generated` were made or rewritten by the build.
    `frozen` names what an environment's commits must share, as `fingerprint.states` has it: files that the build
    rewrote or compiled, what it copied to elsewhere, and which modules lie beside those that it compiled.
    """

    tracked: tuple[str, ...]
    generated: tuple[str, ...]
    frozen: frozenset[str]


class Originals:
    """The files of a commit, in its checkout `tree`, to find those of which installed files are copies."""

    def __init__(self, tree: Path, files: Collection[str], layout: Layout) -> None:
        self._tree = tree
        self._files = files
        self._layout = layout
        self._by_size: dict[int, list[str]] = {}

    def is_copy(self, path: str, content: bytes) -> bool:
        """Tell whether the file at `path` of the commit, which a link may lead to, has this content."""
        original = self._tree / path
        return original.is_file() and original.stat().st_size == len(content) and original.read_bytes() == content

    def is_folder(self, path: str) -> bool:
        """Tell whether the commit has a folder there."""
        return (self._tree / path).is_dir()

    def links(self) -> list[str]:
        """Return the symbolic links of the commit: a build may have followed them to anything."""
        return [path for path in self._files if (self._tree / path).is_symlink()]

    def of(self, installed: str, content: bytes) -> set[str]:
        """Return the folders of the commit that an installed file may have been copied from, by content and path.

        Such a folder lies above the common end of both paths; the file itself, where it has another name there.
        """
        if not content.strip():
            return set()  # says nothing about its origin
        if not self._by_size:
            for path in self._files:
                if (self._tree / path).is_file():
                    self._by_size.setdefault((self._tree / path).stat().st_size, []).append(path)
        alike = [path for path in self._by_size.get(len(content), ()) if self.is_copy(path, content)]
        most = max((_common(path, installed) for path in alike), default=0)
        return {self._origin(path, most) for path in alike if _common(path, installed) == most}

    def _origin(self, path: str, common: int) -> str:
        """Return the folder that `common` parts at the end of a path lie in; never one that holds the project's own."""
        parts = path.split("/")
        for end in range(max(len(parts) - common, 1), len(parts)):
            folder = "/".join(parts[:end])
            if not holds_own(folder, self._layout):
                return f"{folder}/"
        return path


def packages(site: Path, *, leave_out: Collection[Path]) -> dict[str, str]:
    """Return the normalised name and the version of every distribution in site-packages."""
    names = {path.name.removesuffix(".dist-info") for path in site.glob("*.dist-info") if path not in leave_out}
    pairs = (name.rpartition("-") for name in sorted(names))
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, _, version in pairs}


def local(site: Path, source: Path) -> dict[Path, str]:
    """Return the .dist-info folders of what was installed from below `source`, with the paths that it came from."""
    found = {}
    top = os.path.realpath(source)
    for record in sorted(site.glob("*.dist-info/direct_url.json")):
        url = urlsplit(json.loads(record.read_text())["url"])
        path = os.path.realpath(unquote(url.path))
        if url.scheme == "file" and (path == top or path.startswith(f"{top}/")):
            found[record.parent] = os.path.relpath(path, top)
    return found


def split(info: Path, originals: Originals, *, import_root: str, files: Collection[str]) -> Split:
    """Sort out what can be imported of the project, whose RECORD is in `info`, against the files of the commit."""
    tracked: list[str] = []
    generated: list[str] = []
    frozen: set[str] = set()
    prefix = "" if import_root == "." else f"{import_root}/"
    for path in filter(is_importable, recorded(info)):
        content = (info.parent / path).read_bytes()
        if originals.is_copy(prefix + path, content):
            tracked.append(path)
            continue
        generated.append(path)
        frozen |= {prefix + path} if prefix + path in files else originals.of(path, content)
        source = prefix + _EXTENSION.sub(".py", path)
        if source != prefix + path and source in files:  # the extension wins over its source when imported
            frozen |= {source, posixpath.join(posixpath.dirname(source), "*")}
    return Split(tracked=tuple(tracked), generated=tuple(generated), frozen=frozenset(frozen))


def find_import_root(info: Path, originals: Originals, *, expected: str, files: Collection[str]) -> str:
    """Return the folder of the commit that holds the most of what is installed, contents and all; `expected` if any."""
    by_name: dict[str, list[str]] = {}
    for path in files:
        by_name.setdefault(path.rpartition("/")[2], []).append(path)
    found: Counter[str] = Counter()
    for name in filter(is_importable, recorded(info)):
        content = (info.parent / name).read_bytes()
        if originals.is_copy(posixpath.normpath(f"{expected}/{name}"), content):
            return expected
        found.update(
            path[: -len(name)].rstrip("/") or "."
            for path in (by_name.get(name.rpartition("/")[2], ()) if content.strip() else ())
            if (path == name or path.endswith(f"/{name}")) and originals.is_copy(path, content)
        )
    return max(sorted(found), key=found.__getitem__, default=expected)


def top_level(info: Path) -> tuple[str, ...]:
    """Return the names that the project's installed files can be imported by."""
    found = set()
    for path in filter(is_importable, recorded(info)):
        first, slash, _ = path.partition("/")
        name = first if slash else first.partition(".")[0]
        if name.isidentifier() and path.endswith(_MODULE):
            found.add(name)
    return tuple(sorted(found))


def namespaces(info: Path, *, import_root: str, files: Collection[str]) -> tuple[str, ...]:
    """Return the packages, dotted, that are installed without the __init__.py which the commit has there."""
    prefix = "" if import_root == "." else f"{import_root}/"
    importable = filter(is_importable, recorded(info))
    modules = [PurePosixPath(path) for path in importable if path.endswith(_MODULE)]
    regular = {str(path.parent) for path in modules if path.name.startswith("__init__.")}
    folders = {str(folder) for path in modules for folder in path.parents} - regular - {"."}
    return tuple(sorted(folder.replace("/", ".") for folder in folders if f"{prefix}{folder}/__init__.py" in files))


def importable(checkout: Checkout, site_paths: Iterable[str]) -> tuple[str, ...]:
    """Return what can be imported where the project is not built: not other names that an installed package has."""
    sites = [Path(path) for path in site_paths]
    taken = {
        name for name in checkout.others if any((site / name).is_dir() or any(site.glob(f"{name}.*")) for site in sites)
    }
    return tuple(sorted({*checkout.packages, *checkout.others} - taken))


def digest_of(site: Path, names: Iterable[str]) -> str:
    """Return a digest of the contents of installed files, 8 hex digits."""
    found = hashlib.sha256()
    for name in sorted(names):
        found.update(f"{name}\0{hashlib.sha256((site / name).read_bytes()).hexdigest()}\0".encode(errors="replace"))
    return found.hexdigest()[:8]


def take_out(site: Path, names: tuple[str, ...], *, into: Path | None) -> None:
    """Move files out of site-packages, or delete them, with the folders and the byte code they leave behind."""
    for name in names:
        path = site / name
        if into is None:
            path.unlink(missing_ok=True)
        else:
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            path.replace(into / name)
        for compiled in (path.parent / "__pycache__").glob(f"{glob.escape(path.stem)}.*.pyc"):
            compiled.unlink()
        for folder in (path.parent / "__pycache__", *path.parents):
            if folder == site or not folder.is_dir() or any(folder.iterdir()):
                if folder.name != "__pycache__":
                    break
                continue
            folder.rmdir()


def recorded(info: Path) -> list[str]:
    """Return the installed files that RECORD lists, relative to site-packages: no metadata and no byte code."""
    with (info / "RECORD").open(newline="", encoding="utf-8") as record:
        names = sorted(row[0] for row in csv.reader(record) if row)
    environment = f"{os.path.realpath(info.parents[3])}/"
    return [
        name
        for name in names
        if not name.startswith(f"{info.name}/")
        and not name.endswith(".pyc")
        and (info.parent / name).is_file()
        and os.path.realpath(info.parent / name).startswith(environment)
    ]


def is_importable(name: str) -> bool:
    """Tell whether a recorded file can be imported or lies beside what can: no script, data file or .pth file."""
    return not name.startswith(("../", "/")) and not name.endswith(".pth")


def _common(path: str, other: str) -> int:
    """Return how many parts at the end of two paths are the same."""
    pairs = zip(reversed(path.split("/")), reversed(other.split("/")), strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
