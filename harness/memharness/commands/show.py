"""`memharness show`: prints all that is stored for one commit."""

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import or_

import click
from msgspec.structs import replace

from memharness.commands.options import choosing, json_option, measuring
from memharness.commands.printing import print_json, print_notices
from memharness.config.configuration import Config
from memharness.errors import MemharnessError
from memharness.findings.project import Selection, open_project
from memharness.findings.results import Results, load_commits
from memharness.model.history import WORKTREE, Commit
from memharness.model.measurements import Measured, Measurement, Outcome, StoredCase
from memharness.model.metrics import explainable
from memharness.terminal.progress import failures, show_progress
from memharness.wording.text import number_text


@click.command()
@click.argument("commit", required=False, metavar="[COMMIT]")
@click.option("--explain", is_flag=True, help="Measure call stacks, types and the lines of the peak where missing.")
@click.option("-v", "--verbose", is_flag=True, help="Print every case, however many there are.")
@choosing
@json_option
@measuring
def command(
    config: Config, selection: Selection, *, commit: str | None, explain: bool, verbose: bool, as_json: bool
) -> None:
    """Print what is stored for COMMIT (default: the newest measured commit), which may be WORKTREE.

    That is the metrics, the tracked objects with the types that grew, and the lines that hold memory. Call stacks,
    types and the lines of the peak are stored for both sides of every change, and where --explain measured them.
    """
    selection = replace(selection, working_tree=commit == WORKTREE)
    project = open_project(config, selection, read_only=True)
    found = project.find_commit(commit or project.newest_stored("HEAD") or "HEAD")
    if explain:
        from memharness.run.session import explain_stored  # here, as it takes time to load

        with show_progress() as progress:
            explain_stored(config, replace(selection, until=found.id, last=1), listener=progress)
    stored = stored_cases(load_commits(project, [found]), found)
    print_notices((*project.store.notices, *_failures(stored, found), *_unexplained(stored, found)))
    if not stored:
        raise MemharnessError(
            f"Nothing is stored for {_name(found, config)}",
            hint=f"Measure it with `{_measuring(found)}`.",
        )
    if as_json:
        print_json({"format": 1, "commit": found, "cases": stored, "notices": project.store.notices})
        return
    from memharness.terminal.commit import draw_commit
    from memharness.terminal.console import output_console

    draw_commit(output_console(), found, stored, verbose=verbose)


def _failures(stored: Sequence[StoredCase], commit: Commit) -> Iterator[str]:
    """Yield the command that measures again what failed."""
    failed = sum(bool(failures(one.outcome)) for one in stored)
    if failed:
        what = f"{failed} of {number_text(len(stored), 'case')} failed"
        yield f"{what}; `{_measuring(commit)} --retry-failed` measures what is missing again"


def _name(commit: Commit, config: Config) -> str:
    return "the working tree as it is now" if commit.working_tree else f"commit {commit.short} in {config.run.results}"


def _measuring(commit: Commit) -> str:
    """Return the command that measures a commit."""
    which = "--last 1 --worktree" if commit.working_tree else f"--until {commit.short} --last 1"
    return f"memharness run {which}"


def _unexplained(stored: Sequence[StoredCase], commit: Commit) -> Iterator[str]:
    """Yield the command that measures what explains the figures, where that is not stored."""
    measured = [one.outcome for one in stored if isinstance(one.outcome, Measured)]
    lacking = sum(bool(explainable(outcome.metrics) - outcome.explained) for outcome in measured)
    if lacking:
        what = f"{number_text(lacking, 'case')} without call stacks, types by line or the lines of the peak"
        yield f"{what}; `memharness show {commit.short} --explain` measures these"


def stored_cases(results: Results, commit: Commit) -> tuple[StoredCase, ...]:
    """Return what is stored for each case at `commit` in each environment family, its repeats combined."""
    return tuple(
        _stored_case(results, family, repeats)
        for family in results.measurements
        for case in results.cases(family)
        if (repeats := results.repeats(family, commit.id, case.name, case.scenario.identity))
    )


def _stored_case(results: Results, family: str, repeats: Sequence[Measurement]) -> StoredCase:
    outcome = _together([repeat.outcome for repeat in repeats])
    named = outcome.profiles if isinstance(outcome, Measured) else {}
    profiles = {kind: results.project.store.profile(name) for kind, name in named.items()}
    return StoredCase(
        case=repeats[0].case,
        family=family,
        repeats=len(repeats),
        environment=results.environments.get(repeats[-1].environment or ""),
        outcome=outcome,
        profiles={kind: profile for kind, profile in profiles.items() if profile is not None},
    )


def _together(outcomes: Sequence[Outcome]) -> Outcome:
    """Combine the outcomes of repeats: the newest figure of each metric, and the profiles that explain the case."""
    measured = [outcome for outcome in outcomes if isinstance(outcome, Measured)]
    if not measured:
        return outcomes[-1]
    combined = reduce(_updated, measured)
    explained = sorted((one for one in measured if one.explained), key=lambda one: len(one.explained))
    return replace(combined, profiles=reduce(or_, [one.profiles for one in explained], combined.profiles))


def _updated(older: Measured, newer: Measured) -> Measured:
    """Return the newer outcome with what only the older one has."""
    return replace(
        newer,
        metrics=older.metrics | newer.metrics,
        gc_objects=newer.gc_objects or older.gc_objects,
        types=newer.types or older.types,
        profiles=older.profiles | newer.profiles,
        notes=tuple(dict.fromkeys(older.notes + newer.notes)),
        passes=tuple(sorted({*older.passes, *newer.passes})),
    )
