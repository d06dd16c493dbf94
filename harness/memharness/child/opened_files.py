"""The files that any process opens below a folder, as the kernel tells by inotify: native code is seen as well."""

import ctypes
import errno
import os
import struct
from collections.abc import Collection
from typing import Final, NamedTuple

_OPEN: Final = 0x20
_OVERFLOW: Final = 0x4000
_ONLY_FOLDERS: Final = 0x1000000
_NO_LINKS: Final = 0x2000000
_IS_FOLDER: Final = 0x40000000
_EVENT: Final = struct.Struct("iIII")  # watch, mask, cookie, length of the name that follows
_BUFFER: Final = 1 << 16
_libc: Final = ctypes.CDLL(None, use_errno=True)


class Opened(NamedTuple):
    """Absolute paths of files that were opened, and of folders, which are opened to be listed."""

    files: frozenset[str]
    folders: frozenset[str]


class OpenedFiles:
    """Watches folders for the children of one worker. Where the kernel has no room left, nothing is known."""

    def __init__(self) -> None:
        self._descriptor = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        self.folders: Collection[str] = ()  # absolute; of the folders below, only those that are named
        self._watched: dict[int, str] = {}
        self._complete = False

    def begin(self) -> None:
        """Report what is opened in `folders` from now on.

        A folder is watched until it is gone, so that watching it again costs a few microseconds.
        """
        if self._descriptor < 0:
            return
        self._complete = True
        for folder in self.folders:
            mask = _OPEN | _ONLY_FOLDERS | _NO_LINKS
            watch = _libc.inotify_add_watch(self._descriptor, os.fsencode(folder), mask)
            if watch >= 0:
                self._watched[watch] = folder
            elif ctypes.get_errno() not in (errno.ENOENT, errno.ENOTDIR):  # nothing can be opened there
                self._complete = False
        self._read()

    def opened(self) -> Opened | None:
        """Return what was opened since `begin`; None where it is not known."""
        events = self._read() if self._complete else None
        if events is None:
            return None
        chosen = frozenset(self.folders)
        files: set[str] = set()
        folders: set[str] = set()
        for watch, mask, name in events:
            holder = self._watched.get(watch)
            if holder in chosen and mask & _OPEN:
                path = f"{holder}/{name}" if name else holder
                (folders if mask & _IS_FOLDER else files).add(path)
        return Opened(frozenset(files), frozenset(folders))

    def close(self) -> None:
        """Watch nothing any more."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            self._complete = False

    def _read(self) -> list[tuple[int, int, str]] | None:
        """Take the events that wait: watch, mask and name of each; None where the kernel dropped some."""
        events: list[tuple[int, int, str]] = []
        complete = True
        while True:
            try:
                data = os.read(self._descriptor, _BUFFER)
            except BlockingIOError:
                return events if complete else None
            start = 0
            while start < len(data):
                watch, mask, _, length = _EVENT.unpack_from(data, start)
                start += _EVENT.size
                name = data[start : start + length].rstrip(b"\0")
                start += length
                complete = complete and not mask & _OVERFLOW
                events.append((watch, mask, os.fsdecode(name)))
