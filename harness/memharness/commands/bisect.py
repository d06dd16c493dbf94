"""`memharness bisect`: finds the first bad commit with few measurements."""

import click

from memharness.commands.options import choosing, json_option, measuring, metric_option, print_config, verbose_option
from memharness.commands.printing import print_report
from memharness.config.configuration import Config
from memharness.errors import REGRESSION
from memharness.findings.project import Selection
from memharness.run.bisect import bisect
from memharness.terminal.progress import show_progress


@click.command()
@click.argument("good")
@click.argument("bad")
@metric_option
@choosing
@json_option
@verbose_option
@measuring
@click.pass_context
def command(
    context: click.Context,
    /,
    config: Config,
    selection: Selection,
    *,
    good: str,
    bad: str,
    metric: str,
    as_json: bool,
    verbose: bool,
) -> None:
    """Find the commit between GOOD and BAD that moved a metric, by halving.

    Only commits that the search needs are measured, and those that cannot be measured are skipped. If the commit found
    is a merge, the search goes on in the merged branch. The exit code is 1 if the metric rose.
    """
    print_config(config)
    with show_progress() as progress:
        found = bisect(config, good, bad, selection, metric, listener=progress)
    print_report(found.report, {commit.id: commit for commit in found.line}, as_json=as_json, verbose=verbose)
    context.exit(REGRESSION if found.question.after > found.question.before else 0)
