"""Commits built one after the other that fail alike: more likely a setting is lacking than each of them at fault."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from memharness.errors import INCOMPLETE, MemharnessError
from memharness.model.history import Commit
from memharness.model.measurements import Failed, Outcome

ROW: Final = 3
_READ: Final = 1000  # characters of a reason


class FailureRow(NamedTuple):
    """Commits that were built one after the other and fail alike."""

    family: str
    commits: tuple[Commit, ...]
    reason: str


class BuildFailures:
    """What became of the builds of a run, by environment family, in the order in which they are stored."""

    def __init__(self) -> None:
        self.row: FailureRow | None = None  # that is still to be looked into
        self._causes: dict[tuple[str, str], str] = {}  # by family and commit id, "" where it was built
        self._rows: dict[str, list[Commit]] = {}
        self._taken: set[str] = set()  # families that had their row

    def add(self, family: str, commit: Commit, outcomes: Sequence[Outcome]) -> None:
        """Take note of what a commit came to."""
        cause = _cause_of(outcomes)
        row = self._rows.setdefault(family, [])
        if not cause or (row and self._causes[family, row[-1].id] != cause):
            row.clear()
        self._causes[family, commit.id] = cause
        if cause and commit not in row[-1:]:  # of a commit with many cases there are several tasks
            row.append(commit)
        if len(row) == ROW and family not in self._taken:
            reason = next(one.reason for one in outcomes if isinstance(one, Failed))
            self.row = FailureRow(family=family, commits=tuple(row), reason=reason)

    def knows(self, family: str, commit: Commit) -> bool:
        """Tell whether a commit was added."""
        return (family, commit.id) in self._causes

    def take_row(self) -> FailureRow | None:
        """Return the row that is to be looked into, once; each family has one."""
        row, self.row = self.row, None
        if row is not None:
            self._taken.add(row.family)
        return row

    def check(self, row: FailureRow, newest: Commit) -> None:
        """Raise MemharnessError where the newest commit fails to build like those in the row."""
        if self._causes.get((row.family, newest.id)) != self._causes[row.family, row.commits[-1].id]:
            return
        names = [*dict.fromkeys(commit.short for commit in (*row.commits, newest))]
        raise MemharnessError(
            f"{len(names)} commits, {', '.join(names)}, the newest among them, fail to build alike ({row.family}): "
            f"{row.reason}",
            hint="If the build lacks something, set before-build or build-requires under [environment] and run with "
            "--retry-failed; choose later commits with --since; or go on with --keep-going. "
            "What was measured is stored. See `memharness help troubleshooting`.",
            exit_code=INCOMPLETE,
        )


def _cause_of(outcomes: Sequence[Outcome]) -> str:
    """Return why a commit could not be built, numbers and paths left out; "" where it was."""
    reasons = [one.reason for one in outcomes if isinstance(one, Failed) and one.phase == "build"]
    return "" if not reasons or len(reasons) < len(outcomes) else without_details(reasons[0])


def without_details(reason: str) -> str:
    """Return the beginning of a reason without its numbers and paths."""
    words = ("/" if "/" in word else word for word in reason[:_READ].split())
    return re.sub(r"\d+", "0", " ".join(words))
