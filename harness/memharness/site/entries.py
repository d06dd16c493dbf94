"""The changes of a site: found anew only where something moved that they follow from, each with what became of it."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from statistics import median_high
from typing import Final

import msgspec
import numpy as np
from msgspec.structs import replace

import memharness.analyse
from memharness.analyse.changes import fold_warm_peaks
from memharness.analyse.noisy import LEAST_COMMITS
from memharness.analyse.series import SCALE_PACKAGES
from memharness.analyse.steps import Step, rule_for
from memharness.findings import describe as describing
from memharness.findings.describe import SourceEdits, describe_with
from memharness.findings.judge import Judged
from memharness.findings.results import Results
from memharness.git.history import find_commit
from memharness.model.environments import EnvironmentFacts
from memharness.model.findings import Acceptance, Change, Verdict
from memharness.model.history import Commit
from memharness.model.measurements import PROBE_METHOD, Measured, Measurement
from memharness.model.values import digest
from memharness.site.columns import MISSING
from memharness.site.kept import Finding, Findings
from memharness.site.shelves import Subject
from memharness.site.values import Entry, Status

_KEY_LENGTH: Final = 32
_LINES: Final = 12  # of a change that pages show


@dataclass(frozen=True, eq=False)
class _Sides(Results):
    """What is stored of one subject, read where it is asked for; `asked` are the commits."""

    subject: Subject | None = None
    asked: set[str] = field(default_factory=set)

    def repeats(self, family: str, commit_id: str, *_: object) -> tuple[Measurement, ...]:  # noqa: ARG002
        """Return the repeats at a commit."""
        assert self.subject is not None
        self.asked.add(commit_id)
        return self.subject.measurements(self.subject.shelf.positions[commit_id])


def find_changes(subject: Subject, source_edits: SourceEdits, known: Findings | None) -> Findings:
    """Return the changes of a subject: those that are known, where all that they follow from is as it was."""
    shelf, ground, key = subject.shelf, _ground(subject), _key(subject)
    if known and (known.ground != ground or _stamps(subject, known.stamps) != known.stamps):
        known = None
    if known and known.key == key:
        return known
    judged = subject.judge()
    steps = _steps(subject, judged)
    if known and known.steps == steps:
        return replace(known, key=key)
    notices = len(shelf.project.store.notices)
    results = _Sides(
        project=shelf.project,
        commits=tuple(shelf.history),
        measurements={},
        environments=shelf.environments,
        accepted=tuple(shelf.accepted),
        subject=subject,
    )
    memory = _Memory(known.found if known else ())
    changes = describe_with(source_edits, results, judged, memory.recall)
    results.asked.update(known.stamps if known and memory.used else ())
    if any(len(shelf.history[shelf.positions[change.range[1]]].parents) > 1 for change in changes):
        key = steps = ""  # the merged branches may be searched further, which no key tells
    if len(shelf.project.store.notices) > notices:
        ground = ""  # a profile is missing or damaged, and may come back
    return Findings(
        ground=ground,
        key=key,
        steps=steps,
        stamps=_stamps(subject, results.asked),
        found=tuple(memory.finding(change) or _shortened(change) for change in changes),
    )


class _Memory:
    """What was found before in a subject, where its records are what they were then."""

    def __init__(self, found: Sequence[Finding]) -> None:
        self._found = {(one.change.metric, one.change.range, one.change.drift): one for one in found}
        self.used = False

    def recall(self, metric: str, step: Step, good: Commit, bad: Commit) -> Change | None:
        """Return the change that a step was told as, without what became of it.

        Lines of a drift depend on the steps in its range as well, so it is always told anew.
        """
        known = self._found.get((metric, (good.id, bad.id), False))
        if known is None or step.kind == "drift":
            return None
        change = known.change
        if (change.before, change.after, change.confidence) != (step.before, step.after, step.confidence):
            return None
        self.used = True
        told: Verdict = "regressed" if change.after > change.before else "improved"
        commit = change.merge or change.commit  # the culprit on a merged branch is looked for each time
        return replace(change, verdict=told, undone_by=None, reason=None, commit=commit, merge=None)

    def finding(self, change: Change) -> Finding | None:
        """Return what is known of a change that was recalled, with what became of it by now."""
        known = self._found.get((change.metric, change.range, change.drift))
        same = known is not None and known.change.blame == change.blame and known.change.after == change.after
        return replace(known, change=change) if known and same else None


def _shortened(change: Change) -> Finding:
    """Leave the lines that moved most, in their order; a change may have hundreds."""
    if len(change.blame) <= _LINES:
        return Finding(change=change)
    most = sorted(range(len(change.blame)), key=lambda at: -abs(change.blame[at].bytes))
    rest = [change.blame[at].bytes for at in most[_LINES:]]
    kept = replace(change, blame=tuple(change.blame[at] for at in sorted(most[:_LINES])))
    return Finding(change=kept, more_lines=len(rest), more_bytes=sum(rest))


def entries_of(subject: Subject, findings: Findings, later: Sequence[Subject] = ()) -> Iterator[Entry]:
    """Yield each change with what became of it, also in the `later` parts that continue a former subject."""
    shelf = subject.shelf
    more = {(one.change.metric, one.change.range): (one.more_lines, one.more_bytes) for one in findings.found}
    for change in fold_warm_peaks([finding.change for finding in findings.found]):
        good, bad = (shelf.history[shelf.positions[id_]] for id_ in change.range)
        culprit = find_commit(shelf.project.repository, change.commit) if change.merge and change.commit else None
        undone = None if change.undone_by is None else shelf.history[shelf.positions[change.undone_by]]
        yield Entry(
            id=digest([subject.name.id, change.metric, change.range, change.drift], 12),
            subject=subject.name,
            change=change,
            status=_status(subject, change, later),
            good=good,
            bad=culprit or bad,
            undone_by=undone,
            merge=bad if culprit else None,
            more_lines=more[change.metric, change.range][0],
            more_bytes=more[change.metric, change.range][1],
        )


def _status(subject: Subject, change: Change, later: Sequence[Subject]) -> Status:
    """Say what became of a change: a rise of which the newest value shows nothing is fixed."""
    if change.verdict in {"accepted", "transient"}:
        return "accepted" if change.verdict == "accepted" else "transient"
    if change.after < change.before:
        return "improved"
    if change.confidence == "suspected":
        return "suspected"
    return "fixed" if _is_gone(subject, change, later) else "open"


def _is_gone(subject: Subject, change: Change, later: Sequence[Subject]) -> bool:
    """Tell whether the newest value, of a noisy metric the newest level, is what it was before a rise.

    It must be certain, and on one scale with the rise.
    """
    metric, shelf = change.metric, subject.shelf
    rule = rule_for(metric, subject.case.scenario.thresholds, shelf.project.config.thresholds)
    newest = subject.newest(metric)
    if rule is None or newest is None or subject.is_suspected(metric, newest):
        return False
    scales = [_scale(subject.environment(at)) for at in (shelf.positions[change.range[1]], newest)]
    if scales[0] != scales[1]:
        return False
    known, moved = _known(subject, metric), sum(own[-1] - own[0] for part in later if (own := _known(part, metric)))
    if metric not in subject.noisy_metrics:
        return rule.is_gone(change.before, known[-1] + moved, "exact")
    return rule.is_gone(change.before, median_high(known[-LEAST_COMMITS:]) + moved, "noisy")


def _known(subject: Subject, metric: str) -> list[int]:
    values = subject.values(metric)
    found: list[int] = values[values != MISSING].tolist()
    return found


def _scale(facts: EnvironmentFacts | None) -> list[str | None]:
    return [facts.packages.get(name) if facts else None for name in SCALE_PACKAGES]


def _stamps(subject: Subject, commits: set[str] | Mapping[str, object]) -> dict[str, str]:
    """Return what tells that the records of commits were rewritten."""
    shelf = subject.shelf
    rows = {commit: int(shelf.rows[shelf.positions[commit]]) for commit in commits if commit in shelf.positions}
    stamps = shelf.columns.stamps
    return {commit: digest(stamps[row], _KEY_LENGTH) if row >= 0 else "" for commit, row in rows.items()}


def _ground(subject: Subject) -> str:
    """Return a digest of what measured and analysed a subject: what was found with another tells nothing."""
    return digest([_analysis(), PROBE_METHOD, subject.key], _KEY_LENGTH)


def _steps(subject: Subject, judged: Sequence[Judged]) -> str:
    """Return a digest of what was found in the series of a subject, and of what the ledger says of it."""
    found = [
        [
            one.series.metric,
            one.rule,
            [one.series.points[at].commit.id for at in (step.good, step.bad)],
            replace(step, good=0, bad=0),
        ]
        for one in judged
        for step in one.findings
    ]
    return digest([_accepted(subject), found], _KEY_LENGTH)


def _key(subject: Subject) -> str:
    """Return a digest of all that the changes of a subject follow from, beside the records of the commits named there.

    Newest commits that are like the one before them move nothing, so they do not count.
    """
    shelf, config = subject.shelf, subject.shelf.project.config
    told, steady = subject.told, _is_steady(subject)
    while len(told) > 1 and steady and _repeats_the_last(subject, *told[-2:]):
        told = told[:-1]
    rows = shelf.rows[np.array(told, np.int64)]
    environments = [shelf.columns.facts[at] if at >= 0 else "" for at in _cells(subject, rows)]
    parts: list[object] = [
        [subject.judged_metrics, config.thresholds, subject.case.scenario.thresholds],
        [_accepted(subject), environments, [shelf.history[at].id for at in told]],
        [(at, subject.special[at]) for at in told if at in subject.special],
    ]
    found = hashlib.sha256(msgspec.msgpack.encode(parts))
    for metric in subject.judged_metrics:
        found.update(subject.values(metric)[told].tobytes())
    return found.hexdigest()[:_KEY_LENGTH]


def _accepted(subject: Subject) -> list[Acceptance]:
    return [one for one in subject.shelf.accepted if one.case == subject.case.name]


def _cells(subject: Subject, rows: "np.typing.NDArray[np.int64]") -> list[int]:
    found: list[int] = np.where(rows >= 0, subject.shelf.columns.environments[rows, subject.number], -1).tolist()
    return found


def _is_steady(subject: Subject) -> bool:
    """Tell whether no repeats of a metric that is judged ever differed: further ones that agree change nothing then."""
    points = (subject.special_points.get(metric, {}).values() for metric in subject.judged_metrics)
    return not any(point.spread for own in points for point in own)


def _repeats_the_last(subject: Subject, one: int, other: int) -> bool:
    """Tell whether two positions have the same values, certain ones, of the same environment."""
    for at in {one, other} & subject.special.keys():
        outcomes = [measurement.outcome for measurement in subject.special[at]]
        if not all(isinstance(o, Measured) and not o.failed_passes and not o.suspected for o in outcomes):
            return False
    environments = _cells(subject, subject.shelf.rows[[one, other]])
    same = all(subject.values(metric)[one] == subject.values(metric)[other] for metric in subject.judged_metrics)
    return same and environments[0] == environments[1]


@cache
def _analysis() -> str:
    """Return a digest of the code that finds changes: another version may find others."""
    folder = Path(memharness.analyse.__file__).parent
    files = [*sorted(folder.rglob("*.py")), Path(describing.__file__)]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
