"""`script:path/to/script.py ARGUMENTS`: a script, run as the main module.

A script that the project's repository tracks is that of the commit under measurement. Any other is the same at every
commit: it is copied, with the files beside it that it imports.
"""

import os
import shlex
from pathlib import Path
from typing import Final

from memharness.config.workloads import WorkloadConfig
from memharness.errors import MemharnessError
from memharness.git.repository import is_url, run_git, work_tree
from memharness.model.scenarios import Scenario
from memharness.model.values import digest
from memharness.scenarios.identity import identity, reached_sources
from memharness.scenarios.source import Source, read_source
from memharness.workloads.scenario import make_scenario

COPIES: Final = "_workloads"  # folder in the copy of the scenario folder


def script_scenario(workload: WorkloadConfig, text: str, repo: str) -> Scenario:
    """Return the scenario of a script with its arguments; raise MemharnessError where there is no such file."""
    path, arguments = _parsed(workload, text)
    file = (workload.folder / path).resolve()
    summary = f"runs {' '.join((path, *arguments))}"
    tracked = _tracked(file, repo)
    if tracked is not None:
        return make_scenario(
            workload, "script", {"path": tracked, "below": "tree", "arguments": arguments}, summary=summary
        )
    if not file.is_file():
        raise MemharnessError(
            f"{workload.where}: there is no script {file}", hint=f"Relative paths start in {workload.folder}."
        )
    sources = script_sources(file)
    copy = f"{COPIES}/{digest(workload.address, 8)}/{file.name}"
    return make_scenario(
        workload,
        "script",
        {"path": copy, "below": "scenarios", "arguments": arguments},
        summary=summary,
        path=str(file),
        content=identity(sources, file.parent, {}),
    )


def script_sources(file: Path) -> tuple[Source, ...]:
    """Return a script and the files beside it that it imports."""
    return tuple(reached_sources(read_source(file), file.parent, read_source).values())


def _parsed(workload: WorkloadConfig, text: str) -> tuple[str, tuple[str, ...]]:
    try:
        path, *arguments = shlex.split(text)
    except ValueError:  # nothing, or a quotation that does not end
        raise MemharnessError(
            f'{workload.where}: "{text}" names no script', hint="Write it like script:bench/run.py --size 10."
        ) from None
    return path, tuple(arguments)


def _tracked(file: Path, repo: str) -> str | None:
    """Return the path of a file in the repository that is measured; None where that does not track it."""
    root = None if is_url(repo) else work_tree(Path(repo))
    if root is None or not file.is_relative_to(root):
        return None
    name = file.relative_to(root).as_posix()
    listed = run_git(["ls-files", "-z", "--", f":(top,literal){name}"], folder=str(root))
    return name if listed.output.split(b"\0")[0] == os.fsencode(name) else None  # not the files of a folder
