"""`memharness run`: measures what is missing, then reports every change in the range."""

import functools
from collections.abc import Callable, Iterator

import click

from memharness.commands.exit_code import exit_code, with_advice
from memharness.commands.options import json_option, measuring, print_config, selecting, verbose_option
from memharness.commands.printing import print_advice, print_notices, print_report
from memharness.config.configuration import Config
from memharness.config.readers import duration
from memharness.errors import INCOMPLETE, MemharnessError
from memharness.findings.project import Selection
from memharness.findings.report import commits_of, former_only, make_report
from memharness.findings.results import Results
from memharness.findings.still_open import with_still_open
from memharness.run.adaptive import explore
from memharness.run.session import run
from memharness.run.working_tree import edited_files
from memharness.terminal.progress import show_progress
from memharness.wording.text import number_text


@click.command()
@selecting
@click.option("--new", is_flag=True, help="Commits since every case was last measured.")
@click.option("--worktree", "working_tree", is_flag=True, help="The working tree as well, after the newest commit.")
@json_option
@verbose_option
@click.option("--retry-failed", is_flag=True, help="Measure again what failed before.")
@click.option(
    "--verify-reuse",
    "verify",
    type=click.FloatRange(0, 1),
    default=0.0,
    metavar="SHARE",
    help="Measure this share of the reusable results, from 0 to 1, and fail where a figure differs.",
)
@click.option(
    "--keep-going", is_flag=True, help="Go on where three commits and the newest fail to build for the same reason."
)
@click.option(
    "--budget",
    callback=lambda _context, _option, given: None if given is None else duration(given, "--budget"),
    metavar="TIME",
    help="Begin nothing more after this time, such as 30m, and say what is left.",
)
@click.option("--adaptive", is_flag=True, help="Measure only as many commits as it takes to find the steps.")
@measuring
@click.pass_context
def command(
    context: click.Context,
    /,
    config: Config,
    selection: Selection,
    *,
    as_json: bool,
    verbose: bool,
    retry_failed: bool,
    verify: float,
    keep_going: bool,
    adaptive: bool,
    budget: float | None,
) -> None:
    """Measure what is missing in a range of commits and report changes.

    Without a range, the whole first-parent history is measured. What is stored is not measured again.
    """
    if verify and not config.run.reuse:
        raise MemharnessError(
            "without reuse there is nothing to verify", hint="Leave out --verify-reuse or --no-reuse."
        )
    print_config(config)
    measure = explore if adaptive else run
    work = functools.partial(
        measure, config, selection, retry_failed=retry_failed, verify=verify, keep_going=keep_going, budget=budget
    )
    context.exit(report_run(work, as_json=as_json, verbose=verbose))


def report_run(work: Callable[..., Results], *, as_json: bool = False, verbose: bool = False) -> int:
    """Call `work` with a listener for its progress, print the report, and return the exit code."""
    with show_progress() as progress:
        results = work(listener=progress)
    print_notices(_working_tree_notes(results))
    report = with_advice(make_report(results), results.fresh | former_only(results))
    report = with_still_open(report, results)
    print_report(report, commits_of(results, report), as_json=as_json, verbose=verbose)
    print_advice(report)
    code = exit_code(report, needed={results.commits[-1].id})
    return INCOMPLETE if results.unfinished and not code else code


def _working_tree_notes(results: Results) -> Iterator[str]:
    """Yield how many files of the working tree differ from the newest commit, if any do and it was not asked for."""
    newest, working_tree = results.commits[-1], results.project.working_tree
    if working_tree is not None:
        if not working_tree.working_tree:
            yield f"nothing is edited: the working tree is commit {working_tree.short}"
        return
    edited = edited_files(results.project, newest.id)
    if edited:
        are, them = ("is", "it") if edited == 1 else ("are", "them")
        yield (
            f"{number_text(edited, 'file')} of the project {are} not as in {newest.short}; commits are measured, "
            f"not the working tree: commit {them} first, or add --worktree"
        )
