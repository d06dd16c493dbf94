"""The cache of environments: which are there, which are in use, and which are too many.

Each is a folder that counts once its `environment.json` is there, whose time is that of the last use, and its files are
recorded. Beside it two files are locked: one, shared, by every process that uses it, so that none removes it; the other
by the one that makes it, perhaps again while it is in use. A lock ends with its process, however that ends.
"""

import contextlib
import fcntl
import json
import os
import re
import threading
import time
from pathlib import Path
from typing import Final, Self

import msgspec

from memharness.environments.guard import is_whole, record
from memharness.files.removal import remove
from memharness.model.environments import Environment
from memharness.model.values import Value
from memharness.processes.supervision import Cancelled

_STORED: Final = "environment.json"
_USED: Final = ".used"
_MADE: Final = ".lock"
_BESIDE: Final = (_USED, _MADE, ".guard")
_NAME: Final = re.compile(r"((?:auto|wheel|path)-[0-9a-f]{32})(\.used|\.lock|\.guard)?")
_PAUSE_SECONDS: Final = 0.05


class Built(Value):
    """An environment that was built for a project, the folder of its repository.

    `frozen` maps what the build took in of a commit to its state; see `fingerprint.states`.
    """

    environment: Environment
    project: str
    frozen: dict[str, str] = {}


class Lock:
    """A lock that is held until the block ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)  # were it only closed, a forked process would go on holding it
        os.close(self._descriptor)


class Cache:
    """The environments in `folder`; of those of `project` the `keep` used last stay, and any that is in use."""

    def __init__(self, folder: Path, project: str, keep: int) -> None:
        self._folder = folder
        self._project = project
        self._keep = keep
        self._settled: frozenset[str] = frozenset()  # the names in the folder when nothing was too much

    def folder(self, name: str) -> Path:
        """Return the folder of an environment."""
        return self._folder / name

    def find(self, name: str) -> Built | None:
        """Return an environment; None where there is none, or but a part of one."""
        try:
            built = msgspec.convert(json.loads((self._folder / name / _STORED).read_bytes()), Built)
        except (OSError, ValueError, msgspec.ValidationError):
            return None
        return built if is_whole(built.environment) else None

    def using(self, name: str, cancel: threading.Event | None) -> Lock:
        """Keep an environment from being removed. Raises Cancelled when `cancel` is set, and OSError."""
        return self._wait(f"{name}{_USED}", fcntl.LOCK_SH, cancel)

    def making(self, name: str, cancel: threading.Event | None) -> Lock:
        """Wait for the right to make an environment that is in use. Raises like `using`."""
        return self._wait(f"{name}{_MADE}", fcntl.LOCK_EX, cancel)

    def touch(self, name: str) -> None:
        """Take note that an environment is used."""
        os.utime(self._folder / name / _STORED)

    def put(self, name: str, built: Built) -> None:
        """Store what an environment is, of which everything else is there."""
        unfinished = self._folder / name / f"{_STORED}.new"
        unfinished.write_text(json.dumps(msgspec.to_builtins(built)))  # escapes what is not UTF-8 in a path
        unfinished.replace(self._folder / name / _STORED)
        record(self._folder / name)

    def prune(self) -> None:
        """Remove what is too much and not in use, what killed builds left, and what is of projects that are gone."""
        try:
            names = self._names()
            if names != self._settled and not [name for name in self._excess(names) if not self._discard(name)]:
                self._settled = self._names()
        except OSError:
            return  # whoever needs the folder will say what is wrong with it

    def _names(self) -> frozenset[str]:
        return frozenset(entry.name for entry in self._folder.iterdir())

    def _excess(self, names: frozenset[str]) -> list[str]:
        used: dict[str, float] = {}
        excess = []
        for name in {found[1] for found in map(_NAME.fullmatch, names) if found}:
            built = self.find(name)
            if built is None or not Path(built.project).exists():
                excess.append(name)
            elif built.project == self._project:
                used[name] = (self._folder / name / _STORED).stat().st_mtime
        return excess + sorted(used, key=used.__getitem__, reverse=True)[self._keep :]

    def _discard(self, name: str) -> bool:
        """Remove an environment with its locks; return whether nobody uses or makes it."""
        lock = self._try(f"{name}{_USED}", fcntl.LOCK_EX)
        if lock is None:
            return False
        with lock:
            (self._folder / name / _STORED).unlink(missing_ok=True)  # first, lest a part be taken for the whole
            remove(self._folder / name)
            for ending in reversed(_BESIDE):  # that of the lock held last
                (self._folder / f"{name}{ending}").unlink(missing_ok=True)
        return True

    def _wait(self, file: str, kind: int, cancel: threading.Event | None) -> Lock:
        while (lock := self._try(file, kind)) is None:
            if cancel is not None and cancel.is_set():
                raise Cancelled
            time.sleep(_PAUSE_SECONDS)
        return lock

    def _try(self, name: str, kind: int) -> Lock | None:
        """Take the lock of a file; None where another has it."""
        file = self._folder / name
        while True:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
            with contextlib.ExitStack() as closing:
                closing.callback(os.close, descriptor)
                try:
                    fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
                    same = os.path.samestat(os.fstat(descriptor), file.stat())
                except BlockingIOError:
                    return None
                except FileNotFoundError:
                    same = False
                if same:  # else whoever had it removed the file
                    closing.pop_all()
                    return Lock(descriptor)
