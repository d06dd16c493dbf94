"""The scenarios of a folder of scenario files."""

import ast
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
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

    A scenario is a file or a package that defines `run`. Helpers are names that begin with an underscore, packages
    without `run`, and files without `run` that another file imports.
    """
    folder = folder.resolve()
    read = cache(read_source)
    sources = [read(file) for file in _files(folder)]
    _check_names(sources)
    reached = {source.file: reached_sources(source, folder, read) for source in sources}
    _check_helpers([source.file for source in sources if "run" not in source.functions], reached)
    workloads = [source for source in sources if "run" in source.functions]
    scenarios = [_scenario(source, tuple(reached[source.file].values()), folder) for source in workloads]
    if not scenarios:
        raise MemharnessError(
            f"{folder}: no scenarios",
            hint="Run `memharness init`, or add a file that defines run. See `memharness help scenarios`.",
        )
    return tuple(sorted(scenarios, key=lambda scenario: scenario.name))


def _check_helpers(files: Iterable[Path], reached: Mapping[Path, Collection[Path]]) -> None:
    """Raise where a file without `run` is neither a package nor imported by another one."""
    used = {file for start, imported in reached.items() for file in imported if file != start}
    for file in files:
        if file.name != "__init__.py" and file not in used:
            raise MemharnessError(
                f"{file}:1: no function run",
                hint=f"Define it with def at the top level, or name a helper _{file.name}.",
            )


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
        if "run" not in source.functions:
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


def _scenario(source: Source, reached: Sequence[Source], folder: Path) -> Scenario:
    metadata = read_metadata(source.file, source.text)
    calls = read_calls(source, metadata.get("params", {}))
    if metadata.get("fresh_setup") and "setup" not in calls:
        raise MemharnessError(
            f"{source.file}:{source.functions['run'].lineno}: tool.memharness.fresh-setup: there is no setup",
            hint="Define it, or take the key out.",
        )
    return Scenario(
        name=_name(source),
        path=str(source.file),
        summary=(ast.get_docstring(source.tree) or "").partition("\n")[0],
        identity=identity(reached, folder, metadata),
        text_identity=text_identity(reached, folder, metadata),
        run=calls["run"],
        setup=calls.get("setup"),
        teardown=calls.get("teardown"),
        **metadata,
    )
