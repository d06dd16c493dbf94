"""What becomes of a measurement when another of the same key arrives: values stay, gaps are filled."""

from collections.abc import Set as AbstractSet

from msgspec.structs import replace

from memharness.model import Measured, Measurement, PassName, profile_pass


def merged(
    known: Measurement, candidate: Measurement, *, retry: bool, lost: AbstractSet[PassName] = frozenset()
) -> Measurement:
    """Return what is stored from now on; `known` itself where nothing changes.

    A failure stays unless `retry`. A success keeps its values and gains the metrics that it lacks; a pass that had
    failed counts by how it went last. Figures of two environments are not mixed: the candidate of another one takes
    the place of `known` only where it holds all its metrics and more.
    Of the passes in `lost` a stored profile is missing: where the candidate ran them again, its profiles take the place
    of all that `known` has of that pass, as they need not come out alike.
    """
    old, new = known.outcome, candidate.outcome
    if not isinstance(old, Measured):
        return candidate if retry else known
    if not isinstance(new, Measured):
        return known
    left = _without(old, lost & (new.cpu_seconds.keys() | new.failed_passes.keys()))
    if candidate.environment != known.environment:
        if old.metrics.keys() < new.metrics.keys():
            return candidate
        return known if left == old else replace(known, outcome=left)
    suspected = (*old.suspected, *(name for name in new.suspected if name not in old.metrics))
    failed = {name: outcome for name, outcome in old.failed_passes.items() if name not in new.cpu_seconds}
    outcome = Measured(
        metrics=new.metrics | old.metrics,
        calls=new.calls if old.calls is None else old.calls,
        gc_objects=new.gc_objects if old.gc_objects is None else old.gc_objects,
        types=old.types or new.types,
        profiles=new.profiles | left.profiles,
        notes=(*old.notes, *(note for note in new.notes if note not in old.notes)),
        cpu_seconds=new.cpu_seconds | left.cpu_seconds,
        failed_passes=new.failed_passes | failed,
        suspected=suspected,
    )
    same = (outcome.metrics, outcome.failed_passes) == (old.metrics, old.failed_passes)
    if same and (left == old or outcome.profiles == old.profiles):
        return known
    return replace(known, outcome=outcome)


def _without(outcome: Measured, passes: AbstractSet[str]) -> Measured:
    """Take away the profiles of some passes, and with those of the first one that it was explained."""
    explained = {"deep"} if "first" in passes else set()
    return replace(
        outcome,
        profiles={kind: id_ for kind, id_ in outcome.profiles.items() if profile_pass(kind) not in passes},
        cpu_seconds={name: seconds for name, seconds in outcome.cpu_seconds.items() if name not in explained},
    )
