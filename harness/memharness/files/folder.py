"""A folder whose contents may come from a stranger: nothing outside of it is read, changed or removed.

Below the folder no link is followed, whatever it leads to, and only regular files are opened: each step of a path is
taken from the folder before it. Files are replaced whole, by way of temporary files that nobody can have put there
before. The folder itself may be a link: whoever named it chose it.
"""

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

MOST_BYTES: Final = 128 << 20  # of a file that is read whole

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NEW: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_TEMPORARY: Final = re.compile(r"\.memharness-[0-9a-f]{16}\.tmp")


def is_temporary(name: str) -> bool:
    """Tell whether a file's name is one that only an unfinished write gives."""
    return _TEMPORARY.fullmatch(name) is not None


class NotPlain(OSError):  # noqa: N818 - a kind of OSError, which its strerror explains
    """What should be a regular file or a folder is a link, a pipe, a device or the like, and was not touched."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(errno.ELOOP, reason, str(path))


class TooLarge(OSError):  # noqa: N818 - as above
    """A file is larger than whatever memharness writes, and was not read."""


class Folder:
    """Files and folders below `path`, which need not exist. Every method takes paths below it; all raise OSError.

    `durable`: even a power failure leaves the old contents of a file or the new, never a part.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        self.path = path
        self._durable = durable

    def read(self, path: Path, most: int = MOST_BYTES) -> bytes | None:
        """Return the contents of a file, None where there is none; raise TooLarge for more than `most` bytes."""
        try:
            with self._parent(path) as folder:
                self._check(path, _status(folder, path.name))  # not even opened, which can block or start something
                descriptor = os.open(path.name, _READ, dir_fd=folder)
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            self._check(path, status)
            if status.st_size > most:
                raise TooLarge(errno.EFBIG, f"it has more than {most >> 20} MiB", str(path))
            return file.read(status.st_size)

    def is_file(self, path: Path) -> bool:
        """Tell whether there is a regular file."""
        return stat.S_ISREG(self._mode(path))

    def is_folder(self, path: Path) -> bool:
        """Tell whether there is a folder."""
        return stat.S_ISDIR(self._mode(path))

    def names(self, path: Path) -> list[str]:
        """Return the sorted names in a folder, none where it does not exist."""
        try:
            with self._opened(self._parts(path)) as folder:
                return sorted(os.listdir(folder))  # noqa: PTH208  (pathlib takes no descriptor)
        except FileNotFoundError:
            return []

    def files(self, path: Path) -> dict[str, os.stat_result]:
        """Return the status of each regular file in a folder by name, sorted; none where it does not exist."""
        try:
            with self._opened(self._parts(path)) as folder, os.scandir(folder) as entries:
                found = {
                    entry.name: entry.stat(follow_symlinks=False)
                    for entry in entries
                    if entry.is_file(follow_symlinks=False)
                }
        except FileNotFoundError:
            return {}
        return dict(sorted(found.items()))

    def make(self, path: Path) -> None:
        """Create a folder and its parents where missing."""
        with self._opened(self._parts(path), create=True):
            pass

    def write(self, path: Path, content: bytes) -> None:
        """Put a file in place of whatever is at `path`.

        What was there stays as it is until then, and so does another name that it has.
        """
        with self._parent(path, create=True) as folder:
            temporary = f".memharness-{secrets.token_hex(8)}.tmp"
            descriptor = os.open(temporary, _NEW, 0o666, dir_fd=folder)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
                    file.flush()
                    if self._durable:
                        os.fsync(descriptor)
                os.replace(temporary, path.name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary, dir_fd=folder)
                raise
            if self._durable:
                os.fsync(folder)

    def rename(self, path: Path, name: str) -> None:
        """Give a regular file another name in its folder."""
        with self._parent(path) as folder:
            self._check(path, _status(folder, path.name))
            os.rename(path.name, name, src_dir_fd=folder, dst_dir_fd=folder)

    def remove(self, path: Path) -> None:
        """Remove a file where there is one, a link as such."""
        with contextlib.suppress(FileNotFoundError), self._parent(path) as folder:
            os.unlink(path.name, dir_fd=folder)

    def remove_empty(self, path: Path) -> None:
        """Remove a folder, if it is empty."""
        with contextlib.suppress(FileNotFoundError), self._parent(path) as folder:
            os.rmdir(path.name, dir_fd=folder)

    def check_lock(self, path: Path) -> None:
        """Raise NotPlain where taking a lock with this file could empty another: it is no file of its own."""
        with contextlib.suppress(FileNotFoundError), self._parent(path) as folder:
            status = _status(folder, path.name)
            self._check(path, status)
            if status.st_nlink > 1 and status.st_size:
                raise NotPlain(path, "it is another file's second name")

    def sweep(self, path: Path, depth: int) -> None:
        """Remove what killed writers left in a folder and, down to `depth`, in those below it."""
        below: list[str] = []
        with contextlib.suppress(FileNotFoundError), self._opened(self._parts(path)) as folder:
            with os.scandir(folder) as entries:
                left = []
                for entry in entries:
                    if depth > 0 and entry.is_dir(follow_symlinks=False):
                        below.append(entry.name)
                    elif is_temporary(entry.name) and entry.is_file(follow_symlinks=False):
                        left.append(entry.name)
            for name in left:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=folder)
        for name in below:
            self.sweep(path / name, depth - 1)

    def _parts(self, path: Path) -> tuple[str, ...]:
        parts = path.relative_to(self.path).parts
        if ".." in parts:
            raise NotPlain(path, f"it leads out of {self.path}")
        return parts

    @contextmanager
    def _parent(self, path: Path, *, create: bool = False) -> Iterator[int]:
        with self._opened(self._parts(path)[:-1], create=create) as folder:
            yield folder

    @contextmanager
    def _opened(self, parts: Sequence[str], *, create: bool = False) -> Iterator[int]:
        if create:
            _make_durable(self.path)
        folder = os.open(self.path, _FOLDER & ~os.O_NOFOLLOW)
        try:
            for number, part in enumerate(parts, 1):
                try:
                    inner = self._step(folder, part, create=create)
                except OSError as error:
                    path = self.path.joinpath(*parts[:number])
                    if error.errno in {errno.ELOOP, errno.ENOTDIR}:  # the kernel's word for a link is either
                        raise NotPlain(path, _kind(_status(folder, part))) from None
                    error.filename = str(path)
                    raise
                os.close(folder)
                folder = inner
            yield folder
        finally:
            os.close(folder)

    def _step(self, folder: int, name: str, *, create: bool) -> int:
        try:
            return os.open(name, _FOLDER, dir_fd=folder)
        except FileNotFoundError:
            if not create:
                raise
        with contextlib.suppress(FileExistsError):  # by another process meanwhile
            os.mkdir(name, dir_fd=folder)
        if self._durable:
            os.fsync(folder)
        return os.open(name, _FOLDER, dir_fd=folder)

    def _mode(self, path: Path) -> int:
        """Return kind and rights of what is at a path, 0 where there is nothing."""
        try:
            if path == self.path:
                return path.stat().st_mode
            with self._parent(path) as folder:
                return _status(folder, path.name).st_mode
        except FileNotFoundError:
            return 0

    @staticmethod
    def _check(path: Path, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise NotPlain(path, _kind(status))


def _status(folder: int, name: str) -> os.stat_result:
    return os.stat(name, dir_fd=folder, follow_symlinks=False)


def _kind(status: os.stat_result) -> str:
    mode = status.st_mode
    if stat.S_ISLNK(mode):
        return "it is a symbolic link, which is not followed"
    if stat.S_ISDIR(mode):
        return "it is a folder"
    return "it is no folder" if stat.S_ISREG(mode) else "it is a pipe, a socket or a device"


def _make_durable(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_durable(folder.parent)
    folder.mkdir(exist_ok=True)
    descriptor = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
