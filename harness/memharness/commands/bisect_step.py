"""`memharness bisect-step`: one answer for `git bisect run`."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from memharness.commands.options import choosing, configured, measuring, metric_option
from memharness.config import Config
from memharness.errors import MemharnessError
from memharness.pipeline.bisecting import judge_commit
from memharness.pipeline.project import Selection

_CODES = {"good": 0, "bad": 1, "skip": 125}
_ABORT = 128  # git takes every lower code for an answer


class _Answer(click.Command):
    """A command whose every fault ends with the code at which git stops, options and configuration included."""

    def make_context(self, *arguments: Any, **named: Any) -> click.Context:
        """Parse the command line."""
        with _faults():
            return super().make_context(*arguments, **named)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with _faults():
            return super().invoke(ctx)


@contextmanager
def _faults() -> Iterator[None]:
    try:
        yield
    except (click.exceptions.Exit, click.Abort):
        raise
    except click.ClickException as error:
        raise MemharnessError(error.format_message(), exit_code=_ABORT) from None
    except MemharnessError as error:
        error.exit_code = _ABORT
        raise
    except Exception:  # noqa: BLE001  (whatever it is, git must not take it for an answer)
        traceback.print_exc()
        sys.exit(_ABORT)


@click.command("bisect-step", cls=_Answer)
@click.option("--good", metavar="REV", help="A good commit (default: the first one that git bisect was told).")
@click.option("--bad", metavar="REV", help="A bad commit (default: the first one that git bisect was told).")
@metric_option
@choosing
@measuring
@configured
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

    The exit code is 0 for good, 1 for bad, 125 where the commit cannot be measured, and 128, at which git stops,
    for any other fault. Scenarios are those of the checked out tree: name a copy with --scenarios if they came
    later than the commits under test.
    """
    finding = judge_commit(config, good, bad, selection, metric)
    click.echo(f"{metric}: {finding}")
    context.exit(_CODES[finding])
