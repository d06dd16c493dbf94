"""An interpreter, projects that are built, and what their builds find without a registry."""

import os
from pathlib import Path

import pytest

from built_projects import BuiltProject, write_wheels
from memharness.environments import find_interpreter
from memharness.model.environments import Interpreter


@pytest.fixture(scope="session")
def interpreter() -> Interpreter:
    return find_interpreter()


@pytest.fixture
def project(tmp_path: Path) -> BuiltProject:
    return BuiltProject(tmp_path)


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    write_wheels(folder)
    return folder


@pytest.fixture
def offline(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let uv find the wheels of the tests alone, in a cache that no former back end is in."""
    monkeypatch.setenv("UV_CACHE_DIR", str(wheels / "cache"))
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    monkeypatch.setenv("UV_OFFLINE", "1")


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take away what the user of this machine tells uv, and give it a cache of its own."""
    for name in os.environ:
        if name.startswith(("UV_", "PIP_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "config-of-the-system"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
