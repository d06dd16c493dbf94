"""What is imported to draw is imported when something is drawn."""

import os
import subprocess
import sys
from pathlib import Path

from repositories import RepositoryBuilder

CODE = """
import importlib, pkgutil, sys
import memharness.commands
from memharness.cli import main

modules = [found.name for found in pkgutil.iter_modules(memharness.commands.__path__)]
for name in modules:
    importlib.import_module(f"memharness.commands.{name}")
codes = [main(arguments) for arguments in (["list"], ["list", "--json"], ["check", "--json"])]
assert "run" in modules and codes == [0, 0, 3], (modules, codes)
print({"rich", "matplotlib", "bokeh"} & set(sys.modules))
"""


def test_commands_import_nothing_to_draw_before_they_draw(tmp_path: Path) -> None:
    project = RepositoryBuilder(tmp_path / "project")
    project.commit({"a.py": "", "scenarios/idle.py": "def run():\n    pass\n"}, "Start")
    environment = {**os.environ, "MEMHARNESS_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=project.path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "set()"
