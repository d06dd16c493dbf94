"""Leases slots: folders in the cache for checkouts. All their paths have one length, since paths take memory too.

A slot holds `tree/` (the commit), `scenarios/` (a fresh copy of the user's folder) and `work/` (for children). One
thread of one process uses it at a time.
"""

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from memharness.checkout.slot import Slot
from memharness.errors import os_refusal
from memharness.git.repository import Repository
from memharness.processes.leftovers import end_leftovers

SLOT_PATH_BYTES: Final = 120


@contextlib.contextmanager
def lease(repository: Repository, cache: Path, *, scenarios: Path | None = None) -> Iterator[Slot]:
    """Take a free slot of the repository for this process, made ready, until the block ends."""
    parent = cache / "slots" / repository.id
    with contextlib.ExitStack() as held:
        try:
            parent.mkdir(parents=True, exist_ok=True)
            folder, is_leased = _take(parent, held)
            end_leftovers(folder / "work")
            slot = Slot(repository, folder, scenarios, is_leased=is_leased)
        except OSError as error:
            raise os_refusal(
                f"{error.filename or parent}: cannot be used for checkouts",
                error,
                hint="Free some space there, or set MEMHARNESS_CACHE to another folder.",
            ) from None
        yield slot


def _take(parent: Path, held: contextlib.ExitStack) -> tuple[Path, Callable[[], bool]]:
    """Lock the first free slot until `held` is closed; return its folder, and what tells whether it is still ours."""
    for number in itertools.count(1):
        with contextlib.suppress(Timeout):
            lock = parent / f"{number}.lock"
            held.enter_context(FileLock(lock, timeout=0))
            locked = lock.stat()
            room = SLOT_PATH_BYTES - len(os.fsencode(parent)) - 1
            return parent / f"slot-{number}".ljust(room, "_"), partial(_is_same, lock, locked)
    raise AssertionError("numbers do not end")


def _is_same(file: Path, before: os.stat_result) -> bool:
    """Tell whether the file of this name is still the same one."""
    try:
        return os.path.samestat(file.stat(), before)
    except OSError:
        return False
