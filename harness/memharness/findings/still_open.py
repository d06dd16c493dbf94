"""Finds regressions of earlier commits that are still open: neither accepted nor undone."""

from collections.abc import Collection, Sequence
from statistics import median_high
from typing import TypeAlias

from msgspec.structs import replace

from memharness.analyse.causes import group_by_cause
from memharness.analyse.changes import fold_warm_peaks
from memharness.analyse.noisy import LEAST_COMMITS
from memharness.analyse.steps import Step
from memharness.findings.describe import describe
from memharness.findings.judge import Judged, judge
from memharness.findings.results import Results, with_whole_history
from memharness.model.findings import Change, Report

_Key: TypeAlias = tuple[str, str, str, bool, tuple[str, str] | None]


def with_still_open(report: Report, results: Results) -> Report:
    """Return a report with the regressions that are still open, besides its own changes."""
    changes = _still_open(results, report.changes)
    below_floors = tuple(case for case in report.below_floors if all(change.case != case for change in changes))
    return replace(report, still_open=changes, open_findings=group_by_cause(changes), below_floors=below_floors)


def _still_open(results: Results, shown: Collection[Change]) -> tuple[Change, ...]:
    """Return the stored changes up to the newest commit of `results` that are still open and not `shown`."""
    whole = with_whole_history(results)
    known = {_key(change, metric) for change in shown for metric in (change.metric, *change.also)}
    judged = judge(whole)
    series: list[Judged] = []
    found: set[_Key] = set()
    for number, one in enumerate(judged):
        if own := _open_keys(one, judged[number + 1 :]) - known:
            series.append(one)
            found |= own
    return tuple(
        change
        for change in fold_warm_peaks(describe(whole, series))
        if change.verdict in ("regressed", "drifting") and _key(change, change.metric) in found
    )


def _open_keys(judged: Judged, later: Sequence[Judged]) -> set[_Key]:
    """Return what identifies the open findings of a series; `later` ones may continue it."""
    moved = _moved_since(judged, later) if judged.closed else 0
    return {_key_of_step(judged, step) for step in judged.findings if _is_open(judged, step, moved)}


def _is_open(judged: Judged, step: Step, moved: int) -> bool:
    """Tell whether a rise is certain, and not undone by the newest value (or level, if it is noisy) plus `moved`."""
    points, kind = judged.series.points, judged.series.metric_class
    if step.after <= step.before or step.confidence == "suspected":
        return False
    assert judged.newest is not None
    assert judged.rule is not None
    newest = points[judged.newest]
    if newest.suspected or newest.scale != points[step.bad].scale:
        return True
    values = [point.value for point in points if point.value is not None]
    level = median_high(values[-LEAST_COMMITS if kind == "noisy" else -1 :])
    return not judged.rule.is_gone(step.before, level + moved, kind)


def _moved_since(judged: Judged, later: Sequence[Judged]) -> int:
    """Return how far the series that continue a closed one have moved."""
    moved = 0
    for one in later:
        values = [point.value for point in one.series.points if point.value is not None]
        if _about(one) == _about(judged) and values:
            moved += values[-1] - values[0]
    return moved


def _about(judged: Judged) -> tuple[str, str, str]:
    key = judged.series.key
    return key.family, key.case, judged.series.metric


def _key_of_step(judged: Judged, step: Step) -> _Key:
    drift = step.kind == "drift"
    ends = (judged.series.points[step.good].commit.id, judged.series.points[step.bad].commit.id)
    return *_about(judged), drift, None if drift else ends


def _key(change: Change, metric: str) -> _Key:
    """Return what identifies a change; a series has one drift."""
    return change.family, change.case, metric, change.drift, None if change.drift else change.range
