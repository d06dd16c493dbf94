"""Finds the changes at one commit."""

from collections.abc import Collection, Iterable, Sequence

from memharness.errors import MemharnessError
from memharness.findings.results import Results
from memharness.git.history import find_commit
from memharness.model.findings import Change
from memharness.model.history import Commit
from memharness.model.measurements import Measured

_NAMED = 5  # other commits with changes, where there is none at the wanted one


def changes_at(
    results: Results, revision: str, changes: Iterable[Change], metrics: Collection[str] = ()
) -> tuple[Commit, tuple[Change, ...]]:
    """Return the commit that `revision` names and those of `changes` at it, of `metrics` where any are given.

    A change is at the commit that brought it, at the merge that it came with, and at the last commit of its range.
    Raises MemharnessError for an unknown revision, and where nothing changed there.
    """
    commit = find_commit(results.project.repository, revision)
    wanted = [c for c in changes if not metrics or {c.metric, *c.also} & set(metrics)]
    there = tuple(c for c in wanted if commit.id in (c.commit, c.merge, c.range[1]))
    if not there:
        what = f"no change of {' or '.join(metrics)}" if metrics else "no change"
        raise MemharnessError(
            f"{what} of the chosen cases is found at {commit.short} in {results.project.config.run.results}",
            hint=_advice(results, commit, wanted),
        )
    return commit, there


def _advice(results: Results, commit: Commit, changes: Sequence[Change]) -> str:
    """Say why there may be no change at a commit, and where there are some."""
    others = list(dict.fromkeys((change.commit or change.range[1])[:10] for change in changes))
    more = ", and more" if len(others) > _NAMED else ""
    there = f" There are changes at {', '.join(others[:_NAMED])}{more}." if others else ""
    return f"{_why_none(results, commit)}{there}"


def _why_none(results: Results, commit: Commit) -> str:
    if commit.id not in results.positions:
        return "It is not among the chosen commits, which follow first parents."
    stored = [m for records in results.measurements.values() for m in records.get(commit.id, ())]
    if not stored:
        return f"It is not measured: `memharness run --until {commit.short} --last 2` does that."
    if not any(isinstance(m.outcome, Measured) for m in stored):
        return f"It could not be measured: `memharness show {commit.short}` tells why."
    return "It is measured, and its figures are those of the commit before it, as far as they are judged."
