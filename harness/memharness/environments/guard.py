"""The guard of a built environment: no child finds there what another one left.

When it has been built every path below its folder is recorded. After each child it is looked at again: where anything
differs, that child and all that ran beside it may have seen what they should not, so none of their results counts, and
from then on children run there one at a time, each in what was cleaned before it. What was added is removed; where a
file was changed or is gone, the environment no longer counts as built.

`<folder>.guard` is locked while a child runs, for threads and processes alike: shared, or for one alone once it is not
empty.
"""

import contextlib
import fcntl
import functools
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from memharness.environments.inotify import Notice
from memharness.errors import INCOMPLETE, MemharnessError
from memharness.files.removal import remove
from memharness.model.environments import Environment
from memharness.processes.supervision import Cancelled

_RECORD: Final = ".recorded"
_STORED: Final = "environment.json"
_ALONE: Final = b"alone\n"
_ATTEMPTS: Final = 100  # at having an environment as it was built: workers whose children change it may come between
_TICK_SECONDS: Final = 0.02
_TRIED: Final = ".tried"
_ASIDE: Final = tuple(name.encode() for name in (_RECORD, f"{_RECORD}.new", _TRIED, _STORED))
_NOTICES: Final = 8  # environments that this process listens to; the kernel gives a user some 100
_Facts = tuple[int, int, int, int]  # of one path; differ once it is touched
_notices: Final[dict[Path, tuple[_Facts | None, Notice]]] = {}  # with the record that they go with
_listening: Final = threading.Lock()


def record(folder: Path) -> None:
    """Record that everything below `folder` is as it should be. To be called last when it is built."""
    unfinished = folder / f"{_RECORD}.new"
    unfinished.write_bytes(msgspec.msgpack.encode(_look(folder)))
    unfinished.replace(folder / _RECORD)


def is_recorded(folder: Path) -> bool:
    """Tell whether an environment is built and as it should be, as far as anybody has looked."""
    return (folder / _RECORD).is_file()


def is_whole(environment: Environment) -> bool:
    """Tell whether all files and folders that an environment names are there, and nothing is known to have changed."""
    if environment.folder is not None and not is_recorded(Path(environment.folder)):
        return False
    return all(map(os.path.exists, (environment.python, *environment.site_paths, *environment.generated.values())))


@contextlib.contextmanager
def hold(
    folder: Path, rebuild: Callable[[], None], cancel: threading.Event | None = None
) -> Iterator[Callable[[], bool]]:
    """Hold an environment for one child; the value tells, once the child is gone, whether its result counts.

    Where it does not, another child is to take its place. `rebuild` builds the environment where it does not count as
    built. Raises Cancelled when `cancel` is set, MemharnessError where something goes on changing what was built.
    """
    for _ in range(_ATTEMPTS):
        with _locked(folder, cancel) as (mark, alone):
            if alone and is_recorded(folder):
                _clean(folder)
            if is_recorded(folder):
                yield functools.partial(_counts, folder, mark, _identity(folder / _RECORD), alone=alone)
                return
        rebuild()
    raise MemharnessError(
        f"{folder} was changed again whenever it had been built",
        hint="See what else writes there, or set MEMHARNESS_CACHE to another folder, then run again.",
        exit_code=INCOMPLETE,
    )


def _counts(folder: Path, mark: int, before: _Facts | None, *, alone: bool) -> bool:
    if alone or (_identity(folder / _RECORD) == before and _is_as_recorded(folder)):
        return True
    os.pwrite(mark, _ALONE, 0)
    return False


@contextlib.contextmanager
def _locked(folder: Path, cancel: threading.Event | None) -> Iterator[tuple[int, bool]]:
    """Lock the environment; yield the descriptor of the lock and whether it is locked for one alone."""
    path = f"{folder}.guard"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        while True:
            alone = os.fstat(descriptor).st_size > 0
            try:
                fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
            except BlockingIOError:
                if cancel is not None and cancel.is_set():
                    raise Cancelled from None
                time.sleep(_TICK_SECONDS)
                continue
            if alone == (os.fstat(descriptor).st_size > 0):
                break
        yield descriptor, alone
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # were it only closed, a process being started would go on holding it
        os.close(descriptor)


def _clean(folder: Path) -> None:
    """Remove what is not as it was recorded; where that was part of the environment, it no longer counts as built."""
    if _is_as_recorded(folder):
        return
    recorded = _recorded(folder)
    now = _look(folder)
    gone = [path for path in recorded if not _alike(now.get(path), recorded[path])]
    if gone:
        (folder / _RECORD).unlink(missing_ok=True)
        return
    for path in now.keys() - recorded.keys():
        remove(folder / path)
    record(folder)


def _is_as_recorded(folder: Path) -> bool:
    """Tell whether everything is as it was recorded; looked at only where the kernel has told of changes, or cannot."""
    identity = _identity(folder / _RECORD)
    with _listening:
        since, notice = _notices.pop(folder, (None, None))
        if notice is not None:
            if since == identity and not notice.heard()[0]:
                _notices[folder] = since, notice
                return True
            notice.close()
        folders = [folder, *(folder / path for path, facts in _recorded(folder).items() if stat.S_ISDIR(facts[0]))]
        notice = Notice.of(map(str, folders), _ASIDE)  # before the look, lest anything be missed between
        alike = identity is not None and _look(folder) == _recorded(folder)
        if notice is not None and alike and _hears(notice, folder):
            _notices[folder] = identity, notice
            while len(_notices) > _NOTICES:
                _notices.pop(next(iter(_notices)))[1].close()
        elif notice is not None:
            notice.close()
    return alike


def _hears(notice: Notice, folder: Path) -> bool:
    """Try whether notice is given, which not every file system does, and none was given of a change."""
    path = folder / _TRIED
    path.write_bytes(b"")
    path.unlink(missing_ok=True)
    return notice.heard() == (False, True)


def _alike(now: _Facts | None, before: _Facts) -> bool:
    """Tell whether a path is what it was: of a folder, to which something may have been added, the mode counts."""
    folders = now is not None and stat.S_ISDIR(now[0]) and stat.S_ISDIR(before[0])
    return now == before or (folders and now is not None and now[0] == before[0])


def _recorded(folder: Path) -> dict[str, _Facts]:
    identity = _identity(folder / _RECORD)
    return _read(folder, identity) if identity else {}


@functools.lru_cache(maxsize=16)
def _read(folder: Path, _identity: _Facts) -> dict[str, _Facts]:
    """Return what was recorded in the file of this identity."""
    try:
        return msgspec.msgpack.decode((folder / _RECORD).read_bytes(), type=dict[str, _Facts])
    except (OSError, msgspec.DecodeError):
        return {}


def _identity(path: Path) -> _Facts | None:
    try:
        return _facts(path.lstat())
    except OSError:
        return None


def _look(folder: Path) -> dict[str, _Facts]:
    """Return path -> facts of all below a folder; the time of a folder tells of what came and went in it."""
    found: dict[str, _Facts] = {}
    waiting = [str(folder)]
    start = len(waiting[0]) + 1
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                facts = _facts(entry.stat(follow_symlinks=False))
                found[entry.path[start:]] = facts
                if stat.S_ISDIR(facts[0]):
                    waiting.append(entry.path)
    for name in (_RECORD, f"{_RECORD}.new", _TRIED):
        found.pop(name, None)
    if _STORED in found:  # whose time tells of its last use
        found[_STORED] = (*found[_STORED][:3], 0)
    return found


def _facts(status: os.stat_result) -> _Facts:
    return status.st_mode, status.st_ino, status.st_size, status.st_ctime_ns
