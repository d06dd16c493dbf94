"""Changes: the steps of all series as findings, with the lines and the call stack that hold each difference."""

from collections.abc import Sequence

from msgspec.structs import replace

from memharness.analyse.blame import Edits, biggest_offender, blame, line_differences, subtract
from memharness.analyse.series import Series
from memharness.analyse.steps import Step
from memharness.findings import Change
from memharness.model import METRICS, LineStat, Profile, Value


class Side(Value):
    """The profiles of one side of a step; `leak_calls` is the number of calls that `leak` accumulated over."""

    alive: Profile = Profile()
    retained: Profile = Profile()
    leak: Profile = Profile()
    leak_calls: int = 1


def make_change(
    series: Series,
    step: Step,
    before: Side,
    after: Side,
    edits: Edits,
    *,
    between: int,
) -> Change:
    """Describe `step`; `edits` are what lies between its commits.

    `between` is the number of commits that may be the culprit, the later one of the two included.
    """
    differences = line_differences(_lines(series.metric, before), _lines(series.metric, after))
    growing = step.after > step.before
    lines, elsewhere = blame(step.after - step.before, differences, edits)
    good, bad = series.points[step.good].commit, series.points[step.bad].commit
    return Change(
        case=series.subject.case,
        metric=series.metric,
        family=series.subject.family,
        verdict="regressed" if growing else "improved",
        confidence=step.confidence,
        commit=bad.id if step.adjacent else None,
        range=(good.id, bad.id),
        between=between,
        before=step.before,
        after=step.after,
        unit=METRICS[series.metric].unit,
        blame=lines,
        elsewhere=elsewhere,
        stack=biggest_offender(*_deep(series.metric, before, after), growing=growing),
    )


_ALIKE = 0.1  # share by which the moves of two peaks may differ and still be one finding


def fold_warm_peaks(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Name `warm_peak` beside `peak` where both moved alike at one commit: that is one finding, not two."""
    moves = {(change.metric, _finding(change)): change.after - change.before for change in changes}
    folded = []
    for change in changes:
        cold, warm = (moves.get((metric, _finding(change)), 0) for metric in ("peak", "warm_peak"))
        alike = cold * warm != 0 and abs(cold - warm) <= _ALIKE * max(abs(cold), abs(warm))
        if alike and change.metric == "warm_peak":
            continue
        folded.append(replace(change, also=("warm_peak",)) if alike and change.metric == "peak" else change)
    return tuple(folded)


def _finding(change: Change) -> tuple[str, str, tuple[str, str], str]:
    return change.case, change.family, change.range, change.verdict


def _lines(metric: str, side: Side) -> tuple[LineStat, ...]:
    """Return the lines that account for `metric`; the end of the first call stands in for its peak."""
    match metric:
        case "peak" | "warm_peak":
            return side.alive.lines
        case "result":
            return subtract(side.alive, side.retained)
        case "retained":
            return side.retained.lines
        case "growth":
            return tuple(_per_call(stat, side.leak_calls) for stat in side.leak.lines)
        case _:
            return ()


def _deep(metric: str, before: Side, after: Side) -> tuple[Profile, Profile]:
    """Return the profiles whose stacks show where `metric` comes from; imports are not traced deep."""
    if metric == "import":
        return Profile(), Profile()
    kept = metric in {"retained", "growth"}
    return (before.retained, after.retained) if kept else (before.alive, after.alive)


def _per_call(stat: LineStat, calls: int) -> LineStat:
    return replace(stat, size=round(stat.size / calls), count=round(stat.count / calls))
