"""What publishing has in memory."""

import os
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

from memharness.findings.describe import open_source_edits
from memharness.findings.project import Selection
from memharness.site.case_history import CaseHistory
from memharness.site.contents import case_changes, open_contents
from stored import stored_project

PUBLISH = """
import sys
from pathlib import Path
from memharness import Selection, load_config
from memharness.site.publish import publish
publish(load_config(Path.cwd()), Selection())
print({"matplotlib", "bokeh"} & sys.modules.keys() or "none")
"""


def test_neither_matplotlib_nor_bokeh_is_imported(tmp_path: Path) -> None:
    config = stored_project(tmp_path, *[1_000_000] * 3)
    environment = {**os.environ, "MEMHARNESS_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-c", PUBLISH]
    assert subprocess.check_output(command, cwd=config.folder, env=environment, text=True) == "none\n"
    assert [*config.publish.folder.glob("picture/*.svg")]


def test_what_is_read_for_a_case_is_released_when_the_next_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMHARNESS_CACHE", str(tmp_path / "cache"))
    contents = open_contents(stored_project(tmp_path, *[1_000_000] * 3, cases=9), Selection())
    alive, most = weakref.WeakSet[CaseHistory](), 0
    with open_source_edits(contents.project.repository) as source_edits:
        for one in case_changes(contents, source_edits):
            alive.add(one.case)
            most = max(most, len(alive))
    assert most <= 2
    assert len(contents.families[0].cases) == 9
