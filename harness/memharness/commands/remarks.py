"""What there is to say of the commits that a command looks at: a history that is short, or a clone that is shallow."""

from collections.abc import Iterator

from memharness.pipeline.project import Selection
from memharness.pipeline.results import Results
from memharness.pipeline.working_tree import edited_files
from memharness.present.text import number_text


def run_notes(results: Results, selection: Selection) -> Iterator[str]:
    """Yield what a run did not measure, and why."""
    project, (oldest, *_, newest) = results.project, (*results.commits, results.commits[-1])
    edited = edited_files(project, newest.id)
    if edited:
        are, them = ("is", "it") if edited == 1 else ("are", "them")
        yield (
            f"{number_text(edited, 'file')} of the project {are} not as in {newest.short}; commits are measured, "
            f"not the working tree: commit {them} first"
        )
    found = len(results.commits)
    if selection.last is not None and found < selection.last:
        kind = "tagged commit" if selection.tags else "commit"
        yield f"--last {selection.last}: the history has {number_text(found, kind)}"
    if not oldest.parents and (selection.new or selection.last or not selection.since):
        yield from shallow_notes(results)


def shallow_notes(results: Results) -> Iterator[str]:
    """Yield where a shallow clone ends, and how to get the rest."""
    if results.project.repository.shallow:
        yield (
            "the clone is shallow: what lies before its oldest commit is missing; get it with "
            "`git fetch --unshallow` (in a workflow: fetch-depth: 0)"
        )
