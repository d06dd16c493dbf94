"""The scenarios of a folder of scenario files."""

import ast
import re
from collections.abc import Container, Sequence
from functools import cache
from pathlib import Path

from memharness.errors import MemharnessError
from memharness.model.scenarios import Scenario
from memharness.scenarios.identity import identity, reached_sources, text_identity
from memharness.scenarios.metadata import read_metadata
from memharness.scenarios.signatures import read_calls
from memharness.scenarios.source import Source, is_file, read_source


def load_scenarios(folder: Path) -> tuple[Scenario, ...]:
    """Parse the scenario files of `folder`, sorted by name; raise MemharnessError with file and line.

    A file or a package that defines `run` is a scenario; one that defines functions `run_NAME` instead has a scenario
    for each of them, FILE.NAME. Helpers are names that begin with an underscore, packages with neither, and files
    without `run` that another file imports.
    """
    folder = folder.resolve()
    read = cache(read_source)
    sources = [read(file) for file in _files(folder)]
    _check_names(sources)
    reached = {source.file: reached_sources(source, folder, read) for source in sources}
    helpers = {file for start, imported in reached.items() for file in imported if file != start}
    scenarios = [
        _scenario(source, run, tuple(reached[source.file].values()), folder)
        for source in sources
        for run in _workloads(source, helpers)
    ]
    if not scenarios:
        raise MemharnessError(
            f"{folder}: no scenarios",
            hint="Run `memharness init`, or add a file that defines run. See `memharness help scenarios`.",
        )
    return tuple(sorted(scenarios, key=lambda scenario: scenario.name))


def _workloads(source: Source, helpers: Container[Path]) -> list[str]:
    """Return the functions of a file that are workloads; raise where a file that is no helper has none."""
    if "run" in source.functions:
        return ["run"]
    if source.file in helpers:
        return []
    several = [name for name in source.functions if name.startswith("run_")]
    if not several and source.file.name != "__init__.py":
        raise MemharnessError(
            f"{source.file}:1: no function run",
            hint=f"Define it with def at the top level, or name a helper _{source.file.name}.",
        )
    return several


def _files(folder: Path) -> list[Path]:
    """Return the modules and packages of the folder that may be scenarios."""
    try:
        entries = sorted(folder.iterdir())
    except FileNotFoundError:
        raise MemharnessError(
            f"{folder}: no such scenario folder",
            hint="Run `memharness init`, or set run.scenarios. See `memharness help configuration`.",
        ) from None
    except OSError as error:
        raise MemharnessError(f"{folder}: cannot be read: {error.strerror}", hint="It should be a folder.") from None
    visible = [entry for entry in entries if not entry.name.startswith(("_", "."))]
    packages = [entry / "__init__.py" for entry in visible if is_file(entry / "__init__.py")]
    return [entry for entry in visible if entry.suffix == ".py" and is_file(entry)] + packages


def skipped_entries(folder: Path) -> tuple[str, ...]:
    """Return a remark on each entry that is named like a scenario and is neither a file nor a folder."""
    return tuple(
        f"{entry} is left out: it is no file, or leads to none"
        for entry in sorted(folder.iterdir())
        if entry.suffix == ".py" and not entry.name.startswith(("_", ".")) and not (is_file(entry) or entry.is_dir())
    )


def _name(source: Source) -> str:
    return source.file.parent.name if source.file.name == "__init__.py" else source.file.stem


def _check_names(sources: list[Source]) -> None:
    seen: dict[str, Path] = {}
    for source in sources:
        if not any(name == "run" or name.startswith("run_") for name in source.functions):
            continue
        name = _name(source)
        if not re.fullmatch(r"[\w-]+", name):
            raise MemharnessError(
                f'{source.file}: "{name}" cannot name a scenario', hint="Use letters, digits, _ and -."
            )
        if name in seen:
            raise MemharnessError(
                f'{source.file}: a second scenario named "{name}"; the first is {seen[name]}', hint="Rename one."
            )
        seen[name] = source.file


def _scenario(source: Source, run: str, reached: Sequence[Source], folder: Path) -> Scenario:
    metadata = read_metadata(source.file, source.text)
    calls = read_calls(source, metadata.get("params", {}), run)
    if metadata.get("fresh_setup") and "setup" not in calls:
        raise MemharnessError(
            f"{source.file}:{source.functions[run].lineno}: tool.memharness.fresh-setup: there is no setup",
            hint="Define it, or take the key out.",
        )
    name, summary = _name(source), source.tree if run == "run" else source.functions[run]
    return Scenario(
        name=name if run == "run" else f"{name}.{run.removeprefix('run_')}",
        path=str(source.file),
        summary=(ast.get_docstring(summary) or "").partition("\n")[0],
        identity=identity(reached, folder, metadata),
        text_identity=text_identity(reached, folder, metadata),
        run=calls["run"],
        setup=calls.get("setup"),
        teardown=calls.get("teardown"),
        **metadata,
    )
