"""Failures that may not be the commit's: something that children need is gone, or the machine is at its limits.

Such a failure says nothing about a commit and must not be stored. Examples: something cleans the cache folder, another
program fills the disk, an interpreter is being replaced.
"""

import os
from pathlib import Path
from typing import Final

from memharness.checkout.slot import Slot
from memharness.child.exchange import REQUEST
from memharness.child.interpreter import probe_is_there
from memharness.environments import is_intact
from memharness.errors import INCOMPLETE, MemharnessError
from memharness.files.cache_folder import cache_folder
from memharness.model.environments import Environment, EnvironmentSpec
from memharness.model.measurements import Measured, Observation, Skipped, outcome_reason
from memharness.run.build_failures import without_details

LEAST_ROOM: Final = 16 << 20  # bytes of the disk: with less, whatever fails may have failed for that


class InfrastructureError(Exception):
    """`subject` failed, with the text `failure`, while something that it needs was gone or changed."""

    def __init__(self, subject: str, failure: str) -> None:
        super().__init__(subject)
        self.subject = subject
        self.failure = failure


def failure_text(observation: Observation) -> str:
    """Return what went wrong in a measurement, "" where nothing did."""
    outcome = observation.outcome
    if isinstance(outcome, Skipped):
        return ""
    failed = outcome.failed_passes.values() if isinstance(outcome, Measured) else [outcome]
    return "; ".join(": ".join(outcome_reason(one)) for one in failed)


def is_alike(failure: str, other: str) -> bool:
    """Tell whether two failures differ in nothing but numbers and paths, such as those of temporary files."""
    return without_details(failure) == without_details(other)


def is_disturbed(slot: Slot, environment: Environment | None) -> bool:
    """Tell whether something that children need is gone or changed, be it by one of them."""
    return slot.has_changed() or (environment is not None and not is_intact(environment))


def lost_request(slot: Slot) -> bool:
    """Tell whether the request to the last child is gone."""
    return not (slot.work / REQUEST).is_file()


def check_machine(spec: EnvironmentSpec, slot: Slot) -> bool:
    """Tell whether the disk was full because of the last child; raise MemharnessError where the machine is at fault."""
    for there, what in ((Path(spec.interpreter.path).exists(), spec.interpreter.path), (probe_is_there(), "the probe")):
        if not there:
            raise MemharnessError(
                f"{what} is gone: it was removed while it was in use",
                hint="Install it again, then run the same command again; what was measured is stored.",
                exit_code=INCOMPLETE,
            )
    if has_room(slot.work):
        return False
    slot.clear_work()
    if has_room(slot.work):
        return True
    raise MemharnessError(
        f"{cache_folder()}: the disk is full, so that nothing can be told from a failure",
        hint="Free some space there, or set MEMHARNESS_CACHE to another folder; what was measured is stored.",
        exit_code=INCOMPLETE,
    )


def has_room(folder: Path) -> bool:
    """Tell whether the disk has space left; True where that is not known."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return True
    return disk.f_bavail * disk.f_frsize >= LEAST_ROOM and (disk.f_favail > 0 or disk.f_files == 0)
