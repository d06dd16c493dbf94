"""Copies what workloads with an address need of the working tree, so that an edit does not reach a run."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from memharness.errors import MemharnessError
from memharness.model.scenarios import Scenario
from memharness.workloads.scripts import script_sources


def copy_files(scenarios: Iterable[Scenario], into: Path) -> None:
    """Copy the scripts of scenarios, with what they import from beside them, below the folder `into`."""
    for scenario in scenarios:
        if scenario.driver == "script" and scenario.target["below"] == "scenarios":
            _copy_script(Path(scenario.path), into / str(scenario.target["path"]))


def _copy_script(file: Path, copy: Path) -> None:
    for source in script_sources(file):
        target = copy.parent / source.file.relative_to(file.parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copy2(source.file, target)
        except OSError as error:
            raise MemharnessError(f"{source.file}: cannot be copied: {error.strerror}") from None
