"""How long cases took on this machine: kept in the cache folder, as results are to be equal from run to run."""

import contextlib
import json
from pathlib import Path
from typing import Annotated, Final

import msgspec

from memharness.files.folder import Folder

_MOST: Final = 10_000  # entries, the oldest of which make room
_Known = dict[str, Annotated[float, msgspec.Meta(ge=0, le=1e9)]]


class Durations:
    """Seconds of a worker's time by `duration_key`, in a file; what is damaged or missing is not known."""

    def __init__(self, path: Path) -> None:
        self._folder, self._path = Folder(path.parent, durable=False), path
        try:
            self.known = msgspec.json.decode(self._folder.read(path) or b"{}", type=_Known)
        except (OSError, ValueError):
            self.known = {}
        self._before = dict(self.known)

    def add(self, key: str, seconds: float) -> None:
        """Take note of how long a case took last."""
        self.known.pop(key, None)
        self.known[key] = round(seconds, 2)

    def save(self) -> None:
        """Write what is new to the file, if the disk allows it."""
        if self.known != self._before:
            self._before = dict([*self.known.items()][-_MOST:])
            with contextlib.suppress(OSError):
                self._folder.write(self._path, json.dumps(self._before).encode())
