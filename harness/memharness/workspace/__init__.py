"""Checkouts in slots: folders in the cache whose absolute paths all have one length, since paths are memory too.

A slot holds `tree/` (the commit), `scenarios/` (a fresh copy of the user's folder) and `work/` (for children). It is
used by one process at a time, and by one thread of it.
"""

import contextlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import platformdirs
from filelock import FileLock, Timeout

from memharness.errors import MemharnessError
from memharness.leftovers import end_leftovers
from memharness.repository import Repository
from memharness.workspace.slot import Slot

__all__ = ["SLOT_PATH_BYTES", "Slot", "cache_folder", "lease"]

SLOT_PATH_BYTES: Final = 120


def cache_folder() -> Path:
    """Return the absolute folder for all that can be made again: MEMHARNESS_CACHE, or the user's cache."""
    chosen = os.environ.get("MEMHARNESS_CACHE")
    return Path(chosen).absolute() if chosen else platformdirs.user_cache_path("memharness")


@contextlib.contextmanager
def lease(repository: Repository, cache: Path, *, scenarios: Path | None = None) -> Iterator[Slot]:
    """Take a free slot of the repository for this process, made ready, until the block ends."""
    parent = cache / "slots" / repository.id
    with contextlib.ExitStack() as held:
        try:
            parent.mkdir(parents=True, exist_ok=True)
            folder = _take(parent, held)
            end_leftovers(folder / "work")
            slot = Slot(repository, folder, scenarios)
        except OSError as error:
            raise MemharnessError(
                f"{error.filename or parent}: cannot be used for checkouts: {error.strerror or error}",
                hint="Free some space there, or set MEMHARNESS_CACHE to another folder.",
            ) from None
        held.callback(slot.close)
        yield slot


def _take(parent: Path, held: contextlib.ExitStack) -> Path:
    """Lock the first free slot until `held` is closed, and return its folder."""
    for number in itertools.count(1):
        with contextlib.suppress(Timeout):
            held.enter_context(FileLock(parent / f"{number}.lock", timeout=0))
            room = SLOT_PATH_BYTES - len(os.fsencode(parent)) - 1
            return parent / f"slot-{number}".ljust(room, "_")
    raise AssertionError("numbers do not end")
