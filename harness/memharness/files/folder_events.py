"""What happens to the files in some folders, as the kernel tells by inotify(7)."""

import ctypes
import errno
import os
import select
import struct
from typing import Final, NamedTuple

OPENED: Final = 0x20  # IN_OPEN
WRITTEN: Final = 0x8 | 0x40 | 0x80 | 0x100 | 0x200  # IN_CLOSE_WRITE, IN_MOVED_FROM, _TO, IN_CREATE, IN_DELETE
_OVERFLOW: Final = 0x4000
_ONLY_FOLDERS: Final = 0x1000000
_NO_LINKS: Final = 0x2000000
_IS_FOLDER: Final = 0x40000000
_EVENT: Final = struct.Struct("iIII")  # watch, mask, cookie, length of the name that follows
_BUFFER: Final = 1 << 16
_libc: Final = ctypes.CDLL(None, use_errno=True)


class FolderEvent(NamedTuple):
    """Something that happened in a folder to what is called `name`, "" for the folder itself."""

    folder: str
    name: str
    is_folder: bool


class FolderEvents:
    """Events of one `kind`, OPENED or WRITTEN, in the folders that are watched."""

    def __init__(self, kind: int) -> None:
        self._kind = kind
        self._descriptor = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        self._watched: dict[int, str] = {}

    def watch(self, folder: str) -> bool:
        """Watch a folder, without those in it, until it is gone; tell whether nothing in it will be missed.

        Watching it again costs a few microseconds. Where the kernel has no room left, something will be missed.
        """
        if self._descriptor < 0:
            return False
        mask = self._kind | _ONLY_FOLDERS | _NO_LINKS
        watch = _libc.inotify_add_watch(self._descriptor, os.fsencode(folder), mask)
        if watch >= 0:
            self._watched[watch] = folder
            return True
        return ctypes.get_errno() in (errno.ENOENT, errno.ENOTDIR)  # nothing can happen there

    def wait(self, milliseconds: int | None = None) -> bool:
        """Wait for an event, as long as it takes or so long; tell whether there is one."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(milliseconds))

    def take(self) -> list[FolderEvent] | None:
        """Take the events that wait; None where the kernel dropped some, or told of none at all."""
        events: list[FolderEvent] = []
        complete = self._descriptor >= 0
        while self._descriptor >= 0:
            try:
                data = os.read(self._descriptor, _BUFFER)
            except BlockingIOError:
                break
            start = 0
            while start < len(data):
                watch, mask, _, length = _EVENT.unpack_from(data, start)
                start += _EVENT.size
                name = os.fsdecode(data[start : start + length].rstrip(b"\0"))
                start += length
                complete = complete and not mask & _OVERFLOW
                if mask & self._kind and watch in self._watched:
                    events.append(FolderEvent(self._watched[watch], name, bool(mask & _IS_FOLDER)))
        return events if complete else None

    def close(self) -> None:
        """Watch nothing any more."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
