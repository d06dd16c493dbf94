"""Remarks that are printed beside a report."""

from collections.abc import Iterator

from memharness.findings.results import Results
from memharness.model.findings import Report
from memharness.run.working_tree import edited_files
from memharness.wording.text import number_text


def failure_notes(report: Report) -> Iterator[str]:
    """Yield where the manual says what to do about failures, if the report has any."""
    if report.failures:
        yield "`memharness help troubleshooting` says what to do about failures"


def working_tree_notes(results: Results) -> Iterator[str]:
    """Yield how many files of the working tree differ from the newest commit, if any do."""
    newest = results.commits[-1]
    edited = edited_files(results.project, newest.id)
    if edited:
        are, them = ("is", "it") if edited == 1 else ("are", "them")
        yield (
            f"{number_text(edited, 'file')} of the project {are} not as in {newest.short}; commits are measured, "
            f"not the working tree: commit {them} first"
        )
