"""`memharness bisect-step`: judges one commit for `git bisect run`."""

import functools
from pathlib import Path
from typing import Any

import click

from memharness.commands.options import Command, choosing, measuring, metric_option
from memharness.config.configuration import Config
from memharness.files.cache_folder import cache_folder
from memharness.findings.project import Selection
from memharness.git.repository import open_repository
from memharness.run.bisect import judge_commit

_CODES = {"good": 0, "bad": 1, "skip": 125}


def _in_the_tree_under_bisection(function: Command) -> Command:
    """Take the repository of the current folder, and keep results in the cache folder, unless others are named."""

    @functools.wraps(function)
    def wrapper(*args: Any, repo: str | None, results: str | None, **kwargs: Any) -> Any:
        repo = repo or str(Path.cwd())
        folder = cache_folder() / "bisect" / open_repository(repo, cache_folder()).id
        return function(*args, repo=repo, results=results or str(folder), **kwargs)

    return wrapper


@click.command("bisect-step")
@click.option("--good", metavar="REV", help="A good commit (default: the first one given to git bisect).")
@click.option("--bad", metavar="REV", help="A bad commit (default: the first one given to git bisect).")
@metric_option
@choosing
@_in_the_tree_under_bisection
@measuring
@click.pass_context
def command(
    context: click.Context,
    /,
    config: Config,
    selection: Selection,
    *,
    good: str | None,
    bad: str | None,
    metric: str,
) -> None:
    """Judge the commit that `git bisect run memharness bisect-step` has checked out.

    The exit code is 0 for good, 1 for bad, 125 for a commit that cannot be measured, and 128 for any other fault, at
    which git stops. Configuration and scenarios are those of the commit that is checked out. If they came later than
    the commits under test, keep copies elsewhere and name them with --config and --scenarios. Results are kept in the
    cache folder, where they cannot get in git's way.
    """
    finding = judge_commit(config, good, bad, selection, metric)
    click.echo(f"{metric}: {finding}")
    context.exit(_CODES[finding])
