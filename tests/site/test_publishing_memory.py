"""What publishing leaves in memory, as the collector runs seldom meanwhile."""

import gc
import weakref
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from memharness.findings.describe import open_source_edits
from memharness.findings.project import Selection
from memharness.site.case_history import CaseHistory
from memharness.site.contents import case_changes, open_contents
from memharness.site.publish import publish
from stored import stored_project


def test_figures_of_pictures_do_not_pile_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMHARNESS_CACHE", str(tmp_path / "cache"))
    config = stored_project(tmp_path, *[1_000_000] * 3, cases=130)
    before = gc.get_threshold()
    alive, most = weakref.WeakSet[Figure](), 0
    made = Figure.__init__

    def counted(self: Figure, *arguments: object, **more: object) -> None:
        nonlocal most
        made(self, *arguments, **more)  # type: ignore[arg-type]  # as it was called
        alive.add(self)
        most = max(most, len(alive))

    monkeypatch.setattr(Figure, "__init__", counted)
    publish(config, Selection())
    assert len([*config.publish.folder.glob("picture/*.svg")]) > 100
    assert 1 < most <= 50
    assert gc.get_threshold() == before


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
