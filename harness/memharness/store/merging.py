"""What becomes of a measurement when another of the same key arrives: values stay, gaps are filled."""

from msgspec.structs import replace

from memharness.model import Measured, Measurement


def merged(known: Measurement, candidate: Measurement, *, retry: bool) -> Measurement:
    """Return what is stored from now on; `known` itself where nothing changes.

    A failure stays unless `retry`. A success keeps its values and gains the metrics that it lacks; a pass that had
    failed counts by how it went last. Figures of two environments are not mixed: the candidate of another one takes
    the place of `known` only where it holds all its metrics and more.
    """
    old, new = known.outcome, candidate.outcome
    if not isinstance(old, Measured):
        return candidate if retry else known
    if not isinstance(new, Measured):
        return known
    if candidate.environment != known.environment:
        return candidate if old.metrics.keys() < new.metrics.keys() else known
    suspected = (*old.suspected, *(name for name in new.suspected if name not in old.metrics))
    left = {name: failed for name, failed in old.failed_passes.items() if name not in new.cpu_seconds}
    outcome = Measured(
        metrics=new.metrics | old.metrics,
        calls=new.calls if old.calls is None else old.calls,
        gc_objects=new.gc_objects if old.gc_objects is None else old.gc_objects,
        types=old.types or new.types,
        profiles=new.profiles | old.profiles,
        notes=(*old.notes, *(note for note in new.notes if note not in old.notes)),
        cpu_seconds=new.cpu_seconds | old.cpu_seconds,
        failed_passes=new.failed_passes | left,
        suspected=suspected,
    )
    if (outcome.metrics, outcome.failed_passes) == (old.metrics, old.failed_passes):
        return known
    return replace(known, outcome=outcome)
