"""What publishing leaves in memory, as the collector runs seldom meanwhile."""

import gc
import weakref
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from memharness.findings.project import Selection
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
