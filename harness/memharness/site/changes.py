"""The changes of a site: what is found in the history of a case, each with what became of it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median_high
from typing import Final, TypeVar

from msgspec.structs import replace

from memharness.analyse.changes import fold_warm_peaks
from memharness.analyse.noisy import LEAST_COMMITS
from memharness.analyse.series import SCALE_PACKAGES
from memharness.analyse.steps import rule_for
from memharness.findings.describe import SourceEdits, describe
from memharness.findings.results import Results
from memharness.git.history import find_commit
from memharness.model.environments import EnvironmentFacts
from memharness.model.findings import Change
from memharness.model.measurements import Measurement
from memharness.model.values import digest
from memharness.site.case_history import CaseHistory
from memharness.site.columns import MISSING
from memharness.site.values import ChangeEntry, Status

T = TypeVar("T")

_LINES: Final = 12  # of a change that pages show


@dataclass(frozen=True, eq=False)
class _CaseResults(Results):
    """What is stored of one case, read where it is asked for."""

    case: CaseHistory | None = None

    def repeats(self, family: str, commit_id: str, *_: object) -> tuple[Measurement, ...]:  # noqa: ARG002
        """Return the repeats at a commit."""
        assert self.case is not None
        return self.case.measurements(self.case.stored.positions[commit_id])

    def remember(self, kind: type[T], inputs: object, commits: Sequence[str], compute: Callable[[], T]) -> T:
        """Keep what is computed in the cache folder."""
        assert self.case is not None
        stored = self.case.stored
        return stored.cache.value(kind, [inputs, [stored.stamp(commit) for commit in commits]], compute)


def find_changes(case: CaseHistory, source_edits: SourceEdits) -> tuple[Change, ...]:
    """Return the changes of a case; its lines are cached under the stamps of the records."""
    stored = case.stored
    results = _CaseResults(
        project=stored.project,
        commits=tuple(stored.history),
        measurements={},
        environments=stored.environments,
        accepted=tuple(stored.accepted),
        case=case,
    )
    return describe(results, case.judge(), source_edits)


def change_entries(
    case: CaseHistory, changes: Sequence[Change], later: Sequence[CaseHistory] = ()
) -> Iterator[ChangeEntry]:
    """Yield each change with what became of it, also in the `later` parts that continue a former history."""
    stored = case.stored
    history, positions = stored.history, stored.positions
    for change in fold_warm_peaks(changes):
        good, bad = (history[positions[id_]] for id_ in change.range)
        culprit = find_commit(stored.project.repository, change.commit) if change.merge and change.commit else None
        shown, hidden = _shortened(change)
        yield ChangeEntry(
            id=digest([case.name.id, change.metric, change.range, change.drift], 12),
            subject=case.name,
            change=shown,
            status=_status(case, change, later),
            good=good,
            bad=culprit or bad,
            undone_by=None if change.undone_by is None else history[positions[change.undone_by]],
            merge=bad if culprit else None,
            more_lines=len(hidden),
            more_bytes=sum(hidden),
        )


def _shortened(change: Change) -> tuple[Change, list[int]]:
    """Return a change with the lines that moved most, in their order, and the bytes of each of the others."""
    most = sorted(range(len(change.blame)), key=lambda at: -abs(change.blame[at].bytes))
    shown = replace(change, blame=tuple(change.blame[at] for at in sorted(most[:_LINES])))
    return shown, [change.blame[at].bytes for at in most[_LINES:]]


def _status(case: CaseHistory, change: Change, later: Sequence[CaseHistory]) -> Status:
    """Say what became of a change: a rise of which the newest value shows nothing is fixed."""
    if change.verdict in {"accepted", "transient", "moved"}:
        return change.verdict
    if change.after < change.before:
        return "improved"
    if change.confidence == "suspected":
        return "suspected"
    return "fixed" if _is_gone(case, change, later) else "open"


def _is_gone(case: CaseHistory, change: Change, later: Sequence[CaseHistory]) -> bool:
    """Tell whether the newest value, of a noisy metric the newest level, is what it was before a rise.

    It must be certain, and on one scale with the rise.
    """
    metric = change.metric
    levels = case.case.scenario.thresholds, case.stored.project.config.thresholds
    rule = rule_for(metric, *levels, metric_class=case.classes.get(metric, "exact"))
    newest = case.newest(metric)
    if rule is None or newest is None or case.is_suspected(metric, newest):
        return False
    scales = [_scale(case.environment(at)) for at in (case.stored.positions[change.range[1]], newest)]
    if scales[0] != scales[1]:
        return False
    known, moved = _known(case, metric), sum(own[-1] - own[0] for part in later if (own := _known(part, metric)))
    if case.classes.get(metric) != "noisy":
        return rule.is_gone(change.before, known[-1] + moved, "exact")
    return rule.is_gone(change.before, median_high(known[-LEAST_COMMITS:]) + moved, "noisy")


def _known(case: CaseHistory, metric: str) -> list[int]:
    values = case.values(metric)
    found: list[int] = values[values != MISSING].tolist()
    return found


def _scale(facts: EnvironmentFacts | None) -> list[str | None]:
    return [facts.packages.get(name) if facts else None for name in SCALE_PACKAGES]
