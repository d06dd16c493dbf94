"""The ledger's judgement: which changes were accepted, and from where on a drift counts anew.

An acceptance holds for one change up to its size. It swallows nothing that came later or is larger.
"""

from collections.abc import Iterable, Mapping

from memharness.analyse.series import Series
from memharness.analyse.steps import Rule
from memharness.findings import Acceptance, Change


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
        drift=change.verdict == "drifting",
    )


def accepted_by(
    change: Change, acceptances: Iterable[Acceptance], rule: Rule, positions: Mapping[str, int]
) -> Acceptance | None:
    """Return the acceptance that covers `change`, None where there is none or none is needed.

    It must be of the same series and place, and of at least the size: neither the value reached nor the difference may
    be beyond the accepted one by as much as `rule` would flag. `positions` maps the ids of the commits at hand to
    their order; an id that is not among them is compared as it is.
    """
    if change.verdict == "improved":
        return None
    return next(
        (
            accepted
            for accepted in acceptances
            if (accepted.case, accepted.metric, accepted.family) == (change.case, change.metric, change.family)
            and _same_place(change, accepted, positions)
            and _covers(accepted, change, rule)
        ),
        None,
    )


def _same_place(change: Change, accepted: Acceptance, positions: Mapping[str, int]) -> bool:
    """Tell whether the change is the accepted one, or a part of the range that was accepted.

    A drift may only end within the accepted one: where it begins depends on the range at hand, and its size is judged.
    """
    drift = change.verdict == "drifting"
    if drift != accepted.drift:
        return False
    if change.range == accepted.range or (change.commit is not None and change.commit == accepted.commit):
        return True
    if not positions.keys() >= {*change.range, *accepted.range}:
        return False
    (good, bad), (first, last) = ([positions[id_] for id_ in ids] for ids in (change.range, accepted.range))
    return bad <= last and (first < bad if drift else first <= good)


def _covers(accepted: Acceptance, change: Change, rule: Rule) -> bool:
    direction = 1 if accepted.after > accepted.before else -1
    size = direction * (change.after - change.before)
    larger = size - direction * (accepted.after - accepted.before)
    beyond = direction * (change.after - accepted.after)
    return size > 0 and max(larger, beyond) < rule.needed(accepted.before)


def baseline_after(series: Series, acceptances: Iterable[Acceptance]) -> int:
    """Return the index of the point from which drift of `series` counts: the latest end of an accepted drift, or 0.

    Accepted steps move no baseline, as every flagged step is taken off the residual anyway.
    """
    subject = (series.subject.case, series.metric, series.subject.family)
    ends = {a.range[1] for a in acceptances if a.drift and (a.case, a.metric, a.family) == subject}
    return max((index for index, point in enumerate(series.points) if point.commit.id in ends), default=0)
