"""Records with figures that neither columns nor pages can hold are damaged ones: said, and left out."""

import re
from pathlib import Path

import pytest

from memharness.cli import main
from memharness.model.measurements import Measured, Observation
from memharness.site.cache import Cache
from memharness.site.columns import load_columns
from memharness.store import Store
from stored import records, stored_project
from values import commit

PEAK, LARGEST = 1_234_567, 1 << 62


def publish(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.chdir(folder / "project")
    monkeypatch.setenv("MEMHARNESS_CACHE", str(folder / "cache"))
    assert main(["publish"]) == 0
    return capsys.readouterr().err


@pytest.mark.parametrize("replaced", [f'"peak": {PEAK}', f'"retained": {PEAK // 2}', '"round": 0'])
@pytest.mark.parametrize("figure", [LARGEST + 1, 1 << 63, 1 << 64, 10**30, -LARGEST - 1, -(1 << 63), -(10**30)])
def test_a_figure_larger_than_any_memory_is_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], replaced: str, figure: int
) -> None:
    config = stored_project(tmp_path, 1_000_000, PEAK, 1_000_000)
    (record,) = (path for path in records(config) if replaced in path.read_text() and str(PEAK) in path.read_text())
    record.write_text(record.read_text().replace(replaced, re.sub(r"\d+$", str(figure), replaced)))
    for _ in range(2):
        said = publish(tmp_path, monkeypatch, capsys)
        assert said.count(f"{record} is damaged and left out") == 1, said
    pages = [path.stem for path in records(config) if (config.publish.folder / "commit" / f"{path.stem}.html").exists()]
    assert set(pages) >= {path.stem for path in records(config)} - {record.stem}


@pytest.mark.parametrize("figure", [LARGEST, -LARGEST])
def test_the_largest_figures_are_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], figure: int
) -> None:
    config = stored_project(tmp_path, figure, 1_000_000, figure)
    assert "damaged" not in publish(tmp_path, monkeypatch, capsys)
    scripts = [path.read_text() for path in (config.publish.folder / "data" / "commit").iterdir()]
    assert sum(f"[{figure}," in script for script in scripts) == 2


def test_former_cases_are_read_up_to_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMHARNESS_CACHE", str(tmp_path / "cache"))
    store, keys = Store(tmp_path, "machine"), [("case", "now", 1)]
    observation = Observation(outcome=Measured(metrics={"peak": PEAK}))
    for number in range(2):
        entries = [("case", f"{identity}", 1, 0, observation) for identity in ("now", *range(99))]
        store.add("family", commit(number), None, entries)
    for _ in range(2):
        cache = Cache(tmp_path, "machine", "family", store.notices)
        found = load_columns(store, "family", keys, {commit(number).id: number for number in range(2)}, cache)
        assert (len(found.keys), found.keys[0], found.positions.tolist()) == (67, keys[0], [0, 1])
        assert found.values["peak"].tolist() == [[PEAK] * 67] * 2
