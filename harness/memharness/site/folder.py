"""The folder of a site: written file by file, only where something changed; what is no longer part of it goes.

A file in it lists what memharness put there, and by which key each was made; nothing else in the folder is touched.
The folder may have come with a clone, so that list is not trusted to stay within it, and no link below it is followed.
"""

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec
from filelock import FileLock, Timeout

from memharness.errors import MemharnessError
from memharness.files.folder import Folder, NotPlain, TooLarge, is_temporary
from memharness.model.values import Value
from memharness.site.cache import digest_of

MANIFEST: Final = ".memharness-site.json"
_LOCK: Final = ".memharness-site.lock"
_PATIENCE_SECONDS: Final = 60.0
_FORMAT: Final = 1
_FOLDERS: Final = ("assets", "data", "data/scenario", "data/commit", "data/profile", "scenario", "commit", "picture")
_DEPTH: Final = 2  # of them
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
        self._disk = Folder(folder, durable=False)
        self._lock = FileLock(folder / _LOCK, timeout=_PATIENCE_SECONDS)
        self._known: dict[str, str] = {}
        self._there: frozenset[str] = frozenset()
        self._files: dict[str, str] = {}
        self._written: set[str] = set()

    def __enter__(self) -> Self:
        with _faults(self.folder):
            self._disk.make(self.folder)
            self._check()
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
        self._disk.sweep(self.folder, _DEPTH)
        self._known = _read_manifest(self._disk)
        self._there = frozenset(_files(self._disk))
        self._write_manifest(dict.fromkeys(self._known, ""))

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        """Remember what was written; where publishing broke off, beside what was there before."""
        try:
            with _faults(self.folder):
                self._write_manifest(self._files if kind is None else self._known | self._files)
        finally:
            self._lock.release()

    def draw(self, path: str, inputs: object, draw: Callable[[], str | bytes | None]) -> bool:
        """Write what `draw` returns, unless the file was drawn from equal inputs before; tell whether there is a file.

        It must follow from this package and from `inputs` alone, which are values that JSON can hold.
        """
        key = digest_of(inputs)
        if self._known.get(path) == key and path in self._there:
            self._files[path] = key
        elif self._files.get(path) != key:
            content = draw()
            if content is None:
                return False
            self.put(path, content, key)
        return True

    def draw_again(self, path: str) -> None:
        """Draw a file anew next time, whatever its inputs: it lacks what may be back by then."""
        self._files[path] = ""

    def put(self, path: str, content: str | bytes, key: str = "") -> None:
        """Have `content` in the file at `path`; the file is not touched where it has it already."""
        assert _OURS.fullmatch(path), path  # or it could never be removed again
        data = content if isinstance(content, bytes) else content.encode("utf-8", "backslashreplace")
        file = self.folder / path
        with _faults(file):
            if path not in self._there or not self._holds(file, data):
                self._disk.write(file, data)
                self._written.add(path)
        self._files[path] = key

    def finish(self) -> Written:
        """Remove what was not put again; return what was done."""
        gone = (self._known.keys() - self._files.keys()) & self._there
        with _faults(self.folder):
            for path in gone:
                self._disk.remove(self.folder / path)
            for folder in sorted({(self.folder / path).parent for path in gone} - {self.folder}, reverse=True):
                with contextlib.suppress(OSError):  # not empty
                    self._disk.remove_empty(folder)
        written = len(self._written)
        return Written(written=written, kept=len(self._files) - written, removed=len(gone))

    def _write_manifest(self, names: dict[str, str]) -> None:
        content = msgspec.json.encode(_Manifest(format=_FORMAT, files=dict(sorted(names.items()))))
        self._disk.write(self.folder / MANIFEST, content)

    def _holds(self, file: Path, data: bytes) -> bool:
        try:
            return self._disk.read(file, len(data)) == data
        except TooLarge:
            return False

    def _check(self) -> None:
        """Raise MemharnessError where a folder is not ours. One that just becomes a site gets its list first."""
        self._disk.check_lock(self.folder / _LOCK)
        others = any(name != _LOCK and not is_temporary(name) for name in self._disk.names(self.folder))
        if others and not self._disk.is_file(self.folder / MANIFEST):
            raise MemharnessError(
                f"{self.folder} is not empty and holds no site of memharness",
                hint="Name a folder of its own with --output; nothing was written.",
            )


def _read_manifest(disk: Folder) -> dict[str, str]:
    try:
        content = disk.read(disk.path / MANIFEST)
        manifest = _Manifest(format=0) if content is None else msgspec.json.decode(content, type=_Manifest)
    except (msgspec.MsgspecError, RecursionError, TooLarge):
        manifest = _Manifest(format=0)
    paths = manifest.files if manifest.format == _FORMAT else {}
    return {path: key for path, key in paths.items() if _OURS.fullmatch(path)}


def _files(disk: Folder) -> Iterator[str]:
    """Yield the paths of the files in the folders of a site."""
    for below in ("", *(f"{name}/" for name in _FOLDERS)):
        yield from (f"{below}{name}" for name in disk.files(disk.path / below))


@contextlib.contextmanager
def _faults(path: Path) -> Iterator[None]:
    try:
        yield
    except NotPlain as error:
        raise MemharnessError(
            f"cannot publish to {error.filename}: {error.strerror}",
            hint="Remove it if you do not know it, or name another folder with --output.",
        ) from error
    except OSError as error:
        raise MemharnessError(
            f"cannot publish to {error.filename or path}: {error.strerror or error}",
            hint="Free some space or make the folder writable, or name another one with --output.",
        ) from error
