"""The guard of a built environment: no child finds there what another one left.

When an environment has been built, every path below its folder is recorded. After each child they are compared: where
anything differs, that child and all that ran beside it may have seen what they should not, so none of their results
counts, and from then on children run there one at a time, each in what was cleaned before it. What was added is
removed; where a file was changed or is gone, the environment no longer counts as built.

`<folder>.guard` is locked while a child runs: shared, or for one alone once it is not empty.
"""

import contextlib
import functools
import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from memharness.environments.locks import locked
from memharness.errors import INCOMPLETE, MemharnessError
from memharness.files.folder import Folder
from memharness.files.removal import remove
from memharness.model.environments import Environment

STORED: Final = "environment.json"  # in the folder; its time tells of the last use
_RECORD: Final = ".recorded"
_ALONE: Final = b"alone\n"
_ATTEMPTS: Final = 100  # at having an environment as it was built: workers whose children change it may come between
_Status = tuple[int, int, int, int]  # mode, inode, size and ctime of a path; differ once it is touched
_Recorded = dict[bytes, _Status]  # by path; not every path is text


def record(folder: Path) -> None:
    """Record that everything below `folder` is as it should be. To be called last when it is built."""
    Folder(folder, durable=False).write(folder / _RECORD, msgspec.msgpack.encode(_scan(folder)))


def is_recorded(folder: Path) -> bool:
    """Tell whether an environment is built and was not found to have changed."""
    return (folder / _RECORD).is_file()


def is_intact(environment: Environment) -> bool:
    """Tell whether all files and folders that an environment names are there, and nothing is known to have changed."""
    if environment.folder is not None and not is_recorded(Path(environment.folder)):
        return False
    return all(map(os.path.exists, (environment.python, *environment.site_paths, *environment.generated.values())))


@contextlib.contextmanager
def guarded(
    folder: Path, rebuild: Callable[[], None], cancel: threading.Event | None = None
) -> Iterator[Callable[[], bool]]:
    """Keep an environment for one child; the function tells, once the child is gone, whether its result counts.

    Where it does not, another child is to take its place. `rebuild` builds the environment where it does not count as
    built. Raises Cancelled when `cancel` is set, MemharnessError where something goes on changing what was built.
    """
    for _ in range(_ATTEMPTS):
        with _guard(folder, cancel) as (guard, alone):
            if alone:
                _clean(folder)
            if (recorded := _read_record(folder)) is not None:
                yield functools.partial(_counts, folder, guard, recorded, alone=alone)
                return
        rebuild()
    raise MemharnessError(
        f"{folder} was changed again whenever it had been built",
        hint="See what else writes there, or set MEMHARNESS_CACHE to another folder, then run again.",
        exit_code=INCOMPLETE,
    )


@contextlib.contextmanager
def _guard(folder: Path, cancel: threading.Event | None) -> Iterator[tuple[int, bool]]:
    """Lock the environment; yield the descriptor of the lock and whether it is locked for one alone."""
    path = Path(f"{folder}.guard")
    while True:
        alone = path.exists() and path.stat().st_size > 0
        with locked(path, shared=not alone, cancel=cancel) as descriptor:
            if alone == (os.fstat(descriptor).st_size > 0):
                yield descriptor, alone
                return


def _counts(folder: Path, guard: int, recorded: _Recorded, *, alone: bool) -> bool:
    if alone or (_read_record(folder) == recorded and _scan(folder) == recorded):
        return True
    os.pwrite(guard, _ALONE, 0)
    return False


def _clean(folder: Path) -> None:
    """Remove what is not as it was recorded; where that was part of the environment, it no longer counts as built."""
    recorded, now = _read_record(folder), _scan(folder)
    if recorded is None or now == recorded:
        return
    if all(_is_unchanged(now.get(path), before) for path, before in recorded.items()):
        for path in now.keys() - recorded.keys():
            remove(folder / os.fsdecode(path))
        record(folder)
    else:
        (folder / _RECORD).unlink(missing_ok=True)


def _is_unchanged(now: _Status | None, before: _Status) -> bool:
    """Tell whether a path is what it was: of a folder, to which something may have been added, the mode counts."""
    return now == before or (now is not None and stat.S_ISDIR(now[0]) and now[0] == before[0])


def _read_record(folder: Path) -> _Recorded | None:
    """Return what was recorded, None where nothing was; a damaged record counts as none."""
    try:
        return msgspec.msgpack.decode((folder / _RECORD).read_bytes(), type=_Recorded)
    except msgspec.DecodeError:
        (folder / _RECORD).unlink(missing_ok=True)
    except OSError:
        pass
    return None


def _scan(folder: Path) -> _Recorded:
    """Return path -> status of all below a folder; the time of a folder tells of what came and went in it."""
    found: _Recorded = {}
    waiting = [os.fsencode(folder)]
    start = len(waiting[0]) + 1
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                found[entry.path[start:]] = (status.st_mode, status.st_ino, status.st_size, status.st_ctime_ns)
                if stat.S_ISDIR(status.st_mode):
                    waiting.append(entry.path)
    found.pop(_RECORD.encode(), None)
    if stored := found.get(STORED.encode()):
        found[STORED.encode()] = (*stored[:3], 0)
    return found
