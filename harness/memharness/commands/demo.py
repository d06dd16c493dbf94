"""`memharness demo`: makes a small repository and measures it like any other."""

from functools import partial
from pathlib import Path

import click

from memharness.commands.options import json_option
from memharness.commands.run import report_run
from memharness.config.configuration import load_config
from memharness.demo import build_repository
from memharness.findings.project import EVERYTHING, Selection
from memharness.run.session import run
from memharness.site.publish import publish
from memharness.wording.text import visible


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@json_option
@click.pass_context
def command(context: click.Context, *, folder: Path | None, as_json: bool) -> None:
    """Make a small git repository in FOLDER, run `memharness run --since v1.0` on it and publish its trend pages.

    FOLDER must be empty or not exist; default: a new memharness-demo in the current folder. The exit code is 1, since
    the history has regressions in it.
    """
    folder = (folder or _fresh_folder(Path.cwd())).absolute()
    build_repository(folder)
    name = visible(str(folder))
    click.echo(f"made {name}, a repository of 8 commits; now: memharness run --since v1.0", err=True)
    config = load_config(folder)
    code = report_run(partial(run, config, Selection(since="v1.0")), as_json=as_json)
    click.echo(
        f"\nTry next:\n  cd {name}\n  memharness show v1.0           # lines, objects and types behind the numbers"
        "\n  memharness compare v1.0 HEAD   # any two revisions, line by line"
        "\n  memharness accept HEAD~5 -m result --reason 'undo is worth it'"
        "\n  memharness check --all         # judges what is stored"
        "\n  memharness plot -m result -o trend.svg"
        "\n  memharness run --since v1.0    # nothing left to measure"
        "\n  memharness serve               # the pages, kept up to date"
        "\nIn your own repository: memharness init",
        err=as_json,
    )
    pages = publish(config, EVERYTHING).folder / "index.html"
    click.echo(f"\nTrend pages: {visible(str(pages))}", err=as_json)
    context.exit(code)


def _fresh_folder(parent: Path) -> Path:
    names = ("memharness-demo", *(f"memharness-demo-{number}" for number in range(2, 1000)))
    return next(parent / name for name in names if not (parent / name).exists())
