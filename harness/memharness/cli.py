"""The command line: finds the command, prints errors, and turns them into exit codes.

Commands are imported when they are called, since start-up counts; the table below is all that `--help` needs.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Final

import click

from memharness.errors import INTERRUPTED, USAGE, MemharnessError

COMMANDS: Final = {
    "init": "Write a configuration and a first scenario for this repository.",
    "run": "Measure what is missing in a range of commits and report changes.",
    "compare": "Compare any two revisions: environments, metrics, lines.",
    "show": "Print what is stored for a commit.",
    "check": "Judge what is stored, measuring nothing.",
    "accept": "Enter a change that is meant in the ledger.",
    "bisect": "Find the commit that moved a metric, with few measurements.",
    "bisect-step": "Judge one commit for `git bisect run`.",
    "list": "Print the scenarios and their cases.",
    "plot": "Draw trends of metrics, or what a commit changed, as a picture.",
    "publish": "Write a site of trend pages from stored results.",
    "serve": "Publish, show the pages on this machine, and publish again when results change.",
    "demo": "Make a small repository with a leak in it and measure it.",
}
EPILOG: Final = """\b
Exit codes:
  0  fine
  1  a regression was found
  2  wrong usage or configuration; nothing was done
  3  incomplete: some work could not be done
  130  interrupted; run again to go on
"""


class Commands(click.Group):
    """The commands of the table, each in a module of `memharness.commands` with the same name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  (as above)
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"memharness.commands.{cmd_name.replace('-', '_')}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  (as above)
        """Write the table without importing any command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option("0.1.0", prog_name="memharness")
def memharness() -> None:
    """Track the memory of Python workloads across the commits of a git repository."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        code = memharness.main(args=arguments, prog_name="memharness", standalone_mode=False)
        sys.stdout.flush()
    except MemharnessError as error:
        _complain(f"error: {error.message}", error.hint)
        _answer_json(arguments, error.message, error.hint, error.exit_code)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        _answer_json(arguments, error.format_message(), "See --help.", USAGE)
        return USAGE
    except (KeyboardInterrupt, click.Abort) as interrupt:
        notes = getattr(interrupt.__cause__ or interrupt, "__notes__", ())  # click raises an Abort of its own
        _complain(
            "; ".join(["interrupted", *notes]), "What was measured is stored; run the same command again to go on."
        )
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return int(code or 0)


def _answer_json(arguments: Sequence[str] | None, message: str, hint: str, code: int) -> None:
    """Print a fault as an object where one was asked for."""
    if "--json" in (sys.argv[1:] if arguments is None else arguments):
        import json  # here, as `--help` needs none

        click.echo(json.dumps({"format": 1, "error": {"message": message, "hint": hint, "exit_code": code}}))


def _complain(message: str, hint: str) -> None:
    from memharness.present.text import visible

    click.echo(f"memharness: {visible(message)}", err=True)
    if hint:
        click.echo(f"  {visible(hint)}", err=True)


if __name__ == "__main__":
    sys.exit(main())
