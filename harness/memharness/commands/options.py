"""Options that several commands share, and the configuration and selection made from them."""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

import click
from msgspec.structs import replace

from memharness.config.configuration import Config, load_config
from memharness.errors import MemharnessError
from memharness.findings.project import Selection
from memharness.git.history import RevisionRange
from memharness.model.metrics import METRICS
from memharness.wording.text import visible

Command: TypeAlias = Callable[..., Any]  # click passes the values of all options that were added
Function = TypeVar("Function", bound=Command)

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
verbose_option = click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help="Print every series, and all lines, modules, call stacks and survivors of every change.",
)

metric_option = click.option(
    "-m", "--metric", type=click.Choice(list(METRICS)), default="peak", show_default=True, help="The metric to look at."
)
_OVERRIDES: Final = {  # names of options -> keys of the configuration
    "repo": "project.repo",
    "scenarios": "run.scenarios",
    "results": "run.results",
    "machine": "run.machine",
    "python": "environment.python",
    "install": "environment.install",
    "workers": "run.workers",
    "reuse": "run.reuse",
    "site_folder": "publish.folder",
    "url": "publish.url",
}
_COMMIT_OPTIONS: Final = (
    click.argument("revisions", required=False, metavar="[A..B]"),
    click.option("--since", metavar="REV", help="This revision, as the baseline, and all after it."),
    click.option("--until", metavar="REV", help="Up to this revision (default: HEAD)."),
    click.option("--last", type=click.IntRange(min=1), metavar="N", help="The newest N commits."),
    click.option("--tags", is_flag=True, help="Only tagged commits."),
    click.option("--all", "every", is_flag=True, help="The whole first-parent history."),
)

_CASE_OPTIONS: Final = (
    click.option(
        "-k", "pattern", metavar="EXPRESSION", help="Only cases whose names match, such as 'waste and not 400'."
    ),
    click.option(
        "-t", "--tag", "case_tags", multiple=True, metavar="TAG", help="Only cases with this tag; may be repeated."
    ),
)

_ENVIRONMENT_OPTIONS: Final = (
    click.option(
        "--python",
        multiple=True,
        callback=lambda _context, _option, given: list(given) or None,
        metavar="VERSION|PATH",
        help="Interpreter to measure with; may be repeated, each is a series of its own.",
    ),
    click.option("--install", metavar="auto|wheel|path|existing", help="How each commit is installed."),
)


def with_options(options: Sequence[Callable[[Function], Function]]) -> Callable[[Function], Function]:
    """Return a decorator that adds several options, shown in this order."""

    def decorate(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def configured(function: Command) -> Command:
    """Add the options that override the configuration; the command takes the result as `config`."""

    @functools.wraps(function)
    def wrapper(*args: Any, config_file: Path | None, addresses: tuple[str, ...], **kwargs: Any) -> Any:
        overrides = {key: kwargs.pop(name, None) for name, key in _OVERRIDES.items()}
        config = load_config(Path.cwd(), file=config_file, overrides=overrides, addresses=addresses)
        for note in config.notes:
            click.echo(f"note: {visible(note)}", err=True)
        return function(*args, config=config, **kwargs)

    options = (
        click.option("--config", "config_file", type=click.Path(path_type=Path), help="Configuration file to use."),
        click.option("--repo", metavar="PATH|URL", help="Repository under measurement."),
        click.option("--scenarios", metavar="FOLDER", help="Folder of the scenario files."),
        click.option(
            "-w",
            "--workload",
            "addresses",
            multiple=True,
            metavar="ADDRESS",
            help="This workload in place of all others, such as call:package.module:function; may be repeated.",
        ),
        click.option("--results", metavar="FOLDER", help="Folder of the results."),
        click.option("--machine", metavar="NAME", help="Name of the machine's folder in the results."),
    )
    return with_options(options)(wrapper)


def in_environment(function: Command) -> Command:
    """Add the options that say in what to measure, and those of `configured`, which takes them."""
    return with_options(_ENVIRONMENT_OPTIONS)(configured(function))


def measuring(function: Command) -> Command:
    """Add the options of commands that measure and store, and those of `configured`, which takes them."""
    options = (
        *_ENVIRONMENT_OPTIONS,
        click.option("-j", "--workers", type=click.IntRange(min=1), help="Commits measured at once."),
        click.option(
            "--reuse/--no-reuse",
            default=None,
            help="Take results from commits at which a case would see nothing different (default: --reuse).",
        ),
    )
    return with_options(options)(configured(function))


def publishing(function: Command) -> Command:
    """Add the options of commands that write the site; `configured` takes them.

    With --machine, the site shows the results of that machine alone.
    """

    @functools.wraps(function)
    def wrapper(*args: Any, selection: Selection, **kwargs: Any) -> Any:
        machine = click.get_current_context().params["machine"]
        return function(*args, selection=replace(selection, machine=machine), **kwargs)

    options = (
        click.option("-o", "--output", "site_folder", metavar="FOLDER", help="Folder of the site (default: site)."),
        click.option("--url", help="Where the site will be, for the links in its feed."),
    )
    return with_options(options)(wrapper)


def choosing(function: Command) -> Command:
    """Add the options that choose cases; the command takes the result as `selection`, of all commits."""

    @functools.wraps(function)
    def wrapper(*args: Any, pattern: str | None, case_tags: tuple[str, ...], **kwargs: Any) -> Any:
        return function(*args, selection=Selection(pattern=pattern, case_tags=case_tags), **kwargs)

    return with_options(_CASE_OPTIONS)(wrapper)


def selecting(function: Command) -> Command:
    """Add the options that choose commits and cases; the command takes the result as `selection`."""

    @functools.wraps(function)
    def wrapper(
        *args: Any,
        revisions: str | None,
        since: str | None,
        until: str | None,
        last: int | None,
        tags: bool,
        every: bool,
        pattern: str | None,
        case_tags: tuple[str, ...],
        new: bool = False,
        working_tree: bool = False,
        **kwargs: Any,
    ) -> Any:
        chosen = {"A..B": revisions, "--since": since, "--last": last, "--all": every, "--new": new}
        given = [name for name, value in chosen.items() if value]
        if len(given) > 1:
            raise MemharnessError(f"{' and '.join(given)} exclude one another", hint="Give one of them.")
        if revisions is not None and until is not None:
            raise MemharnessError("A..B and --until exclude one another", hint="Write the end into the range.")
        span = RevisionRange.parse(revisions) if revisions is not None else RevisionRange(until=until or "HEAD")
        selection = Selection(
            since=since,
            base=span.base,
            until=span.until,
            last=last,
            tags=tags,
            new=new,
            every=every,
            working_tree=working_tree,
            pattern=pattern,
            case_tags=case_tags,
        )
        return function(*args, selection=selection, **kwargs)

    return with_options((*_COMMIT_OPTIONS, *_CASE_OPTIONS))(wrapper)


def print_config(config: Config) -> None:
    """Print on stderr which configuration is used."""
    source = visible(str(config.source)) if config.source else "defaults (no memharness.toml found)"
    click.echo(f"configuration: {source}", err=True)
