"""The cache of built environments: finds and stores them, and removes those that are no longer needed.

An environment is a folder that counts once its files are recorded and its `environment.json`, whose time is that of the
last use, exists. Two lock files lie beside it: all processes that use it share `.used`, so that none removes it; the
one that builds it, perhaps again while it is in use, holds `.lock`.
"""

import contextlib
import json
import os
import re
import threading
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import msgspec

from memharness.environments.guard import STORED, is_intact, record
from memharness.environments.locks import locked
from memharness.files.folder import Folder
from memharness.files.removal import remove
from memharness.model.environments import Environment
from memharness.model.values import Value

_USED: Final = ".used"
_MADE: Final = ".lock"
_NAME: Final = re.compile(r"((?:auto|wheel|path)-[0-9a-f]{32})(\.used|\.lock|\.guard)?")


class Built(Value):
    """An environment that was built for a project, the folder of its repository.

    `frozen` maps what the build took in of a commit to its state; see `path_digests` in `fingerprint`.
    """

    environment: Environment
    project: str
    frozen: dict[str, str] = {}


class EnvironmentCache:
    """The environments in `folder`; of those of `project` the `keep` used last stay, and any that is in use."""

    def __init__(self, folder: Path, project: str, keep: int) -> None:
        self._folder = folder
        self._project = project
        self._keep = keep

    def folder(self, name: str) -> Path:
        """Return the folder of an environment."""
        return self._folder / name

    def find(self, name: str) -> Built | None:
        """Return an environment; None where it is missing or incomplete."""
        try:
            built = msgspec.convert(json.loads((self._folder / name / STORED).read_bytes()), Built)
        except (OSError, ValueError, msgspec.ValidationError):
            return None
        return built if is_intact(built.environment) else None

    def using(self, name: str, cancel: threading.Event | None) -> AbstractContextManager[int]:
        """Keep an environment from being removed. Raises Cancelled when `cancel` is set, and OSError."""
        return locked(self._folder / f"{name}{_USED}", shared=True, cancel=cancel)

    def making(self, name: str, cancel: threading.Event | None) -> AbstractContextManager[int]:
        """Wait for the right to make an environment that is in use. Raises like `using`."""
        return locked(self._folder / f"{name}{_MADE}", cancel=cancel)

    def touch(self, name: str) -> None:
        """Record that an environment is used now."""
        os.utime(self._folder / name / STORED)

    def put(self, name: str, built: Built) -> None:
        """Store the description of an environment that is otherwise complete."""
        folder = self._folder / name
        content = json.dumps(msgspec.to_builtins(built)).encode()  # escapes what is not UTF-8 in a path
        Folder(folder, durable=False).write(folder / STORED, content)
        record(folder)

    def prune(self) -> None:
        """Remove unused environments beyond the limit, remains of killed builds, and those of lost projects."""
        with contextlib.suppress(OSError):  # whoever needs the folder will say what is wrong with it
            for name in self._excess():
                self._discard(name)

    def _excess(self) -> list[str]:
        used: dict[str, float] = {}
        excess = []
        for name in {found[1] for path in self._folder.iterdir() if (found := _NAME.fullmatch(path.name))}:
            built = self.find(name)
            if built is None or not Path(built.project).exists():
                excess.append(name)
            elif built.project == self._project:
                used[name] = (self._folder / name / STORED).stat().st_mtime
        return excess + sorted(used, key=used.__getitem__, reverse=True)[self._keep :]

    def _discard(self, name: str) -> None:
        """Remove an environment with its locks, unless somebody uses or makes it."""
        folder, used = self._folder / name, self._folder / f"{name}{_USED}"
        with contextlib.suppress(BlockingIOError), locked(used, wait=False):
            (folder / STORED).unlink(missing_ok=True)  # first, lest a part be taken for the whole
            remove(folder)
            for path in (Path(f"{folder}.guard"), Path(f"{folder}{_MADE}"), used):  # that of the lock held last
                path.unlink(missing_ok=True)
