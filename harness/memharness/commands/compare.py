"""`memharness compare`: shows any two revisions side by side, the working tree included."""

import click

from memharness.commands.exit_code import exit_code, with_advice
from memharness.commands.options import choosing, json_option, measuring, print_config, verbose_option
from memharness.commands.printing import print_advice, print_json
from memharness.config.configuration import Config
from memharness.findings.project import Selection
from memharness.model.history import WORKTREE
from memharness.run.compare import compare
from memharness.terminal.progress import show_progress


@click.command()
@click.argument("before", metavar="[A]", default="HEAD")
@click.argument("after", metavar="[B]", default=WORKTREE)
@click.option("--same-env", is_flag=True, help="Measure both with the dependencies that B has.")
@click.option("--retry-failed", is_flag=True, help="Measure again what failed before.")
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
    before: str,
    after: str,
    same_env: bool,
    retry_failed: bool,
    as_json: bool,
    verbose: bool,
) -> None:
    """Compare the environments, metrics and lines of revisions A (default: HEAD) and B (default: WORKTREE).

    A and B may be any commits, tags or branches, or WORKTREE: the files of the working tree as they are now. What is
    missing is measured, and differences are explained by line.
    """
    print_config(config)
    with show_progress() as progress:
        found = compare(
            config, before, after, selection, same_env=same_env, retry_failed=retry_failed, listener=progress
        )
    report = with_advice(found.report, found.fresh)
    if as_json:
        print_json(report)
    else:
        from memharness.terminal.comparison import draw_comparison
        from memharness.terminal.console import output_console

        draw_comparison(output_console(), report, found.before, found.after, verbose=verbose)
    print_advice(report)
    context.exit(exit_code(report, needed={found.before.id, found.after.id}))
