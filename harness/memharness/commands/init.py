"""`memharness init`: writes a configuration and a first scenario for the repository of the current folder."""

import os
import posixpath
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import click
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from memharness.commands.options import json_option
from memharness.commands.printing import print_json, print_notices
from memharness.config.starter import HOME, Starter, write_starter
from memharness.environments import find_fitting, find_interpreter
from memharness.errors import MemharnessError
from memharness.files.cache_folder import cache_folder
from memharness.findings.project import blob_reader
from memharness.git.history import blob_ids, resolve
from memharness.git.repository import is_url, open_repository, work_tree
from memharness.packages.layout import Layout, find_directory, find_projects, locate, module_names
from memharness.packages.metadata import Read, is_project, read_metadata, reader_below, takes_any_folder
from memharness.wording.text import visible
from memharness.workloads.asv_configuration import AsvConfiguration, convert, find_configuration


@click.command()
@click.option(
    "--python",
    metavar="VERSION|PATH",
    default="",
    help="Interpreter to measure with (default: this one, if the project allows it).",
)
@click.option("--directory", metavar="FOLDER", help="Folder of the project to measure (default: detected).")
@click.option(
    "--from-asv",
    "asv",
    metavar="[PATH]",
    is_flag=False,
    flag_value="",
    help="Take over an asv.conf.json, and measure its benchmarks (default: the one of this folder or of benchmarks/).",
)
@json_option
def command(*, python: str, directory: str | None, asv: str | None, as_json: bool) -> None:
    """Write memharness.toml and one working scenario into the git repository of the current folder.

    The project, its packages, its import root and a suitable Python are detected. No existing file is overwritten.
    """
    repository = open_repository(str(Path.cwd()), cache_folder())
    root = work_tree(Path.cwd())
    if root is None:
        raise MemharnessError(
            f"{Path.cwd()} is a bare repository", hint="Run init in a clone with a work tree, where its files can live."
        )
    files = blob_ids(repository, resolve(repository, "HEAD"))
    read = blob_reader(repository, files)
    chosen, given = _choose(root, directory, files, read)
    layout = locate(files, read, directory=chosen)
    own = reader_below(read, layout.directory)
    folder = root / chosen if given and chosen != find_directory(files, read) else root
    home, notes = _home(folder, layout, own)
    required = _specifier(read_metadata(own).requires_python, notes)
    suite, asked = _read_asv(asv)
    notes += asked.notes
    starter = Starter(
        import_root=posixpath.relpath(layout.import_root, layout.directory),
        packages=module_names(files, layout),
        python=_python(python or _first_found(asked.pythons, notes), required, notes),
        directory=layout.directory,
        given=given,
        home=home,
        requires_python=str(required) or None,
        settings=asked.settings | _other_repo(asked, suite, root, folder, own),
        workloads={} if suite is None else {"asv": f"asv:{os.path.relpath(suite, folder)}"},
    )
    written = write_starter(folder, starter)
    print_notices(notes)
    if as_json:
        found = {"directory": layout.directory, "import_root": layout.import_root, "python": starter.python}
        print_json({"format": 1, "written": [str(path) for path in written], **found})
    else:
        _print_written(written, layout, starter)


def _read_asv(given: str | None) -> tuple[Path | None, AsvConfiguration]:
    """Return the asv.conf.json to take over and what it says; nothing where none is asked for."""
    if given is None:
        return None, AsvConfiguration()
    suite = find_configuration(Path.cwd(), given)
    return suite, convert(suite)


def _print_written(written: Sequence[Path], layout: Layout, starter: Starter) -> None:
    """Print the files, what was detected, and what to do next."""
    for path in written:
        click.echo(f"wrote {visible(str(path))}")
    shown = [] if layout.directory == "." else [f"project: {layout.directory}"]
    shown += [f"import root: {layout.import_root}", f"packages: {', '.join(layout.packages) or 'none found'}"]
    click.echo(visible(", ".join(shown)))
    begin = "" if starter.workloads else " put a workload of yours into the scenario, then"
    click.echo(f"\nNext:{begin}\n  memharness run --last 10")


def _choose(root: Path, asked: str | None, files: Mapping[str, str], read: Read) -> tuple[str, bool]:
    """Return the folder of the project to measure, and whether the configuration must name it.

    It is the `asked` one, else the one that holds the current folder, else the only one or the likeliest.
    """
    detected = find_directory(files, read)
    here = Path(os.path.relpath(Path.cwd().resolve(), root)).as_posix()
    if asked is not None:
        chosen = posixpath.normpath(posixpath.join(here, asked))
        _check_folder(chosen, asked, files, read)
        return chosen, (chosen, detected) != (".", ".")
    for folder in (here, *map(str, PurePosixPath(here).parents)):
        if folder not in (".", detected) and is_project(reader_below(read, folder)):
            return folder, True
    found = find_projects(files, read)
    if len(found) > 1 and detected == "." and not locate(files, read).packages:
        raise MemharnessError(
            f"the repository has several projects: {', '.join(found)}",
            hint=f"Run init in the folder of one of them, or choose it: memharness init --directory {found[0]}",
        )
    return detected, len(found) > 1


def _check_folder(chosen: str, asked: str, files: Mapping[str, str], read: Read) -> None:
    """Raise MemharnessError unless the newest commit has files in the folder `chosen`."""
    if chosen != "." and not any(path.startswith(f"{chosen}/") for path in files):
        raise MemharnessError(
            f"--directory {asked}: no folder of the newest commit",
            hint=f"Commit it first, or choose one of these: {', '.join(find_projects(files, read)) or 'none'}.",
        )


def _home(folder: Path, layout: Layout, own: Read) -> tuple[str, list[str]]:
    """Return the folder for scenarios and results, in which they do not disturb builds, and notes on the choice."""
    why = ""
    inside = folder.name == posixpath.basename(layout.directory) or layout.directory == "."
    if inside and layout.import_root == layout.directory and takes_any_folder(own):
        why = "the project's build takes folders beside its packages for packages, and may fail with more of them"
    taken = [name for name in ("scenarios", "results") if name in layout.packages or _is_foreign(folder / name)]
    if taken:
        why = f"the project has a folder called {' and one called '.join(taken)} of its own"
    return (HOME, [f"scenarios and results go to {HOME}/: {why}"]) if why else (".", [])


def _is_foreign(folder: Path) -> bool:
    """Tell whether a folder exists and serves another purpose."""
    if not folder.is_dir() or not any(folder.iterdir()):
        return False
    if folder.name == "results":
        return not any(folder.glob("*/machine.json"))
    scripts = [path for path in folder.glob("*.py") if path.is_file()]
    return (folder / "__init__.py").exists() or not any(b"def run(" in path.read_bytes() for path in scripts)


def _specifier(requires_python: str | None, notes: list[str]) -> SpecifierSet:
    """Return which versions of Python the project takes: any where it does not say so as PEP 440 has it."""
    try:
        return SpecifierSet(requires_python or "", prereleases=True)
    except InvalidSpecifier:
        notes.append(f'the project requires Python "{requires_python}", which is no version specifier: builds may fail')
        return SpecifierSet("")


def _first_found(pythons: Sequence[str], notes: list[str]) -> str:
    """Return the newest of some interpreters that this machine has, "" where there is none; note the others."""
    found = []
    for python in sorted(pythons, key=lambda text: [int(part) for part in re.findall(r"\d+", text)]):
        try:
            find_interpreter(python)
            found.append(python)
        except MemharnessError as error:
            notes.append(f"pythons: {error.message}")
    *others, chosen = found or [""]
    if others:
        notes.append(f'pythons: {chosen} is measured; add {", ".join(others)} to "python" for series of their own')
    return chosen


def _other_repo(asked: AsvConfiguration, suite: Path | None, root: Path, folder: Path, own: Read) -> dict[str, str]:
    """Return the setting of the repository under measurement, where asv's is another than that of the suite."""
    if suite is None or (is_url(asked.repo) and is_project(own)):
        return {}
    if is_url(asked.repo):
        return {"project.repo": asked.repo}
    there = (suite.parent / asked.repo).resolve()
    return {} if there == root else {"project.repo": os.path.relpath(there, folder)}


def _python(asked: str, required: SpecifierSet, notes: list[str]) -> str:
    """Return the version or path of the interpreter to measure with."""
    own = "{}.{}".format(*sys.version_info)
    if not asked:
        fitting = find_fitting(required)
        version = fitting.version.rpartition(".")[0]
        if version != own:
            notes.append(f"Python {version} is measured with: the project requires {required}")
        return version
    found = find_interpreter(asked)
    if not required.contains(found.version):
        notes.append(f"Python {found.version} does not fit what the project requires: {required}")
    return asked
