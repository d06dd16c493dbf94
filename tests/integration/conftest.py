"""Fixtures of tests that run commands on small repositories."""

from pathlib import Path

import pytest

from memharness.cli import main
from repositories import RepositoryBuilder
from workbench import BROKEN, CONFIGURATION, LEAK, OTHER, SCENARIO, Published, Workbench, module


@pytest.fixture
def bench(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Workbench:
    monkeypatch.setenv("MEMHARNESS_CACHE", str(tmp_path / "cache"))
    workbench = Workbench(tmp_path, capsys)
    monkeypatch.chdir(workbench.path)
    return workbench


@pytest.fixture(scope="session")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the measured project, and the results beside it."""
    folder = tmp_path_factory.mktemp("stock")
    repository = RepositoryBuilder(folder / "project")
    (repository.path / "scenarios").mkdir()
    (repository.path / "memharness.toml").write_text(CONFIGURATION)
    (repository.path / ".gitignore").write_text("/site\n")
    for name, text in (("fill", SCENARIO), ("other", OTHER)):
        (repository.path / "scenarios" / f"{name}.py").write_text(f'"""Calls {name}."""\n{text}')
    texts = {
        "begin": module(),
        "grow": module(size=300_000),
        "move": module(size=300_000, above="\n"),
        "break": BROKEN + module(size=300_000),
        "leak": module(size=300_000, kept=LEAK),
        "rest": module(size=300_000, kept=LEAK, above="\n"),
    }
    for subject, text in texts.items():
        repository.commit({"box.py": text}, subject, tag="v1.0" if subject == "begin" else None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEMHARNESS_CACHE", str(folder / "cache"))
        patch.chdir(repository.path)
        assert main(["run"]) == 1
    return folder


@pytest.fixture
def published(
    stock: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Published:
    monkeypatch.setenv("MEMHARNESS_CACHE", str(tmp_path / "cache"))
    found = Published(tmp_path, capsys, stock)
    monkeypatch.chdir(found.path)
    return found
