"""The exit code that a report stands for."""

from collections.abc import Collection

from memharness.errors import INCOMPLETE, REGRESSION
from memharness.findings import Change, Report


def exit_code(report: Report, *, needed: Collection[str]) -> int:
    """Return 1 for a regression or an exceeded limit, else 3 where a case failed at a commit that is `needed`, else 0.

    A drift upwards is a regression; what is only suspected is none yet.
    """
    over_limit = any(over.open and not over.suspected for over in report.exceeded)
    if over_limit or any(is_regression(change) for change in report.changes):
        return REGRESSION
    failed = [failure for failure in report.failures if failure.commit in needed]
    return INCOMPLETE if failed else 0


def is_regression(change: Change) -> bool:
    """Tell whether a change makes the exit code 1."""
    rise = change.verdict == "regressed" or (change.verdict == "drifting" and change.after > change.before)
    return rise and change.confidence != "suspected"
