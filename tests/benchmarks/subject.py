"""A repository under measurement by memharness: configuration, scenarios, cache and results in one folder."""

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from costs import run

_CONTROLLER = Path(__file__).with_name("controller.py")


@dataclass(frozen=True)
class Cost:
    """What a command cost, CPU seconds with all children and the controller's highest resident size, and its output."""

    cpu_seconds: float
    rss_bytes: int
    stdout: str


class Subject:
    """memharness as it is called on `repository`; with a cache and results of its own, both empty at first."""

    def __init__(self, folder: Path, repository: Path, scenarios: Mapping[str, str], settings: str = "") -> None:
        """Write scenarios (name -> text) and a configuration; `settings` are tables of it besides [project]."""
        self.folder = folder
        (folder / "scenarios").mkdir(parents=True)
        for name, text in scenarios.items():
            (folder / "scenarios" / f"{name}.py").write_text(text)
        (folder / "memharness.toml").write_text(f'[project]\nrepo = "{repository}"\n{settings}')

    def call(self, *arguments: str) -> Cost:
        """Run a command; findings (exit code 1) are no fault."""
        size = self.folder / "rss_bytes"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MEMHARNESS_")}
        environment = {**kept, "MEMHARNESS_CACHE": str(self.folder / "cache")}
        command = [sys.executable, str(_CONTROLLER), str(size), *arguments]
        size.unlink(missing_ok=True)
        ran = run(command, self.folder, environment=environment, expected=(0, 1))
        if not size.exists():  # an uncaught exception also ends with exit code 1
            raise RuntimeError(f"{' '.join(command)} broke off\n{ran.stderr}")
        return Cost(cpu_seconds=ran.cpu_seconds, rss_bytes=int(size.read_text()), stdout=ran.stdout)

    def measure_once(self, until: str = "HEAD") -> Cost:
        """Measure every commit up to one, with no repeats and no explanations."""
        return self.call("measure-once", until)

    def forget(self) -> None:
        """Delete the results; environments stay."""
        shutil.rmtree(self.folder / "results")
