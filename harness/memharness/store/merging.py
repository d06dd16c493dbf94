"""Merges measurements with what is stored under the same key: stored values stay, and gaps are filled.

A result that is reused from another commit fills what was not measured at the commit itself.
"""

from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from itertools import filterfalse
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from memharness.model.measurements import Measured, Measurement, Outcome, Record, Reused
from memharness.model.metrics import METRICS, PassName, profile_pass

K = TypeVar("K", bound=str)
T = TypeVar("T")

_FIELDS_OF: Final[Mapping[str, dict[str, Any]]] = {
    "growth": {"calls": None},
    "first": {"gc_objects": None, "types": ()},
}


def updated(
    old: Record,
    new: Record,
    *,
    retry: bool,
    lost_in: Callable[[Outcome], AbstractSet[PassName]],
) -> Record:
    """Return what is stored from now on of a commit, of which `new` has just been found.

    `retry` lets a measurement take the place of one that failed, as what is reused always does. `lost_in` returns the
    passes of an outcome of which a stored profile is missing.
    """
    kept, again = {one.key: one for one in old.measurements}, {one.key for one in new.measurements}
    lost = {one.key: lost_in(one.outcome) for one in old.measurements if one.key in again}
    for one in new.measurements:
        known = kept.get(one.key)
        kept[one.key] = merged(known, one, retry=retry, lost=lost.get(one.key, frozenset())) if known else one
    measurements = tuple(kept[key] for key in sorted(kept) if not _is_replaced(kept[key], new.reused))
    return replace(new, measurements=measurements, reused=joined(old.reused, new.reused))


def _is_replaced(known: Measurement, reused: Iterable[Reused]) -> bool:
    """Tell whether a failure gives way to a result of another commit."""
    keys = [(one.case, one.identity, one.probe, 0) for one in reused]
    return known.key in keys and not isinstance(known.outcome, Measured)


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
    left = _without(old, lost & {*new.passes, *new.failed_passes})
    if candidate.environment == known.environment:
        return replace(known, outcome=_combined(old, left, new))
    return candidate if old.metrics.keys() < new.metrics.keys() else replace(known, outcome=left)


def _combined(old: Measured, left: Measured, new: Measured) -> Measured:
    """Return an outcome with what a newer one adds; `left` is the old one without the profiles that were lost."""
    outcome = Measured(
        metrics=new.metrics | old.metrics,
        calls=new.calls if old.calls is None else old.calls,
        gc_objects=new.gc_objects if old.gc_objects is None else old.gc_objects,
        types=old.types or new.types,
        profiles=new.profiles | left.profiles,
        notes=tuple(dict.fromkeys((*old.notes, *new.notes))),
        passes=tuple(sorted({*new.passes, *left.passes})),
        inputs=new.inputs | left.inputs,
        failed_passes=new.failed_passes | {k: v for k, v in old.failed_passes.items() if k not in new.passes},
        suspected=(*old.suspected, *filterfalse(old.metrics.__contains__, new.suspected)),
        reused_from=old.reused_from,
    )
    same = (outcome.metrics, outcome.passes, outcome.failed_passes) == (old.metrics, old.passes, old.failed_passes)
    return old if same and (left == old or outcome.profiles == old.profiles) else outcome


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
                known, outcome = found.get(key), _only(one.outcome, reference)
                found[key] = (
                    merged(known, replace(one, outcome=replace(outcome, inputs={})), retry=True)
                    if known
                    else replace(one, outcome=outcome)
                )
    return tuple(found[key] for key in sorted(found))


def _only(outcome: Measured, reference: Reused) -> Measured:
    """Return what some passes found, marked with the commit that they ran at."""
    passes = set(reference.passes)
    metrics = _found_in(passes, outcome.metrics, lambda name: METRICS[name].measured_in if name in METRICS else None)
    missing = [fields for name, fields in _FIELDS_OF.items() if name not in passes]
    found = replace(
        outcome,
        metrics=metrics,
        profiles=_found_in(passes, outcome.profiles, profile_pass),
        passes=tuple(filter(passes.__contains__, outcome.passes)),
        inputs=_found_in(passes, outcome.inputs, str),
        failed_passes={},
        suspected=tuple(filter(metrics.__contains__, outcome.suspected)),
        reused_from=reference.commit,
    )
    return replace(found, **ChainMap(*missing))


def _found_in(passes: AbstractSet[str], named: Mapping[K, T], pass_of: Callable[[K], str | None]) -> dict[K, T]:
    return {name: value for name, value in named.items() if pass_of(name) in passes}
