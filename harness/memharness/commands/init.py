"""`memharness init`: a configuration and a first scenario for the repository at hand."""

from pathlib import Path

import click

from memharness.commands.options import json_option
from memharness.commands.printing import print_json
from memharness.errors import MemharnessError
from memharness.history import paths, resolve
from memharness.layout import locate
from memharness.pipeline.project import blob_reader
from memharness.present.text import visible
from memharness.repository import open_repository
from memharness.starter import write_starter
from memharness.workspace import cache_folder


@click.command()
@click.option("--python", metavar="VERSION|PATH", default="", help="Interpreter to measure with (default: this one).")
@json_option
def command(*, python: str, as_json: bool) -> None:
    """Write memharness.toml and one working scenario into the git repository of the current folder.

    Package and import root are detected. Nothing that exists is overwritten.
    """
    repository = open_repository(str(Path.cwd()), cache_folder())
    folder = next((folder for folder in (Path.cwd(), *Path.cwd().parents) if (folder / ".git").exists()), None)
    if folder is None:
        raise MemharnessError(
            f"{Path.cwd()} is a bare repository", hint="Run init in a clone with a work tree, where its files can live."
        )
    head = resolve(repository, "HEAD")
    files = paths(repository, head)
    layout = locate(files, blob_reader(repository, files))
    written = write_starter(
        folder, import_root=layout.import_root, packages=layout.packages, python=python or _this_version()
    )
    if as_json:
        print_json({"format": 1, "written": [str(path) for path in written], "import_root": layout.import_root})
        return
    for path in written:
        click.echo(f"wrote {visible(str(path))}")
    found = f"import root: {layout.import_root}, packages: {', '.join(layout.packages) or 'none found'}"
    click.echo(visible(found))
    click.echo("\nNext: put a workload of yours into the scenario, then\n  memharness run --last 10")


def _this_version() -> str:
    import sys

    return "{}.{}".format(*sys.version_info)
