"""Fixtures of tests that run commands on small repositories."""

import os
from pathlib import Path

import pytest
from filelock import FileLock

from memharness.cli import main
from repositories import RepositoryBuilder
from workbench import CONFIGURATION, MEASURED, OTHER, SCENARIO, Published, Workbench


@pytest.fixture
def bench(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Workbench:
    monkeypatch.setenv("MEMHARNESS_CACHE", str(tmp_path / "cache"))
    workbench = Workbench(tmp_path, capsys)
    monkeypatch.chdir(workbench.path)
    return workbench


@pytest.fixture
def quick(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    """Return a workbench whose cases run the first pass only, for tests of what other passes have no part in."""
    monkeypatch.setenv("MEMHARNESS_METRICS", "peak,retained,result")
    return bench


@pytest.fixture(scope="session")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the measured project, and the results beside it; all workers of a run share it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "stock"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            _measure(folder.with_name("stock-unfinished"))
            folder.with_name("stock-unfinished").rename(folder)
    return folder


def _measure(folder: Path) -> None:
    repository = RepositoryBuilder(folder / "project")
    (repository.path / "scenarios").mkdir()
    (repository.path / "memharness.toml").write_text(CONFIGURATION)
    (repository.path / ".gitignore").write_text("/site\n")
    for name, text in (("fill", SCENARIO), ("other", OTHER)):
        (repository.path / "scenarios" / f"{name}.py").write_text(f'"""Calls {name}."""\n{text}')
    for subject, text in MEASURED.items():
        repository.commit({"box.py": text}, subject, tag="v1.0" if subject == "begin" else None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEMHARNESS_CACHE", str(folder / "cache"))
        patch.chdir(repository.path)
        assert main(["run"]) == 1


@pytest.fixture
def published(
    stock: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Published:
    monkeypatch.setenv("MEMHARNESS_CACHE", str(tmp_path / "cache"))
    found = Published(tmp_path, capsys, stock)
    monkeypatch.chdir(found.path)
    return found


@pytest.fixture
def filled(published: Published) -> Published:
    """Return the measured project without the second of its scenarios."""
    (published.path / "scenarios" / "other.py").unlink()
    return published
