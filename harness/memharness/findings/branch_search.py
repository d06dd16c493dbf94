"""Searches a line of commits by halving. Stored measurements are the answers, so a stopped search can go on."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from memharness.analyse.bisection import Found, bounds, is_bad, next_index
from memharness.analyse.series import Point, SeriesKey, build_series
from memharness.findings.project import Project
from memharness.git.history import branch_line
from memharness.model.history import Commit
from memharness.model.values import Value

SHARE: Final = 0.9  # of a merge's difference that one commit of the branch must have made to be named for it

_branch_line = lru_cache(maxsize=1024)(branch_line)  # asked again in every step of a search, for commits by id


class Question(Value):
    """What to search for: the commit that moved `metric` of `key` from about `before` to about `after`."""

    key: SeriesKey
    metric: str
    before: int
    after: int

    def share(self, before: int, after: int) -> float:
        """Return which share of the difference asked for lies between two values; negative in the other direction."""
        asked = self.after - self.before
        return (after - before) / asked if asked else 0.0


class Unmeasured(Value):
    """The commit that must be measured before the search can go on."""

    commit: Commit


def search(project: Project, question: Question, line: Sequence[Commit]) -> tuple[Commit, Commit] | Unmeasured | None:
    """Return the last good and the first bad commit of `line` with nothing measurable between, oldest first.

    None where the first of `line` is not good or the last not bad.
    """
    known: dict[int, Found] = {}
    for index, needed in ((len(line) - 1, "bad"), (0, "good")):
        found = answer(project, question, line[index])
        if found is None:
            return Unmeasured(commit=line[index])
        if found != needed:
            return None
        known[index] = found
    while (middle := next_index(len(line), known)) is not None:
        found = answer(project, question, line[middle])
        if found is None:
            return Unmeasured(commit=line[middle])
        known[middle] = found
    good, bad = bounds(len(line), known)
    return line[good], line[bad]


def follow_merge(project: Project, question: Question, merge: Commit) -> Commit | Unmeasured | None:
    """Return the commit on a branch merged by `merge` that made the difference, branches of the branch included.

    None where `merge` is not a merge, where it made the difference itself, and where several commits did. Halving ends
    at a commit that made more than half of the difference, so its share of the whole is checked.
    """
    for parent in merge.parents[1:]:
        line = _branch_line(project.repository, merge.parents[0], parent)
        found = search(project, question, line) if len(line) > 1 else None
        if isinstance(found, Unmeasured):
            return found
        if found is not None and found[1].parents[:1] == (found[0].id,) and _accounts(project, question, found):
            return follow_merge(project, question, found[1]) or found[1]
    return None


def _accounts(project: Project, question: Question, pair: tuple[Commit, Commit]) -> bool:
    """Tell whether the metric moved between two measured commits by `SHARE` of the difference asked for, or more."""
    before, after = (_point(project, question, commit) for commit in pair)
    if before is None or after is None or before.value is None or after.value is None:
        return False
    return question.share(before.value, after.value) >= SHARE


def answer(project: Project, question: Question, commit: Commit) -> Found | None:
    """Return the stored answer for a commit; "skip" where measuring it failed, None where it was not measured."""
    point = _point(project, question, commit)
    if point is None:
        return None
    if point.value is None:
        return "skip"
    if question.metric == "growth" and question.before == 0:  # any leak is bad where there was none
        return "bad" if point.value else "good"
    return "bad" if is_bad(point.value, question.before, question.after) else "good"


def _point(project: Project, question: Question, commit: Commit) -> Point | None:
    """Return what is stored of the metric at a commit; None where nothing of the case was measured."""
    key = question.key
    own = [m for m in project.store.measurements(key.family, commit.id) if key.owns(m)]
    if not own:
        return None
    series = build_series(key, [commit], {commit.id: own}, {})
    return next((one.points[0] for one in series if one.metric == question.metric), Point(commit=commit))
