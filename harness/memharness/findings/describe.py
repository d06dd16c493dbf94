"""Describes steps as changes: the lines that hold each one, the merged branch it came from, whether it is accepted."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import cache, lru_cache, partial
from typing import TypeVar

from msgspec.structs import replace

from memharness.analyse.acceptance import accepted_by
from memharness.analyse.blame.edits import Edits
from memharness.analyse.changes import CommitProfiles, Stretch, fold_warm_peaks, make_change, same_lines
from memharness.analyse.steps import Step
from memharness.analyse.transients import find_undone
from memharness.findings.branch_search import follow_merge
from memharness.findings.judge import Judged, judge, question_of
from memharness.findings.results import Results
from memharness.git.history import BlobReader, count_between, file_edits
from memharness.git.repository import Repository
from memharness.model.findings import Change
from memharness.model.history import Commit, FileEdit
from memharness.model.measurements import Measured, Profile
from memharness.model.metrics import METRICS

T = TypeVar("T")

_TEXTS = 256  # cached: neighbouring findings are about the same files


def find_changes(results: Results) -> tuple[Change, ...]:
    """Return the changes in `results`; one of `peak` also stands for a similar one of `warm_peak`."""
    return fold_warm_peaks(describe(results, judge(results)))


@contextmanager
def open_source_edits(repository: Repository) -> Iterator["SourceEdits"]:
    """Yield a reader of the edits between commits, which caches what git says."""
    with BlobReader(repository) as blobs:
        yield SourceEdits(repository, blobs)


def describe(
    results: Results, judged: Sequence[Judged], source_edits: "SourceEdits | None" = None
) -> tuple[Change, ...]:
    """Describe what was found as changes, one for each metric, in the order of the history."""
    order = {commit.id: index for index, commit in enumerate(results.commits)}
    metrics = list(METRICS)
    opened = nullcontext(source_edits) if source_edits else open_source_edits(results.project.repository)
    with opened as edits:
        changes = [change for one in judged for change in _changes(results, one, order, edits)]
    return tuple(sorted(changes, key=lambda c: (order[c.range[1]], c.family, c.case, metrics.index(c.metric))))


def _changes(
    results: Results, judged: Judged, order: Mapping[str, int], source_edits: "SourceEdits"
) -> Iterator[Change]:
    """Yield a change for each finding; a rise and the fall that undid it are one change."""
    if judged.rule is None or not judged.findings:
        return
    series, points, rule = judged.series, judged.series.points, judged.rule

    def remember(kind: type[T], indexes: Sequence[int], inputs: object, compute: Callable[[], T]) -> T:
        values = {points[at].commit.id: points[at].values for at in indexes}
        return results.remember(kind, [series.key, series.metric, [*values.items()], inputs], [*values], compute)

    def alike(one: int, other: int) -> bool:
        tolerance = int(rule.needed(points[one].value or 0))

        def compute() -> bool:
            before, after = _sides(results, judged, one, other)
            between = source_edits.between(points[one].commit, points[other].commit, (before, after))
            return same_lines(series.metric, before, after, between, tolerance)

        return remember(bool, (one, other), tolerance, compute)

    undone = find_undone(series, judged.steps, rule, alike)
    for number, step in enumerate(judged.findings):
        if number in undone.values() or (number in undone and step.after < step.before):
            continue  # the fall that took rises back, or a lesser one on the way there
        make = partial(_make, results, judged, step, source_edits)
        change = remember(Change, _ends(judged, step), replace(step, good=0, bad=0), make)
        change = _with_culprit(results, judged, step, change)
        if number in undone:
            back = points[judged.steps[undone[number]].bad].commit
            change = replace(change, verdict="transient", undone_by=back.id)
        entry = accepted_by(change, results.accepted, rule, order)
        yield change if entry is None else replace(change, verdict="accepted", reason=entry.reason)


def _with_culprit(results: Results, judged: Judged, step: Step, change: Change) -> Change:
    """Name the commit on a merged branch that made the change, where one is known."""
    if not step.adjacent or step.kind == "drift":
        return change
    bad = judged.series.points[step.bad].commit
    culprit = follow_merge(results.project, question_of(judged, step), bad)
    return replace(change, commit=culprit.id, merge=bad.id) if isinstance(culprit, Commit) else change


def _make(results: Results, judged: Judged, step: Step, source_edits: "SourceEdits") -> Change:
    points = judged.series.points
    good, bad = points[step.good].commit, points[step.bad].commit
    before, after = _sides(results, judged, step.good, step.bad)
    edits = source_edits.between(good, bad, (before, after))
    between = 1 if step.adjacent else count_between(results.project.repository, good.id, bad.id)
    stretches = _stretches(results, judged, step, source_edits) if step.kind == "drift" else None
    return make_change(judged.series, step, before, after, edits, between=between, stretches=stretches)


def _stretches(
    results: Results, judged: Judged, drift: Step, source_edits: "SourceEdits"
) -> tuple[Stretch, ...] | None:
    """Return the stretches of a drift between the flagged steps in its range; None where there are none."""
    ends = _ends(judged, drift)
    if len(ends) == 2:
        return None
    commits = {index: judged.series.points[index].commit for index in ends}
    sides = dict(zip(ends, _sides(results, judged, *ends), strict=True))

    def edits(one: int, other: int) -> Edits:
        return source_edits.between(commits[one], commits[other], (sides[one], sides[other]))

    return tuple(
        Stretch(
            before=sides[one],
            after=sides[other],
            edits=edits(one, other),
            back=edits(drift.good, one),
            onward=edits(other, drift.bad),
        )
        for one, other in zip(ends[::2], ends[1::2], strict=True)
        if one < other
    )


def _ends(judged: Judged, step: Step) -> Sequence[int]:
    """Return the ends of a step, oldest first; of a drift also those of the flagged steps in its range."""
    steps = judged.steps if step.kind == "drift" else ()
    inner = [one for one in steps if step.good <= one.good and one.bad <= step.bad]
    return [step.good, *(at for one in inner for at in (one.good, one.bad)), step.bad]


class SourceEdits:
    """Reads the edits between two commits, with the text of the Python files that profiles mention."""

    def __init__(self, repository: Repository, blobs: BlobReader) -> None:
        self._files = cache(lambda good, bad: file_edits(repository, good, bad))
        self._text = lru_cache(_TEXTS)(lambda commit, path: (blobs.read(commit, path) or b"").decode(errors="replace"))

    def files(self, good: str, bad: str) -> Sequence[FileEdit]:
        """Return the files that differ between two commits."""
        return self._files(good, bad)

    def between(self, good: Commit, bad: Commit, sides: Iterable[CommitProfiles]) -> Edits:
        """Return the edits between the commits of two sides."""
        files = self.files(good.id, bad.id)
        paths = {path for side in sides for path in side.paths}
        wanted = [file for file in files if {file.before, file.after} & paths]
        return Edits(
            files,
            before=self._texts(good, [file.before for file in wanted]),
            after=self._texts(bad, [file.after for file in wanted]),
            read=(partial(self._read, good.id), partial(self._read, bad.id)),
        )

    def _texts(self, commit: Commit, paths: Iterable[str | None]) -> dict[str, str]:
        return {path: self._read(commit.id, path) for path in paths if path and path.endswith(".py")}

    def _read(self, commit: str, path: str) -> str:
        """Return the text of a Python file; "" where the commit lacks it, as with generated files."""
        return self._text(commit, path) if path.endswith(".py") else ""


def _sides(results: Results, judged: Judged, *indexes: int) -> tuple[CommitProfiles, ...]:
    """Load the profiles of some points, deep ones only where all have them: plain ones attribute no library lines."""
    sides = tuple(_side(results, judged, index, deep=True) for index in indexes)
    if len({side.plain for side in sides}) == 1:
        return sides
    return tuple(_side(results, judged, index, deep=False) for index in indexes)


def _side(results: Results, judged: Judged, index: int, *, deep: bool) -> CommitProfiles:
    """Load the profiles of one point: of the last repeat that was traced as `deep` says, else of the last repeat."""
    key = judged.series.key
    commit = judged.series.points[index].commit.id
    repeats = results.repeats(key.family, commit, key.case, key.identity, key.probe)
    outcomes = [m.outcome for m in reversed(repeats) if isinstance(m.outcome, Measured)]
    missing = set()

    def profile(kind: str) -> Profile:
        ids = dict.fromkeys(outcome.profiles[kind] for outcome in outcomes if kind in outcome.profiles)
        found = [profile for id_ in ids if (profile := results.project.store.profile(id_))]
        if not found and (ids or kind not in {"peak", "leak"}):  # those two are not always taken
            missing.add(kind)
        return max(found, key=lambda p: bool(p.stacks) == deep, default=Profile())

    side = CommitProfiles(
        alive=profile("alive"),
        retained=profile("retained"),
        peak=profile("peak"),
        imports=profile("import"),
        leak=profile("leak"),
        leak_calls=next((outcome.leak_calls for outcome in outcomes if "leak" in outcome.profiles), 1),
        types=next((outcome.types for outcome in outcomes if outcome.types), ()),
    )
    return replace(side, missing=frozenset(missing))
