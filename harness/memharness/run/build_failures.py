"""Commits in a row that fail to build alike: rather a setting that is lacking than a fault of each of them."""

import re
from collections.abc import Sequence
from typing import Final

from memharness.errors import INCOMPLETE, MemharnessError
from memharness.model.history import Commit
from memharness.model.measurements import Failed, Outcome

ROW: Final = 3
_READ: Final = 1000  # characters of a reason


class BuildFailures:
    """What became of the builds of a run, by environment family, told in the order in which they are stored."""

    def __init__(self) -> None:
        self._causes: dict[tuple[str, str], str] = {}  # by family and commit id, "" where it was built
        self._rows: dict[str, list[Commit]] = {}
        self._spared: set[str] = set()
        self._found: tuple[Commit, ...] = ()
        self._reason = ""
        self.suspect: str | None = None  # the family whose builds fail in a row

    def note(self, family: str, commit: Commit, outcomes: Sequence[Outcome]) -> None:
        """Take note of what a commit came to."""
        cause = cause_of(outcomes)
        row = self._rows.setdefault(family, [])
        if not cause or (row and self._causes[family, row[-1].id] != cause):
            row.clear()
        self._causes[family, commit.id] = cause
        if cause:
            row.append(commit)
        if len(row) == ROW and family not in self._spared:
            self.suspect, self._found = family, tuple(row)
            self._reason = next(one.reason for one in outcomes if isinstance(one, Failed))

    def knows(self, family: str, commit: str) -> bool:
        """Tell whether a commit was noted."""
        return (family, commit) in self._causes

    def settle(self, newest: Commit) -> MemharnessError | None:
        """Return the error to end with where the newest commit fails like the row, and else let it pass from now on."""
        family, (first, *_, last) = self.suspect, self._found
        assert family is not None
        self.suspect = None
        self._spared.add(family)
        if self._causes.get((family, newest.id)) != self._causes[family, last.id]:
            return None
        return MemharnessError(
            f"{ROW} commits in a row, {first.short} to {last.short}, and the newest, {newest.short}, fail to build "
            f"alike ({family}): {self._reason}",
            hint="If the build lacks something, set before-build or build-requires under [environment] and run with "
            "--retry-failed; choose later commits with --since; or go on with --keep-going. "
            "What was measured is stored. See `memharness help troubleshooting`.",
            exit_code=INCOMPLETE,
        )


def cause_of(outcomes: Sequence[Outcome]) -> str:
    """Return why a commit could not be built, numbers and paths left out; "" where it was."""
    reasons = [one.reason for one in outcomes if isinstance(one, Failed) and one.phase == "build"]
    return "" if not reasons or len(reasons) < len(outcomes) else without_details(reasons[0])


def without_details(reason: str) -> str:
    """Return the beginning of a reason without its numbers and paths."""
    words = ("/" if "/" in word else word for word in reason[:_READ].split())
    return re.sub(r"\d+", "0", " ".join(words))
