"""Changes: the steps of all series as findings, with the lines and the call stack that hold each difference."""

from collections import Counter
from collections.abc import Sequence

from msgspec.structs import replace

from memharness.analyse.blame import LineDifference, blame, line_differences, moved_types, subtract
from memharness.analyse.callers import biggest_offender, fold_lines
from memharness.analyse.edits import Edits
from memharness.analyse.imports import module_changes
from memharness.analyse.series import Series
from memharness.analyse.steps import Step
from memharness.findings import Change
from memharness.model import METRICS, LineStat, Profile, TypeCount, Value

_MOST_TYPES = 5


class Side(Value):
    """The profiles of one side of a step, empty ones where there are none.

    `leak_calls` is the number of calls that `leak` accumulated over, `types` what the first call made of each type.
    """

    alive: Profile = Profile()
    retained: Profile = Profile()
    peak: Profile = Profile()
    imports: Profile = Profile()
    leak: Profile = Profile()
    leak_calls: int = 1
    types: tuple[TypeCount, ...] = ()

    @property
    def plain(self) -> bool:
        """Tell whether lines are those that allocated, libraries' included; deep ones have stacks beside them."""
        return any(profile.lines and not profile.stacks for profile in (self.alive, self.retained))

    @property
    def paths(self) -> frozenset[str]:
        """The files that its lines and stacks mention."""
        profiles = (self.alive, self.retained, self.peak, self.imports, self.leak)
        frames = (frame for profile in profiles for stack in profile.stacks for frame in stack.frames)
        lines = (line for profile in profiles for line in profile.lines)
        return frozenset(place.path for places in (lines, frames) for place in places)


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
    metric = series.metric
    growing = step.after > step.before
    old, new = _profiles(metric, before, after)
    lines, elsewhere = blame(step.after - step.before, _differences(metric, before, after, edits), edits, old, new)
    first = {(line.path, line.line) for line in lines[:1]}
    good, bad = series.points[step.good].commit, series.points[step.bad].commit
    return Change(
        case=series.subject.case,
        metric=metric,
        family=series.subject.family,
        verdict="regressed" if growing else "improved",
        confidence=step.confidence,
        commit=bad.id if step.adjacent else None,
        range=(good.id, bad.id),
        between=between,
        before=step.before,
        after=step.after,
        unit=METRICS[metric].unit,
        blame=lines,
        elsewhere=elsewhere,
        stack=biggest_offender(old, new, first, growing=growing),
        types=_types(metric, before, after, growing=growing),
        modules=module_changes(before.imports, after.imports) if metric == "import" else (),
        survivors=after.leak.survivors if metric == "growth" else (),
        explained=_explained(metric, before, after, step.after),
    )


def same_lines(metric: str, one: Side, other: Side, edits: Edits, tolerance: int) -> bool:
    """Tell whether no line (of imports without lines: no module) differs by more than `tolerance` bytes.

    `edits` lie between the commits of the two sides.
    """
    differences = _differences(metric, one, other, edits)
    modules = module_changes(one.imports, other.imports) if metric == "import" else ()
    sizes = [d.size for d in differences] or [change.module.size for change in modules]
    return all(abs(size) <= tolerance for size in sizes)


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


def _differences(metric: str, before: Side, after: Side, edits: Edits) -> tuple[LineDifference, ...]:
    old, new = _profiles(metric, before, after)
    match metric:
        case "peak" | "warm_peak" | "retained":
            return line_differences(old.lines, new.lines, edits)
        case "result":
            return line_differences(subtract(old, before.retained), subtract(new, after.retained), edits)
        case "growth":
            return line_differences(_leaked(before), _leaked(after), edits)
        case "import" if old.lines and new.lines:
            return line_differences(old.lines, new.lines, edits)
        case _:
            return ()


def _profiles(metric: str, before: Side, after: Side) -> tuple[Profile, Profile]:
    """Return the profiles with the lines, stacks and types of `metric`.

    The end of the first call stands in for its peak where that was not profiled on both sides. What a leak keeps has
    no deep profile; that of the first call knows the same stacks.
    """
    match metric:
        case "import":
            return before.imports, after.imports
        case "retained" | "growth":
            return before.retained, after.retained
        case "peak" | "warm_peak" if before.peak.lines and after.peak.lines:
            return before.peak, after.peak
        case _:
            return before.alive, after.alive


def _leaked(side: Side) -> tuple[LineStat, ...]:
    """Return what a call leaks by line."""
    return tuple(
        replace(stat, size=round(stat.size / side.leak_calls), count=round(stat.count / side.leak_calls))
        for stat in fold_lines(side.leak.lines, side.retained)
    )


def _types(metric: str, before: Side, after: Side, *, growing: bool) -> tuple[TypeCount, ...]:
    """Return the types that moved most: by the profiles, or else as the collector counted them over the first call."""
    if metric == "import":
        return ()
    counts = [Counter[str](), Counter[str]()]
    for count, profile in zip(counts, _profiles(metric, before, after), strict=True):
        for row in profile.types:
            count[row.name] += row.count
    if not any(counts):
        counts = [Counter({t.name: t.after - t.before for t in side.types}) for side in (before, after)]
    return moved_types(*counts, growing=growing, most=_MOST_TYPES)


def _explained(metric: str, before: Side, after: Side, peak: int) -> float | None:
    """Return the share of the later peak of the first call that lines are known for; None without such lines."""
    if metric != "peak" or not (before.peak.lines and after.peak.lines and peak):
        return None
    return min(1.0, sum(line.size for line in after.peak.lines) / peak)
