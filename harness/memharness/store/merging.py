"""What becomes of a measurement when another of the same key arrives: values stay, gaps are filled.

What is reused is such another: it fills what was not measured at the commit itself.
"""

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet

from msgspec.structs import replace

from memharness.model.measurements import Measured, Measurement, Record, Reused
from memharness.model.metrics import METRICS, PassName, profile_pass


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
    left = _without(old, lost & ({*new.passes, *new.failed_passes}))
    if candidate.environment != known.environment:
        if old.metrics.keys() < new.metrics.keys():
            return candidate
        return known if left == old else replace(known, outcome=left)
    suspected = (*old.suspected, *(name for name in new.suspected if name not in old.metrics))
    failed = {name: outcome for name, outcome in old.failed_passes.items() if name not in new.passes}
    outcome = Measured(
        metrics=new.metrics | old.metrics,
        calls=new.calls if old.calls is None else old.calls,
        gc_objects=new.gc_objects if old.gc_objects is None else old.gc_objects,
        types=old.types or new.types,
        profiles=new.profiles | left.profiles,
        notes=(*old.notes, *(note for note in new.notes if note not in old.notes)),
        passes=tuple(sorted({*new.passes, *left.passes})),
        inputs=new.inputs | left.inputs,
        failed_passes=new.failed_passes | failed,
        suspected=suspected,
        reused_from=old.reused_from,
    )
    same = (outcome.metrics, outcome.passes, outcome.failed_passes) == (old.metrics, old.passes, old.failed_passes)
    if same and (left == old or outcome.profiles == old.profiles):
        return known
    return replace(known, outcome=outcome)


def _without(outcome: Measured, passes: AbstractSet[str]) -> Measured:
    """Take away the profiles of some passes, and with those of the first one that it was explained."""
    explained = {"deep"} if "first" in passes else set()
    return replace(
        outcome,
        profiles={kind: id_ for kind, id_ in outcome.profiles.items() if profile_pass(kind) not in passes},
        inputs={name: id_ for name, id_ in outcome.inputs.items() if name not in passes},
        passes=tuple(name for name in outcome.passes if name not in explained),
    )


def joined(known: Iterable[Reused], more: Iterable[Reused]) -> tuple[Reused, ...]:
    """Return references sorted, those of one case to one commit as one."""
    passes: dict[tuple[str, str, int, str], set[PassName]] = {}
    for one in (*known, *more):
        passes.setdefault((one.case, one.identity, one.probe, one.commit), set()).update(one.passes)
    return tuple(
        Reused(case=case, identity=identity, probe=probe, commit=commit, passes=tuple(sorted(names)))
        for (case, identity, probe, commit), names in sorted(passes.items())
    )


def with_identities(record: Record, renamed: Mapping[str, str]) -> Record:
    """Return a record under the identities that scenarios have now; what is stored under these already stays."""
    stored = {one.identity for one in record.measurements} | {one.identity for one in record.reused}
    if stored.isdisjoint(renamed):
        return record
    found: dict[tuple[str, str, int, int], Measurement] = {}
    for one in sorted(record.measurements, key=lambda one: one.identity in renamed):
        known = replace(one, identity=renamed.get(one.identity, one.identity))
        found.setdefault(known.key, known)
    reused = (replace(one, identity=renamed.get(one.identity, one.identity)) for one in record.reused)
    return replace(record, measurements=tuple(found[key] for key in sorted(found)), reused=joined((), reused))


def resolved(record: Record, source: Callable[[str], Record | None]) -> tuple[Measurement, ...]:
    """Return the measurements of a record, those included that it refers to; `source` loads a commit's record.

    What cannot be found any more is missing, to be measured.
    """
    found = {one.key: one for one in record.measurements}
    for reference in record.reused:
        key = (reference.case, reference.identity, reference.probe, 0)
        origin = source(reference.commit)
        for one in origin.measurements if origin else ():
            if one.key == key and isinstance(one.outcome, Measured):
                part = replace(one, outcome=_only(one.outcome, reference))
                known = found.get(key)
                found[key] = (
                    part
                    if known is None
                    else merged(known, replace(part, outcome=replace(part.outcome, inputs={})), retry=True)
                )
    return tuple(found[key] for key in sorted(found))


def _only(outcome: Measured, reference: Reused) -> Measured:
    """Return what some passes found, marked with the commit that they ran at."""
    passes = reference.passes
    metrics = {
        name: value
        for name, value in outcome.metrics.items()
        if name in METRICS and METRICS[name].measured_in in passes
    }
    return Measured(
        metrics=metrics,
        calls=outcome.calls if "growth" in passes else None,
        gc_objects=outcome.gc_objects if "first" in passes else None,
        types=outcome.types if "first" in passes else (),
        profiles={kind: id_ for kind, id_ in outcome.profiles.items() if profile_pass(kind) in passes},
        notes=outcome.notes,
        passes=tuple(name for name in outcome.passes if name in passes),
        inputs={name: id_ for name, id_ in outcome.inputs.items() if name in passes},
        suspected=tuple(name for name in outcome.suspected if name in metrics),
        reused_from=reference.commit,
    )
