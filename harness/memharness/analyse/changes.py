"""Changes: the steps of all series as findings, with the lines and the call stack that hold each difference."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from memharness.analyse.blame.callers import biggest_offender, fold_lines
from memharness.analyse.blame.edits import Edits, Place
from memharness.analyse.blame.holders import blamed_holders, fold_chains
from memharness.analyse.blame.imports import module_changes
from memharness.analyse.blame.lines import LineDifference, blame, line_differences, moved_types, subtract
from memharness.analyse.blame.matching import match_lines
from memharness.analyse.blame.stretches import add_up, at_drift_ends
from memharness.analyse.series import Series
from memharness.analyse.steps import Step
from memharness.model.findings import BlamedHolder, Change, ModuleChange, Verdict
from memharness.model.measurements import Profile, ProfileLine, TypeCount
from memharness.model.metrics import METRICS
from memharness.model.values import Value

_MOST_TYPES = 5


class CommitProfiles(Value):
    """The profiles of one side of a step, empty ones where there are none.

    `leak_calls` is the number of calls that `leak` accumulated over, `types` what the first call made of each type.
    `missing` are the kinds of profiles that should be there and are not: nothing can be said of their lines.
    """

    alive: Profile = Profile()
    retained: Profile = Profile()
    peak: Profile = Profile()
    imports: Profile = Profile()
    leak: Profile = Profile()
    leak_calls: int = 1
    types: tuple[TypeCount, ...] = ()
    missing: frozenset[str] = frozenset()

    @property
    def plain(self) -> bool:
        """Tell whether lines are those that allocated, libraries' included; deep ones have stacks beside them."""
        return any(profile.lines and not profile.stacks for profile in (self.alive, self.retained))

    @property
    def paths(self) -> frozenset[str]:
        """The files that its lines, stacks and holders mention."""
        profiles = (self.alive, self.retained, self.peak, self.imports, self.leak)
        lines = {line.path for profile in profiles for line in profile.lines}
        frames = {frame.path for profile in profiles for stack in profile.stacks for frame in stack.frames}
        chains = (chain for profile in profiles for chain in profile.holders)
        return frozenset(lines | frames | {holder.path for chain in chains for holder in chain.holders})


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A part of a drift that no flagged step lies in, with the edits in it.

    `back` are the edits from the beginning of the drift up to it, `onward` those from its end to that of the drift.
    """

    before: CommitProfiles
    after: CommitProfiles
    edits: Edits
    back: Edits
    onward: Edits


def make_change(
    series: Series,
    step: Step,
    before: CommitProfiles,
    after: CommitProfiles,
    edits: Edits,
    *,
    between: int,
    stretches: Sequence[Stretch] | None = None,
) -> Change:
    """Describe `step`; `edits` are what lies between its commits.

    `between` is the number of commits that may be the culprit, the later one of the two included. Of a drift with
    flagged steps in its range, the `stretches` between them alone are looked at.
    """
    metric = series.metric
    growing = step.after > step.before
    old, new = _profiles(metric, before, after)
    pairs = [(before, after)] if stretches is None else [(stretch.before, stretch.after) for stretch in stretches]
    if stretches is None:
        differences = _differences(metric, before, after, edits)
    else:
        differences = _drifted(metric, before, after, stretches)
    verdict = _verdict(metric, step, before, after, edits)
    lines, elsewhere = blame(step.after - step.before, differences, edits, old, new)
    first = {(line.path, line.line) for line in lines[:1]}
    good, bad = series.points[step.good].commit, series.points[step.bad].commit
    return Change(
        case=series.key.case,
        metric=metric,
        family=series.key.family,
        verdict=verdict,
        confidence=step.confidence,
        commit=bad.id if step.adjacent and step.kind != "drift" else None,
        range=(good.id, bad.id),
        between=between,
        before=step.before,
        after=step.after,
        unit=METRICS[metric].unit,
        blame=lines,
        elsewhere=elsewhere,
        stack=biggest_offender(old, new, first, growing=growing, anywhere=stretches is None),
        types=_types(metric, pairs, growing=growing),
        modules=_modules(metric, pairs),
        survivors=after.leak.survivors if metric == "growth" else (),
        holders=_new_holders(before, after, edits)
        if verdict == "moved"
        else _holders(metric, before, after, differences, edits, growing=growing),
        explained=_explained(metric, before, after, series.points[step.bad].value or 0),
        drift=step.kind == "drift",
    )


def _holders(
    metric: str,
    before: CommitProfiles,
    after: CommitProfiles,
    differences: Sequence[LineDifference],
    edits: Edits,
    *,
    growing: bool,
) -> tuple[BlamedHolder, ...]:
    """Return what keeps the memory alive that is there on the side that has more of it."""
    side, view, sign = (after, edits.after, 1) if growing else (before, edits.before, -1)
    sizes: Counter[Place] = Counter()
    for moved in differences:
        sizes.update(dict.fromkeys(moved.new if growing else moved.old, max(moved.size * sign, 0)))
    sizes = +sizes
    match metric:
        case "growth":
            return blamed_holders(fold_chains(side.leak.holders, side.retained), sizes, view)
        case "retained":
            return blamed_holders(side.retained.holders, sizes, view)
        case _:
            return ()


def _is_retained(before: CommitProfiles, after: CommitProfiles, edits: Edits) -> bool:
    """Tell whether all that was alive at the end of the first call still is, to less than what counts of a result."""
    floor = METRICS["result"].floor
    assert floor is not None
    differences = line_differences(before.alive.lines, after.alive.lines, edits)
    return bool(before.alive.lines) and sum(max(-line.size, 0) for line in differences) < floor


def _new_holders(before: CommitProfiles, after: CommitProfiles, edits: Edits) -> tuple[BlamedHolder, ...]:
    """Return what keeps alive what the later side retains more."""
    differences = _differences("retained", before, after, edits)
    return _holders("retained", before, after, differences, edits, growing=True)


def _verdict(metric: str, step: Step, before: CommitProfiles, after: CommitProfiles, edits: Edits) -> Verdict:
    if step.kind == "drift":
        return "drifting"
    if step.after > step.before:
        return "regressed"
    return "moved" if metric == "result" and _is_retained(before, after, edits) else "improved"


def same_lines(metric: str, one: CommitProfiles, other: CommitProfiles, edits: Edits, tolerance: int) -> bool:
    """Tell whether no line (of imports without lines: no module) differs by more than `tolerance` bytes.

    `edits` lie between the commits of the two sides. Where a profile of `metric` is missing, the lines are not known to
    be the same; `rss_peak` never has lines, so its value alone decides.
    """
    if _needed(metric, one, other) & (one.missing | other.missing):
        return False
    differences = _differences(metric, one, other, edits)
    sizes = [d.size for d in differences] or [change.module.size for change in _modules(metric, [(one, other)])]
    return all(abs(size) <= tolerance for size in sizes)


def _needed(metric: str, one: CommitProfiles, other: CommitProfiles) -> set[str]:
    """Return the kinds of profiles that tell the lines of `metric`."""
    match metric:
        case "peak" | "warm_peak":
            return set() if one.peak.lines and other.peak.lines else {"alive"}
        case "result":
            return {"alive", "retained"}
        case "growth":
            return {"leak"}
        case "retained" | "import":
            return {metric}
        case _:
            return set()


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


def _differences(
    metric: str, before: CommitProfiles, after: CommitProfiles, edits: Edits
) -> tuple[LineDifference, ...]:
    return line_differences(*_rows(metric, before, after), edits, shared=metric == "import")


def _drifted(
    metric: str, before: CommitProfiles, after: CommitProfiles, stretches: Sequence[Stretch]
) -> tuple[LineDifference, ...]:
    """Return the differences over the stretches of a drift from `before` to `after`."""
    found: list[LineDifference] = []
    for part in stretches:
        back = match_lines(*_rows(metric, before, part.before), part.back)
        onward = match_lines(*_rows(metric, part.after, after), part.onward)
        found += at_drift_ends(_differences(metric, part.before, part.after, part.edits), back, onward)
    return add_up(found)


def _rows(
    metric: str, before: CommitProfiles, after: CommitProfiles
) -> tuple[Sequence[ProfileLine], Sequence[ProfileLine]]:
    """Return the lines that hold `metric` on both sides; none where they are not known."""
    old, new = _profiles(metric, before, after)
    match metric:
        case "peak" | "warm_peak" | "retained":
            return old.lines, new.lines
        case "result":
            return subtract(old, before.retained), subtract(new, after.retained)
        case "growth":
            return _leaked(before), _leaked(after)
        case "import" if old.lines and new.lines:
            return old.lines, new.lines
        case _:
            return (), ()


def _profiles(metric: str, before: CommitProfiles, after: CommitProfiles) -> tuple[Profile, Profile]:
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


def _leaked(side: CommitProfiles) -> tuple[ProfileLine, ...]:
    """Return what a call leaks by line."""
    return tuple(
        replace(stat, size=round(stat.size / side.leak_calls), count=round(stat.count / side.leak_calls))
        for stat in fold_lines(side.leak.lines, side.retained)
    )


_Pairs = Sequence[tuple[CommitProfiles, CommitProfiles]]  # the sides of a step, or of each stretch of a drift


def _modules(metric: str, pairs: _Pairs) -> tuple[ModuleChange, ...]:
    return module_changes(*((one.imports, other.imports) for one, other in pairs)) if metric == "import" else ()


def _types(metric: str, pairs: _Pairs, *, growing: bool) -> tuple[TypeCount, ...]:
    """Return the types that moved most over all `pairs`."""
    if metric == "import" or not pairs:
        return ()
    counts = [_instances(metric, *pair) for pair in pairs]
    before, after = counts[0][0], counts[0][0].copy()
    for old, new in counts:
        after.update(new)
        after.subtract(old)
    return moved_types(before, after, growing=growing, most=_MOST_TYPES)


def _instances(metric: str, before: CommitProfiles, after: CommitProfiles) -> tuple[Counter[str], Counter[str]]:
    """Count the instances of each type: by the profiles, or else as the collector counted them over the first call."""
    old, new = Counter[str](), Counter[str]()
    for count, profile in zip((old, new), _profiles(metric, before, after), strict=True):
        for row in profile.types:
            count[row.name] += row.count
    if not (old or new):
        for count, side in ((old, before), (new, after)):
            count.update({t.name: t.after - t.before for t in side.types})
    return old, new


def _explained(metric: str, before: CommitProfiles, after: CommitProfiles, peak: int) -> float | None:
    """Return the share of the later peak of the first call that lines are known for; None without such lines."""
    if metric != "peak" or not (before.peak.lines and after.peak.lines and peak):
        return None
    return min(1.0, sum(line.size for line in after.peak.lines) / peak)
