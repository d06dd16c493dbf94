"""When the files of a project were last written: if that moves, publishing may give another site."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from memharness.config.configuration import Config
from memharness.files.cache_folder import cache_folder
from memharness.files.copies import MOST_DEEP
from memharness.git.repository import open_repository


class Watched:
    """The files of results, scenarios and repository. Raises MemharnessError where there is no repository.

    One at a URL is not watched, since only fetching would tell.
    """

    def __init__(self, config: Config) -> None:
        self._results, self._scenarios = config.run.results, config.run.scenarios
        self._git: tuple[Path, Path] | None = None
        if Path(config.project.repo).exists():
            repository = open_repository(config.project.repo, cache_folder())
            self._git = Path(repository.git_dir), Path(repository.common_dir)  # these differ in a linked work tree

    def times(self) -> frozenset[tuple[str, int]]:
        """Return what differs once results are stored, a scenario is edited, or a commit, branch or tag is made."""
        return frozenset(_times([*self._of_project(), *self._of_repository()]))

    def _of_project(self) -> Iterator[Path]:
        yield self._results / "accepted.toml"
        for machine in _folders(self._results):
            yield from (machine, *_folders(machine))
        for folder, folders, names in os.walk(self._scenarios):
            if folder.count(os.sep) - str(self._scenarios).count(os.sep) >= MOST_DEEP:
                folders.clear()
            yield from (Path(folder, name) for name in names if name.endswith(".py"))

    def _of_repository(self) -> Iterator[Path]:
        if self._git is None:
            return
        own, common = self._git
        yield from (own / "HEAD", own / "logs" / "HEAD", common / "packed-refs", common / "reftable" / "tables.list")
        for folder, _, names in os.walk(common / "refs"):
            yield from (Path(folder), *(Path(folder, name) for name in names))


def _folders(path: Path) -> list[Path]:
    try:
        return [
            entry
            for entry in path.iterdir()
            if entry.is_dir() and not entry.is_symlink() and not entry.name.startswith(".")
        ]
    except OSError:
        return []


def _times(paths: Iterable[Path]) -> Iterator[tuple[str, int]]:
    for path in paths:
        try:
            yield str(path), path.stat().st_mtime_ns
        except OSError:  # gone meanwhile, or never there
            continue
