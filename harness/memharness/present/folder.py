"""The folder of a site: written file by file, only where something changed; what is no longer part of it goes.

A file in it lists what memharness put there, and by which key each was made; nothing else in the folder is touched.
The folder may have come with a clone, so neither that list nor a symbolic link is trusted to stay within it.
"""

import contextlib
import os
import re
import secrets
import stat
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
_TEMPORARY: Final = re.compile(r"\.memharness-site\.[0-9a-f]{16}\.tmp")
_FOLDERS: Final = ("assets", "data", "data/scenario", "data/commit", "data/profile", "scenario", "commit", "picture")
_OURS: Final = re.compile(  # every file of a site
    rf"(?:{'|'.join(_FOLDERS)})/[A-Za-z0-9][A-Za-z0-9._-]{{0,199}}"
    r"|(?:index|changes|leaks|status|compare)\.html|changes\.atom"
)


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
        try:
            with _faults(self.folder):
                self._begin()
        except BaseException:
            self._lock.release()
            raise
        return self

    def _begin(self) -> None:
        """Look at what is there, and list it without keys: were this process killed, each could be an older one's."""
        for path in self.folder.iterdir():
            if _TEMPORARY.fullmatch(path.name):  # of a process that was killed
                path.unlink(missing_ok=True)
        self._known = _read_manifest(self.folder)
        self._there = frozenset(_files(self.folder))
        self._write_manifest(dict.fromkeys(self._known, ""))

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
        assert _OURS.fullmatch(path), path  # or it could never be removed again
        data = content if isinstance(content, bytes) else content.encode("utf-8", "backslashreplace")
        file = self.folder / path
        with _faults(file):
            if path not in self._there or file.read_bytes() != data:
                file.parent.mkdir(parents=True, exist_ok=True)
                self._replace(file, data)
                self._written.add(path)
        self._files[path] = key

    def finish(self) -> Written:
        """Remove what was not put again; return what was done."""
        gone = (self._known.keys() - self._files.keys()) & self._there
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
        self._replace(self.folder / MANIFEST, content)

    def _replace(self, file: Path, content: bytes) -> None:
        """Put a whole file in place of what is there; a link there is not followed."""
        temporary = self.folder / f".memharness-site.{secrets.token_hex(8)}.tmp"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(content)
            temporary.replace(file)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _check(folder: Path) -> None:
    """Raise MemharnessError where a folder is not ours. One that just becomes a site gets its list first."""
    others = any(path.name != _LOCK and not _TEMPORARY.fullmatch(path.name) for path in folder.iterdir())
    if (folder / _LOCK).is_symlink():  # which taking the lock could follow, and empty a file elsewhere
        raise MemharnessError(
            f"{folder / _LOCK} is a symbolic link", hint="Remove it, or name another folder with --output."
        )
    if others and not _is_file(folder / MANIFEST):
        raise MemharnessError(
            f"{folder} is not empty and holds no site of memharness",
            hint="Name a folder of its own with --output; nothing was written.",
        )


def _read_manifest(folder: Path) -> dict[str, str]:
    file = folder / MANIFEST
    if not _is_file(file):
        return {}
    try:
        manifest = msgspec.json.decode(file.read_bytes(), type=_Manifest)
    except (msgspec.MsgspecError, RecursionError):
        manifest = _Manifest(format=0)
    paths = manifest.files if manifest.format == _FORMAT else {}
    return {path: key for path, key in paths.items() if _OURS.fullmatch(path)}


def _is_file(path: Path) -> bool:
    """Tell whether there is a file, and no link to one."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False


def _files(folder: Path) -> Iterator[str]:
    """Yield the paths of the files in the folders of a site. Raises MemharnessError where one is a link elsewhere."""
    for below in ("", *(f"{name}/" for name in _FOLDERS)):  # each after the one that it lies in
        place = folder / below
        if below and place.is_symlink():
            raise MemharnessError(
                f"{place} is a symbolic link, and publishing does not follow one out of its folder",
                hint="Remove the link, or name another folder with --output.",
            )
        with contextlib.suppress(FileNotFoundError), os.scandir(place) as entries:
            yield from (f"{below}{entry.name}" for entry in entries if entry.is_file(follow_symlinks=False))


@contextlib.contextmanager
def _faults(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MemharnessError(
            f"cannot publish to {error.filename or path}: {error.strerror or error}",
            hint="Free some space or make the folder writable, or name another one with --output.",
        ) from error
