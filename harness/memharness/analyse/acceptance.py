"""Which changes the ledger accepts, and where the baseline of a drift restarts.

An acceptance covers one change up to its size: nothing that came later, and nothing larger.
"""

from collections.abc import Iterable, Mapping, Sequence

from memharness.analyse.blame.edits import Edits
from memharness.analyse.changes import CommitProfiles, make_change
from memharness.analyse.drift import TRIM, find_drift
from memharness.analyse.series import Series
from memharness.analyse.steps import Rule, Step
from memharness.model.findings import Acceptance, Change


def acceptance_of(change: Change, reason: str, *, by: str = "", date: str = "") -> Acceptance:
    """Return the acceptance of `change` as it stands."""
    return Acceptance(
        case=change.case,
        metric=change.metric,
        family=change.family,
        range=change.range,
        commit=change.commit,
        before=change.before,
        after=change.after,
        reason=reason,
        by=by,
        date=date,
        drift=change.drift,
    )


def accepted_by(
    change: Change, acceptances: Iterable[Acceptance], rule: Rule, positions: Mapping[str, int]
) -> Acceptance | None:
    """Return the acceptance that covers `change`, None where there is none or none is needed.

    It must be of the same series and place, and of at least the size: neither the value reached nor the difference may
    be beyond the accepted one by as much as `rule` would flag. `positions` maps the ids of the known commits to
    their order; an id that is not among them is compared as it is.
    """
    if change.verdict in {"improved", "moved"}:
        return None
    return next(
        (
            accepted
            for accepted in acceptances
            if _series_of(accepted) == _series_of(change)
            and _same_place(change, accepted, positions)
            and _covers(accepted, change, rule)
        ),
        None,
    )


def _series_of(entry: Acceptance | Change) -> tuple[str, str, str]:
    return entry.case, entry.metric, entry.family


def _same_place(change: Change, accepted: Acceptance, positions: Mapping[str, int]) -> bool:
    """Tell whether the change is the accepted one, or a part of the range that was accepted."""
    if change.drift != accepted.drift:
        return False
    if change.range == accepted.range or (change.commit is not None and change.commit == accepted.commit):
        return True
    return {*change.range, accepted.range[1]} <= positions.keys() and _within(change, accepted, positions)


def _within(change: Change, accepted: Acceptance, positions: Mapping[str, int]) -> bool:
    """Tell whether the change lies within the accepted range.

    Of a drift its end alone must: where it begins depends on the range of commits, which may lack the one where the
    accepted drift began, and its size is judged.
    """
    good, bad, last = (positions[id_] for id_ in (*change.range, accepted.range[1]))
    first = positions.get(accepted.range[0])
    if change.drift:
        return (first is None or first < bad) and bad <= last
    return first is not None and first <= good and bad <= last


def _covers(accepted: Acceptance, change: Change, rule: Rule) -> bool:
    direction = 1 if accepted.after > accepted.before else -1
    size = direction * (change.after - change.before)
    meant = direction * (accepted.after - accepted.before)
    beyond = direction * (change.after - accepted.after)
    needed = rule.needed(accepted.before)
    slack = max(needed, meant / TRIM) if accepted.drift else needed  # so much may the beginning of a drift shift
    return size > 0 and size - meant < slack and beyond < needed


def find_drifts(
    series: Series, steps: Sequence[Step], rule: Rule, acceptances: Iterable[Acceptance]
) -> tuple[Step, ...]:
    """Return the drifts of `series`: those that were accepted, and the one since the end of the last of them.

    An accepted drift is looked for up to its end. The baseline restarts there if the acceptance covers what is found
    or too little is left to be a drift; what is larger stays in one with what came later, and is reported as a whole.
    Accepted steps move no baseline, as every flagged step is taken off the residual anyway.
    """
    own = [
        accepted
        for accepted in acceptances
        if accepted.drift and _series_of(accepted) == (series.key.case, series.metric, series.key.family)
    ]
    positions = {point.commit.id: index for index, point in enumerate(series.points)}
    ends = positions.keys() & {accepted.range[1] for accepted in own}
    found: list[Step] = []
    start = 0
    for end in sorted(positions[id_] for id_ in ends):
        drift = find_drift(series, steps, rule, start, end)
        if drift is not None:
            bare = make_change(series, drift, CommitProfiles(), CommitProfiles(), Edits(), between=0)
            if accepted_by(bare, own, rule, positions) is None:
                continue
            found.append(drift)
        start = end
    found += filter(None, [find_drift(series, steps, rule, start)])
    return tuple(found)
