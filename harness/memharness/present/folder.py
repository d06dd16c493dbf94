"""The folder of a site: written file by file, only where something changed; what is no longer part of it goes.

A file in it lists what memharness put there, and by which key each was made; nothing else in the folder is touched.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec
from filelock import FileLock, Timeout

from memharness.errors import MemharnessError
from memharness.model import Value

MANIFEST: Final = ".memharness-site.json"
_LOCK: Final = ".memharness-site.lock"
_PATIENCE_SECONDS: Final = 60.0
_FORMAT: Final = 1


class Written(Value, omit_defaults=False):
    """How many files of a site were written, left as they were, and removed."""

    written: int = 0
    kept: int = 0
    removed: int = 0


class _Manifest(Value):
    format: int
    files: dict[str, str] = {}  # path below the folder -> key


class SiteFolder:
    """A folder to publish into, to be used as a context; another publishing into it waits until its end.

    Raises MemharnessError where the folder holds something else, and where the disk refuses.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = FileLock(folder / _LOCK, timeout=_PATIENCE_SECONDS)
        self._known: dict[str, str] = {}
        self._there: frozenset[str] = frozenset()
        self._files: dict[str, str] = {}
        self._written: set[str] = set()

    def __enter__(self) -> Self:
        with _faults(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            _check(self.folder)
            try:
                self._lock.acquire()
            except Timeout:
                raise MemharnessError(
                    f"{self.folder} is being published to by another process",
                    hint="Wait for it to end, or name another folder with --output.",
                ) from None
            self._known = _read_manifest(self.folder)
            if not self._known:
                self._write_manifest({})  # before any other file, so that whoever waits or comes later knows the folder
            self._there = frozenset(_files(self.folder))
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        """Remember what was written; where publishing broke off, beside what was there before."""
        try:
            with _faults(self.folder):
                self._write_manifest(self._files if kind is None else self._known | self._files)
        finally:
            self._lock.release()

    def keeps(self, path: str, key: str) -> bool:
        """Tell whether the file at `path` was made by `key`; if so it stays, and need not be put."""
        if self._files.get(path) == key:
            return True
        same = self._known.get(path) == key and path in self._there
        if same:
            self._files[path] = key
        return same

    def keeps_all(self, parent: str, key: str) -> bool:
        """Tell whether there are files below `parent`, all made by `key`; if so they stay, and need not be put."""
        below = [path for path in self._known if path.startswith(f"{parent}/")]
        if not below or any(self._known[path] != key or path not in self._there for path in below):
            return False
        self._files.update(dict.fromkeys(below, key))
        return True

    def put(self, path: str, content: str | bytes, key: str = "") -> None:
        """Have `content` in the file at `path`; the file is not touched where it has it already."""
        data = content if isinstance(content, bytes) else content.encode("utf-8", "backslashreplace")
        file = self.folder / path
        with _faults(file):
            if path not in self._there or file.read_bytes() != data:
                file.parent.mkdir(parents=True, exist_ok=True)
                temporary = file.with_name(f"{file.name}.tmp")
                temporary.write_bytes(data)
                temporary.replace(file)
                self._written.add(path)
        self._files[path] = key

    def finish(self) -> Written:
        """Remove what was not put again; return what was done."""
        gone = self._known.keys() - self._files.keys()
        with _faults(self.folder):
            for path in gone:
                (self.folder / path).unlink(missing_ok=True)
            for folder in sorted({(self.folder / path).parent for path in gone} - {self.folder}, reverse=True):
                with contextlib.suppress(OSError):  # not empty
                    folder.rmdir()
        written = len(self._written)
        return Written(written=written, kept=len(self._files) - written, removed=len(gone))

    def _write_manifest(self, names: dict[str, str]) -> None:
        content = msgspec.json.encode(_Manifest(format=_FORMAT, files=dict(sorted(names.items()))))
        temporary = self.folder / f"{MANIFEST}.tmp"
        temporary.write_bytes(content)
        temporary.replace(self.folder / MANIFEST)


def _check(folder: Path) -> None:
    if not (folder / MANIFEST).exists() and any(
        path.name not in {_LOCK, f"{MANIFEST}.tmp"} for path in folder.iterdir()
    ):
        raise MemharnessError(
            f"{folder} is not empty and holds no site of memharness",
            hint="Name a folder of its own with --output; nothing was written.",
        )


def _read_manifest(folder: Path) -> dict[str, str]:
    file = folder / MANIFEST
    if not file.exists():
        return {}
    try:
        manifest = msgspec.json.decode(file.read_bytes(), type=_Manifest)
    except msgspec.MsgspecError:
        manifest = _Manifest(format=0)
    paths = manifest.files if manifest.format == _FORMAT else {}
    return {path: key for path, key in paths.items() if not path.startswith("/") and ".." not in path.split("/")}


def _files(folder: Path) -> Iterator[str]:
    """Yield the paths of all files below a folder, relative to it."""
    start = len(str(folder)) + 1
    for parent, _, names in os.walk(folder):
        below = f"{parent[start:]}/" if len(parent) >= start else ""
        yield from (f"{below}{name}" for name in names)


@contextlib.contextmanager
def _faults(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MemharnessError(
            f"cannot publish to {error.filename or path}: {error.strerror or error}",
            hint="Free some space or make the folder writable, or name another one with --output.",
        ) from error
