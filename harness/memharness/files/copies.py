"""Copies of a folder of scenarios, with the files that they may read beside them.

Links are followed, to files and folders elsewhere too. What nothing could read is left out: pipes, sockets, devices,
links to nothing or to a folder that they lie in, what this user may not read, and folders that are nested without end.
"""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

MOST_DEEP: Final = 64  # folders in one another
_LEFT_OUT: Final = ("__pycache__", ".git")


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder to `target`, which is made; OSError where there is no folder, and where nothing can be written."""
    above = frozenset({_id(source.stat())})
    target.mkdir()
    above |= {_id(target.stat())}  # no link leads to either again
    waiting = [(os.fspath(source), os.fspath(target), above)]
    while waiting:
        folder, copy, above = waiting.pop()
        for name, status in _entries(folder):
            if stat.S_ISREG(status.st_mode):
                _copy_file(f"{folder}/{name}", f"{copy}/{name}")
            elif stat.S_ISDIR(status.st_mode) and _id(status) not in above and len(above) < MOST_DEEP:
                os.mkdir(f"{copy}/{name}")  # noqa: PTH102  (texts, as paths take longer)
                waiting.append((f"{folder}/{name}", f"{copy}/{name}", above | {_id(status)}))


def _id(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _entries(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield names and status of what is in a folder, of links that of what they lead to."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in found:
        if entry.name not in _LEFT_OUT:
            try:
                yield entry.name, entry.stat()
            except OSError:
                continue


def _copy_file(source: str, target: str) -> None:
    """Copy contents, rights and times of a file, its holes as holes; nothing where it may not be read."""
    try:
        reading = os.open(source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    try:
        status = os.fstat(reading)
        writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, status.st_mode & 0o777)
        try:
            os.truncate(writing, status.st_size)
            for begin, end in _extents(reading, status.st_size):
                os.lseek(writing, begin, os.SEEK_SET)
                while begin < end and (sent := os.sendfile(writing, reading, begin, end - begin)):
                    begin += sent
            os.utime(writing, ns=(status.st_atime_ns, status.st_mtime_ns))
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def _extents(descriptor: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of a file that are no holes."""
    end = 0
    while end < size:
        try:
            begin = os.lseek(descriptor, end, os.SEEK_DATA)
            end = os.lseek(descriptor, begin, os.SEEK_HOLE)
        except OSError as error:
            if error.errno != errno.ENXIO:  # this file system knows no holes
                yield end, size
            return
        yield begin, end
