"""The exit code of a report, and advice where failures of earlier runs are the reason for it."""

from collections.abc import Collection

from msgspec.structs import replace

from memharness.errors import INCOMPLETE, REGRESSION
from memharness.model.findings import Change, Report
from memharness.wording.text import number_text


def exit_code(report: Report, *, needed: Collection[str]) -> int:
    """Return 1 for a regression or an exceeded limit, else 3 if a case failed at a `needed` commit, else 0.

    A drift upwards is a regression; what is only suspected is not.
    """
    over_limit = any(over.open and not over.suspected for over in report.exceeded)
    if over_limit or any(is_regression(change) for change in report.changes):
        return REGRESSION
    failed = [failure for failure in report.failures if failure.commit in needed]
    return INCOMPLETE if failed else 0


def with_advice(report: Report, others: Collection[tuple[str, str, str]], *, option: str = "--retry-failed") -> Report:
    """Return the report with a notice on failures of earlier runs, which `option` measures again.

    `others` are the failures that it does not measure again, as (family, commit id, case): those of this run, and those
    of former parts of series.
    """
    old = [one for one in report.failures if (one.family, one.commit, one.case) not in others]
    if not old:
        return report
    are, them = ("is", "it") if len(old) == 1 else ("are", "them")
    advice = f"{number_text(len(old), 'failure')} {are} stored from before; {option} measures {them} again"
    return replace(report, notices=(*report.notices, advice))


def is_regression(change: Change) -> bool:
    """Tell whether a change makes the exit code 1."""
    rise = change.verdict == "regressed" or (change.verdict == "drifting" and change.after > change.before)
    return rise and change.confidence != "suspected"
