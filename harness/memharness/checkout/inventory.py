"""A record of all that lies below some folders, by which changes that children make there are found and undone."""

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from memharness.files.removal import remove

_Facts = tuple[int, ...]  # of one path; differ once it is touched; a folder has one


class Inventory:
    """The recorded state of `folders` and of every path below them; what cannot be read is left out.

    Writing or replacing a file and changing its mode or time all change its ctime, which nobody can set. Of folders the
    mode counts.
    """

    def __init__(self, *folders: Path) -> None:
        self._folders = tuple(map(str, folders))
        self._aside = folders[0].with_name("aside")  # for what cannot be deleted
        self._known: dict[str, _Facts] = {}

    def record_all(self) -> Iterable[str]:
        """Record everything that is there, and return the paths."""
        self._known = self._look()
        return self._known.keys()

    def record(self, *paths: str) -> None:
        """Record the present state of some paths and of the folders that they are in, also that they are gone.

        What was below a folder that is gone must be named as well, or is found missing at the next look.
        """
        for path in paths:
            for step in self._upward(path):
                before = self._known.pop(step, None)
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    self._known[step] = _facts(os.lstat(step))
                if _is_folder(before) and _is_folder(self._known.get(step)):
                    break  # those that it is in are known with it

    def remove_additions(self) -> set[str]:
        """Remove all that is not as recorded, and return the recorded paths that are gone then."""
        now = self._look()
        if now == self._known:
            return set()
        for path, facts in now.items():
            if self._known.get(path) != facts:
                remove(Path(path), self._aside)
        before, now = self._known, self._look()
        self._known = {path: facts for path, facts in before.items() if path in now}
        return before.keys() - now.keys()

    def has_changed(self) -> bool:
        """Tell whether something that was recorded is gone or is not as it was."""
        now = self._look()
        return any(now.get(path) != facts for path, facts in self._known.items())

    def _upward(self, path: str) -> Iterator[str]:
        yield path
        while path not in self._folders:
            path = path.rpartition("/")[0]
            yield path

    def _look(self) -> dict[str, _Facts]:
        found: dict[str, _Facts] = {}
        for folder in self._folders:
            with contextlib.suppress(OSError):
                found[folder] = _facts(os.lstat(folder))
        waiting = [folder for folder, facts in found.items() if _is_folder(facts)]
        while waiting:
            with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    found[entry.path] = facts = _facts(entry.stat(follow_symlinks=False))
                    if _is_folder(facts):
                        waiting.append(entry.path)
        return found


def _facts(status: os.stat_result) -> _Facts:
    if stat.S_ISDIR(status.st_mode):
        return (status.st_mode,)
    return status.st_ino, status.st_size, status.st_ctime_ns


def _is_folder(facts: _Facts | None) -> bool:
    return facts is not None and len(facts) == 1
