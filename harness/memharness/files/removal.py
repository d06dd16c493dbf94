"""Removes folders whatever was done to them, and makes temporary folders that go even where the process is killed."""

import contextlib
import ctypes
import errno
import fcntl
import glob
import itertools
import os
import secrets
import stat
import struct
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

T = TypeVar("T")

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_HANDLE: Final = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_GET_FLAGS, _SET_FLAGS = 0x80086601, 0x40086602  # ioctl(2), FS_IOC_GETFLAGS and FS_IOC_SETFLAGS
_KEEPING: Final = 0x10 | 0x20  # FS_IMMUTABLE_FL, FS_APPEND_FL
_DETACH: Final = 2 | 8  # umount2(2): MNT_DETACH, UMOUNT_NOFOLLOW
_ATTEMPTS: Final = 8  # at what is mounted over one another, say


def remove(path: Path, aside: Path | None = None) -> None:
    """Delete a folder or file with all it holds, whatever a workload did to it.

    Folders may be nested as deep as they like, unreadable, immutable or mounted over, as far as this user may undo
    that; what is mounted is never emptied. What cannot be deleted is moved into the folder `aside`, if one is given.
    Raises OSError.
    """
    try:
        parent = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        _remove(parent, path.name)
    except OSError as error:
        error.filename = str(path)
        if aside is None:
            raise
        try:
            aside.mkdir(parents=True, exist_ok=True)
            path.rename(aside / secrets.token_hex(8))
        except OSError:
            raise error from None
    finally:
        os.close(parent)


@contextlib.contextmanager
def scratch(parent: Path, prefix: str) -> Iterator[Path]:
    """Make a folder in `parent` for as long as the block lasts, and remove those of killed processes.

    Each is locked by the process that uses it, and a lock ends with its process. Raises OSError.
    """
    parent.mkdir(parents=True, exist_ok=True)
    for old in parent.glob(f"{glob.escape(prefix)}*"):
        with contextlib.suppress(OSError), _locked(old):
            remove(old)
    with contextlib.ExitStack() as held:
        folder = _make(parent, prefix, held)
        try:
            yield folder
        finally:
            with contextlib.suppress(OSError):  # the next one tries again
                remove(folder)


def _make(parent: Path, prefix: str, held: contextlib.ExitStack) -> Path:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        with contextlib.suppress(FileNotFoundError, BlockingIOError):  # another process took it for abandoned
            held.enter_context(_locked(folder))
            folder.stat()
            return folder


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder. Raises OSError where it is taken, gone, or of a file system without locks."""
    descriptor = os.open(folder, _FOLDER)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _remove(parent: int, name: str) -> None:
    """Remove an entry of a folder that is given by its descriptor."""
    if not _insist(_is_folder, parent, name):
        with contextlib.suppress(FileNotFoundError):
            _insist(_unlink, parent, name)
        return
    top = _insist(_enter, parent, name)
    try:
        _empty(top)
    finally:
        os.close(top)
    _insist(_rmdir, parent, name)


def _empty(top: int) -> None:
    """Remove all that a folder holds. What lies in a folder below it is moved up first, so that nothing lies deep."""
    mark = secrets.token_hex(8)
    fresh = (f".{mark}-{number}" for number in itertools.count())
    waiting = os.listdir(top)
    while waiting:
        name = waiting.pop()
        if not _insist(_is_folder, top, name):
            _insist(_unlink, top, name)
            continue
        inner = _insist(_enter, top, name)
        try:
            for below in os.listdir(inner):  # noqa: PTH208  (as above)
                if _insist(_is_folder, inner, below):
                    waiting.append(next(fresh))
                    _insist(partial(_lift, top, waiting[-1]), inner, below)
                else:
                    _insist(_unlink, inner, below)
        finally:
            os.close(inner)
        _insist(_rmdir, top, name)


def _insist(action: Callable[[int, str], T], folder: int, name: str) -> T:
    """Do something to an entry of a folder, and undo what prevents it as far as this user may."""
    for _ in range(_ATTEMPTS):
        try:
            return action(folder, name)
        except OSError as error:
            if error.errno == errno.EBUSY:
                if not _unmount(folder, name):
                    raise
            elif error.errno in (errno.EACCES, errno.EPERM):
                _unlock(folder, name)
            else:
                raise
    return action(folder, name)


def _unlink(folder: int, name: str) -> None:
    os.unlink(name, dir_fd=folder)


def _rmdir(folder: int, name: str) -> None:
    os.rmdir(name, dir_fd=folder)


def _lift(top: int, fresh: str, folder: int, name: str) -> None:
    os.rename(name, fresh, src_dir_fd=folder, dst_dir_fd=top)


def _enter(folder: int, name: str) -> int:
    """Open a folder in a folder; it is busy where something is mounted over it."""
    inner = os.open(name, _FOLDER, dir_fd=folder)
    if _mount(inner) != _mount(folder):
        os.close(inner)
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), name)
    return inner


def _is_folder(folder: int, name: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def _mount(descriptor: int) -> bytes:
    """Return what tells the mount that a folder is in."""
    with open(f"/proc/self/fdinfo/{descriptor}", "rb", buffering=0) as file:  # noqa: PTH123  (for every folder: quickly)
        return file.read(1 << 12).partition(b"mnt_id:")[2].partition(b"\n")[0]


def _unmount(folder: int, name: str) -> bool:
    path = os.fsencode(f"/proc/self/fd/{folder}/{name}")
    return bool(ctypes.CDLL(None).umount2(path, _DETACH) == 0)


def _unlock(folder: int, name: str) -> None:
    """Make a folder and an entry of it accessible to their owner, and neither immutable nor for appending alone."""
    with contextlib.suppress(OSError):
        _free(folder)
        handle = os.open(name, _HANDLE, dir_fd=folder)
        try:
            _free(handle)
        finally:
            os.close(handle)


def _free(handle: int) -> None:
    path, mode = f"/proc/self/fd/{handle}", os.fstat(handle).st_mode
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        return
    with contextlib.suppress(OSError):
        _clear_flags(path)
    if stat.S_ISDIR(mode):
        os.chmod(path, 0o700)  # noqa: PTH101  (the descriptor's)


def _clear_flags(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        flags = bytearray(8)
        fcntl.ioctl(descriptor, _GET_FLAGS, flags)
        (number,) = struct.unpack("=Q", flags)
        if number & _KEEPING:
            fcntl.ioctl(descriptor, _SET_FLAGS, struct.pack("=Q", number & ~_KEEPING))
    finally:
        os.close(descriptor)
