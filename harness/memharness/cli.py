"""Finds the command, prints errors, and turns them into exit codes.

A command is imported when it is called, which keeps the start fast: `--help` needs only the table below.
"""

import importlib
import io
import keyword
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import click

from memharness import __version__
from memharness.errors import INTERRUPTED, UNREAD, USAGE, MemharnessError, as_refusal, code_of
from memharness.processes.interrupts import Interrupts

COMMANDS: Final = {
    "init": "Write a configuration and a first scenario for this repository.",
    "run": "Measure what is missing in a range of commits and report changes.",
    "compare": "Compare any two revisions, or HEAD with the working tree.",
    "try": "Measure one workload in the working tree, at once.",
    "show": "Print what is stored for a commit.",
    "check": "Judge stored results without measuring.",
    "accept": "Accept a change that you meant, with the reason.",
    "bisect": "Find the commit that moved a metric, with few measurements.",
    "bisect-step": "Judge one commit for `git bisect run`.",
    "list": "Print the scenarios and their cases.",
    "plot": "Draw trends of metrics, or what a commit changed, as a picture.",
    "publish": "Write a web site of trend pages from stored results.",
    "serve": "Publish, serve the pages on this machine, and follow new results.",
    "demo": "Make a small repository with a leak in it and measure it.",
    "help": "Print a topic of the guide, or find a word in it.",
}
_MEASURING: Final = {"run", "compare", "bisect", "bisect-step", "demo"}
EPILOG: Final = """\b
Exit codes:
  0  fine
  1  a regression was found
  2  wrong usage or configuration; nothing was done
  3  incomplete: some work was not done, or the newest commit failed
  70  a fault of memharness itself; a report is written
  130  interrupted; the same command continues
"""


class _UnreadError(Exception):
    """The program that reads our output stopped reading."""


@contextmanager
def _broken_pipes() -> Iterator[None]:
    """Turn a broken pipe into an error of our own, since click would exit with the code of a regression."""
    try:
        yield
    except BrokenPipeError as error:
        raise _UnreadError from error


class Commands(click.Group):
    """The commands of the table: each is a module of `memharness.commands` of the same name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  (as above)
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        name = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name.replace("-", "_")
        command = importlib.import_module(f"memharness.commands.{name}").command
        assert isinstance(command, click.Command)
        return command

    def make_context(self, *arguments: Any, **named: Any) -> click.Context:
        """Parse the command line. This prints the help where it is asked for."""
        with _broken_pipes():
            return super().make_context(*arguments, **named)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with _broken_pipes():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  (as above)
        """Write the table without importing any command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="memharness")
def memharness() -> None:
    """Track the memory of Python workloads across the commits of a git repository."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    with Interrupts().heeded():
        return code_of(given, _run(given))


def _run(arguments: Sequence[str]) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # characters that its encoding lacks
    try:
        code = memharness.main(args=arguments, prog_name="memharness", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        _complain_of_usage(error)
        _answer_json(arguments, error.format_message(), "See --help.", USAGE)
        return USAGE
    except (KeyboardInterrupt, click.Abort) as interrupt:
        _report_interrupt(interrupt, arguments)
        return INTERRUPTED
    except _UnreadError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD
    except (Exception, SystemExit) as error:  # noqa: BLE001  (Python would exit with the code of a regression)
        return _report(error, arguments)
    return int(code or 0)


def _report_interrupt(interrupt: BaseException, arguments: Sequence[str]) -> None:
    notes = getattr(interrupt.__cause__ or interrupt, "__notes__", ())  # click raises an Abort of its own
    measuring = {*arguments[:1]} & _MEASURING or "--explain" in arguments
    stored = "What was measured is stored; run the same command again to go on."
    _complain("; ".join(["interrupted", *notes]), stored if measuring else "")


def _report(error: BaseException, arguments: Sequence[str]) -> int:
    """Print an error, or write a report where memharness is at fault; return the exit code."""
    known = error if isinstance(error, MemharnessError) else as_refusal(error)
    if known is None:
        from memharness.commands.fault_report import report_fault  # here, since start-up counts

        return report_fault(error, arguments)
    _complain(f"error: {known.message}", known.hint)
    _answer_json(arguments, known.message, known.hint, known.exit_code)
    return known.exit_code


def _answer_json(arguments: Sequence[str], message: str, hint: str, code: int) -> None:
    """Print an error as a JSON object if `arguments` ask for JSON."""
    if "--json" in arguments:
        import json  # here, as `--help` needs none

        with suppress(OSError):  # nobody reads it any more
            click.echo(json.dumps({"format": 1, "error": {"message": message, "hint": hint, "exit_code": code}}))


def _complain(message: str, hint: str) -> None:
    from memharness.wording.text import visible

    with suppress(OSError):
        click.echo(f"memharness: {visible(message)}", err=True)
        if hint:
            click.echo(f"  {visible(hint)}", err=True)


def _complain_of_usage(error: click.ClickException) -> None:
    with suppress(OSError):
        error.show()


if __name__ == "__main__":
    sys.exit(main())
