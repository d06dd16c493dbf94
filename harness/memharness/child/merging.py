"""The results of the passes of a case, merged into one `Observation`."""

from collections.abc import Iterable
from itertools import chain
from typing import Final

from memharness.child.children import PassResult
from memharness.child.exchange import Delivered
from memharness.model.measurements import (
    Failed,
    Measured,
    Observation,
    ObservedInputs,
    OutOfMemory,
    Profile,
    Skipped,
    TimedOut,
    outcome_reason,
)
from memharness.model.metrics import METRICS, PassName
from memharness.processes.supervision import Ending

UNPROVEN: Final = "its result can be reused for no other commit: "  # begins a note
UNCOUNTED: Final = "the memory of child processes is not counted: "  # the same
_UNCOUNTED_IN: Final[tuple[PassName, ...]] = ("first", "rss", "growth")  # of these the first that started a process
_NOTHING: Final = Delivered(format=0, method=0, token="", pid=0, metrics={})
_RANDOMISED: Final = "address randomisation could not be turned off: peaks may vary by some 20 kB"


class MergedPasses:
    """What passes of a case delivered so far, and how they ended, by pass; `profiles` by kind; `notes` of the host."""

    def __init__(self, notes: Iterable[str]) -> None:
        self.delivered: dict[PassName, Delivered] = {}
        self.profiles: dict[str, Profile] = {}
        self.notes = list(notes)
        self._values: dict[str, int] = {}
        self._failed: dict[str, Failed | TimedOut | OutOfMemory] = {}
        self._inputs: dict[PassName, ObservedInputs] = {}
        self.endings: dict[str, list[Ending]] = {}

    def add(self, name: PassName, result: PassResult) -> None:
        """Add a pass that measures."""
        self.endings[name] = [result.ending]
        if isinstance(result.outcome, Skipped):
            self.note_missing(result.outcome, f"the metrics of the {name} pass")
            return
        if not isinstance(result.outcome, Delivered):
            self._failed[name] = result.outcome
            return
        self.delivered[name] = result.outcome
        self._values |= result.outcome.metrics
        self.profiles |= result.outcome.profiles
        if isinstance(result.inputs, ObservedInputs):
            self._inputs[name] = result.inputs
        elif result.inputs is not None and (note := UNPROVEN + result.inputs) not in self.notes:
            self.notes.append(note)

    def explain(self, name: str, result: PassResult, missing: str) -> Delivered | None:
        """Add the profiles of a pass that explains, and return what it delivered; else note that they are `missing`."""
        self.endings.setdefault(name, []).append(result.ending)
        if isinstance(result.outcome, Delivered):
            self.profiles |= result.outcome.profiles
            return result.outcome
        self.note_missing(result.outcome, missing)
        return None

    def note_missing(self, outcome: Failed | TimedOut | OutOfMemory | Skipped, missing: str) -> None:
        """Note what is `missing` because a pass failed."""
        phase, reason = outcome_reason(outcome)
        note = f"{missing}: the pass for them ended in {phase}: {reason}"
        if note not in self.notes:
            self.notes.append(note)

    def observation(self) -> Observation:
        """Return figures, profiles, inputs and notes of the passes that succeeded, and the failures of the others."""
        responses = self.delivered.values()
        first, growth = self.delivered.get("first", _NOTHING), self.delivered.get("growth", _NOTHING)
        outcome = Measured(
            metrics={name: self._values[name] for name in METRICS if name in self._values},
            calls=growth.calls,
            gc_objects=first.gc_objects,
            types=first.types,
            profiles={kind: profile.id for kind, profile in self.profiles.items()},
            notes=(*chain(*(response.notes for response in responses)), *self.notes, *self._doubts()),
            passes=tuple(sorted(self.endings.keys() - self._failed.keys())),
            inputs={name: observed.id for name, observed in self._inputs.items()},
            failed_passes=self._failed,
            suspected=growth.suspected,
        )
        return Observation(
            outcome=outcome,
            profiles={profile.id: profile for profile in self.profiles.values()},
            inputs={observed.id: observed for observed in self._inputs.values()},
        )

    def _doubts(self) -> list[str]:
        """Return notes on what makes figures less exact, or leaves memory out of them."""
        notes = []
        if not all(ending.fixed_addresses for endings in self.endings.values() for ending in endings):
            notes.append(_RANDOMISED)
        for name in _UNCOUNTED_IN:
            if name in self.delivered and (note := _uncounted(name, self.delivered[name], self.endings[name][0])):
                return [*notes, note]
        return notes


def _uncounted(name: PassName, response: Delivered, ending: Ending) -> str:
    """Say which memory no figure holds, that of the child processes of a pass; "" where it started none.

    In "growth" the probe itself may fork, so only processes that the workload is known to have started count there.
    """
    seen = ending.others if name != "growth" else 0
    number = max(response.processes, seen)  # the probe misses some, and the supervisor others
    if not number:
        return ""
    mebibytes = max(round(ending.others_peak_bytes / (1 << 20)), 1)
    largest = (
        f"the largest that was seen held {mebibytes} MiB" if seen and ending.others_peak_bytes else "none was seen"
    )
    return f"{UNCOUNTED}{number} {'was' if number == 1 else 'were'} started, {largest}"
