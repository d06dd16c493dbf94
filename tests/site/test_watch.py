"""What publishing again waits for: each change of a project is seen in the times of its files, in any work tree."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from memharness.config.configuration import Config
from memharness.site.watch import Watched
from repositories import RepositoryBuilder
from stored import records, stored_project


def _write_beside_deep_folders(config: Config) -> None:
    at = os.open(config.run.scenarios, os.O_RDONLY)
    for _ in range(100):
        os.mkdir("d", dir_fd=at)
        at, above = os.open("d", os.O_RDONLY, dir_fd=at), at
        os.close(above)
    os.close(at)
    (config.run.scenarios / "other.py").write_text("def run():\n    return 1\n")


IN_REPOSITORY: dict[str, Callable[[RepositoryBuilder], object]] = {
    "commit": lambda place: place.commit({"box.py": "changed"}),
    "tag": lambda place: place.git("tag", "v1.0"),
    "tag in a folder": lambda place: place.git("tag", "release/1.0"),
    "branch": lambda place: place.git("branch", "other"),
    "moved branch": lambda place: place.git("update-ref", "refs/heads/side", "HEAD"),
    "switch": lambda place: place.switch("side"),
    "packed": lambda place: place.git("pack-refs", "--all"),
}
IN_FILES: dict[str, Callable[[Config], object]] = {
    "record": lambda config: records(config)[0].rename(records(config)[0].with_suffix(".aside")),
    "scenario": lambda config: (config.run.scenarios / "fill.py").write_text("def run():\n    return 1\n"),
    "deep scenario": lambda config: (config.run.scenarios / "deep.py").write_text("def run():\n    return 1\n"),
    "beside endless folders": _write_beside_deep_folders,
    "accepted": lambda config: (config.run.results / "accepted.toml").write_text(""),
    "machine": lambda config: (config.run.results / "other").mkdir(),
}


@pytest.mark.parametrize("linked", [False, True], ids=["main", "linked"])
@pytest.mark.parametrize("change", IN_REPOSITORY)
def test_what_moves_in_the_repository_is_seen(tmp_path: Path, change: str, *, linked: bool) -> None:
    config = stored_project(tmp_path, 1_000_000)
    place = RepositoryBuilder(tmp_path / "project")
    place.git("branch", "side")
    place.commit({"box.py": "second"})
    if linked:
        place.git("worktree", "add", "--quiet", "-b", "work", "../linked")
        place = RepositoryBuilder(tmp_path / "linked")
    watched = Watched(replace(config, project=replace(config.project, repo=str(place.path))))
    before = watched.times()
    assert watched.times() == before
    IN_REPOSITORY[change](place)
    assert watched.times() != before


@pytest.mark.parametrize("change", IN_FILES)
def test_what_changes_in_files_is_seen(tmp_path: Path, change: str) -> None:
    config = stored_project(tmp_path, 1_000_000)
    watched = Watched(config)
    before = watched.times()
    assert watched.times() == before
    IN_FILES[change](config)
    assert watched.times() != before


def test_a_repository_at_an_address_is_left_alone(tmp_path: Path) -> None:
    config = stored_project(tmp_path, 1_000_000)
    away = replace(config, project=replace(config.project, repo="https://example.invalid/project.git"))
    assert Watched(away).times() < Watched(config).times()
