"""Recorded accesses -> the field `accesses` of the response: paths that decide the result, or an obstacle."""

from __future__ import annotations

import os
import sys
from os import listdir
from os.path import dirname, normpath, realpath
from posix import lstat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Record = tuple[str, str]  # kind, text

KINDS = OPENED, QUERIED, LISTED, SCANNED, MOVED, DATABASE, OBSTACLE = "OLDSMQ!"
_OF_PYTHON = (
    *("/lib/python", "/lib64/python", "/include/python", "/bin/python", "/share/locale/", "/pyvenv.cfg"),
    "/bin/Modules/",  # where sysconfig looks whether Python runs in its source tree
)
_HARMLESS = frozenset(("/dev/null", "/dev/urandom", "/dev/zero"))
_BYTE_CODE = "/__pycache__/"
_TYPE, _LINK, _FOLDER = 0o170000, 0o120000, 0o040000  # of st_mode


class WatchedFolders:
    """Whose a path is, by how it begins: `watched` is the project's or a scenario's, `left_out` the environment's."""

    def __init__(self, request: dict[str, Any]) -> None:
        """Call no function of Python's libraries: up to 3.10 its frame would be there when the workload calls it."""
        self.watched = (request["project"]["tree"] + "/", request["scenarios"] + "/")
        self._installed = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
        self._folders = {_folder_of(file) for file in (os.__file__, __file__, request["response"])}
        self._folders.update(request["site_paths"])
        self.left_out = _beginnings(self._installed, self._folders)
        self.placed = set(request["project"]["placed"])  # an empty frozenset would stay, for the workload to find
        self._above: set[str] = set()

    def learn_other_names(self) -> None:
        """Learn the real paths of the folders, and what lies above them: only now that all is measured."""
        self.left_out += _beginnings(set(map(realpath, self._installed)), set(map(realpath, self._folders)))
        for path in (*self.watched, *self.left_out):
            self._above.update(_folders_of(path.rstrip("/")))

    def owns(self, path: str) -> bool | None:
        """Tell whether a path is watched or left out, by the longest folder that holds it; None: it lies elsewhere."""
        whole = path + "/"
        watched = max([len(folder) for folder in self.watched if whole.startswith(folder)], default=0)
        left = max([len(start) for start in self.left_out if whole.startswith(start)], default=0)
        if path in _HARMLESS or path == sys.executable or left > watched:
            return False
        return True if watched else None

    def leave_out(self, kind: str, path: str) -> bool:
        """Tell whether an access does not count: also a query about a folder on the way to one of these."""
        return self.owns(path) is False or (kind == QUERIED and self.is_above(path))

    def is_above(self, path: str) -> bool:
        """Tell whether a path is a folder on the way to one of these; that it is there says nothing."""
        return path in self._above


def _beginnings(installed: set[str], folders: set[str]) -> tuple[str, ...]:
    """Return what the paths of installed Pythons, and those below folders, begin with."""
    return (*[prefix + part for prefix in installed for part in _OF_PYTHON], *[folder + "/" for folder in folders])


def report(records: list[Record], folders: WatchedFolders, *, native: bool) -> dict[str, Any]:
    """Return the field `accesses` of the response. Symbolic links are looked up now."""
    folders.learn_other_names()
    found: dict[str, set[str]] = {OPENED: set(), QUERIED: set(), LISTED: set()}
    obstacles = [text for kind, text in records if kind == OBSTACLE]
    straight: set[str] = set()  # folders that are no links
    for kind, text in _with_implied([record for record in records if record[0] != OBSTACLE], folders):
        path = _source(normpath(text))
        if folders.leave_out(kind, path):
            continue
        obstacle = _obstacle(kind, path, folders, straight)
        if obstacle:
            obstacles.append(obstacle)
        else:
            found[LISTED if kind == SCANNED else kind].add(path)
    opened, queried, listed = map(sorted, found.values())
    first = next(iter(obstacles), None)
    return {"opened": opened, "queried": queried, "listed": listed, "native": native, "obstacle": first}


def _with_implied(records: list[Record], folders: WatchedFolders) -> list[Record]:
    """Add the paths that were queried without an event of their own.

    These are the entries of a scanned folder, whose state comes with them, and the folder that `folder/../other` leads
    through. An entry that is gone by now was removed or moved, which is on record itself.
    """
    scanned = [
        (QUERIED, f"{path}/{name}") for kind, path in records if kind == SCANNED for name in _entries(path, folders)
    ]
    records = records + scanned
    return records + [(QUERIED, folder) for _, path in records for folder in _left_again(path)]


def _obstacle(kind: str, path: str, folders: WatchedFolders, straight: set[str]) -> str | None:
    """Return why a path keeps the inputs of the run from being known, if it does."""
    shown = ascii(path)[1:-1]
    if kind == MOVED:
        return f"it moved or linked {shown}"
    if kind == DATABASE:
        return f"it opened the database {shown}"
    if folders.owns(path) is None or not _is_text(path):
        return f"it looked at {shown}"
    if kind == OPENED and _kind_of(path) == _FOLDER:
        return f"it opened the folder {shown}"
    if path not in folders.placed and _passes_link(path, folders, straight):
        return f"it followed a symbolic link to {shown}"
    return None


def _passes_link(path: str, folders: WatchedFolders, straight: set[str]) -> bool:
    """Tell whether a path is a link or leads over one."""
    if _kind_of(path) == _LINK:
        return True
    for folder in _folders_of(dirname(path)):
        if folder in straight or folders.is_above(folder):
            return False
        if _kind_of(folder) == _LINK:
            return True
        straight.add(folder)
    return False


def _entries(path: str, folders: WatchedFolders) -> list[str]:
    """Names in a folder; not that of the repository, which has nothing to do with a commit's files."""
    try:
        return [name for name in listdir(path) if name != ".git"] if folders.owns(normpath(path)) else []
    except OSError:
        return []


def _left_again(path: str) -> list[str]:
    """Return the folders of `folder/../other`, which must be there, and must be no links for this to be `other`."""
    parts = path.split("/")
    return ["/".join(parts[:i]) for i in range(2, len(parts)) if parts[i] == ".." and parts[i - 1] != ".."]


def _kind_of(path: str) -> int:
    try:
        return lstat(path).st_mode & _TYPE
    except OSError:
        return 0


def _source(path: str) -> str:
    """Return the source that byte code is made of."""
    folder, found, name = path.partition(_BYTE_CODE)
    return f"{folder}/{name.partition('.')[0]}.py" if found and name.endswith(".pyc") else path


def _folders_of(path: str) -> list[str]:
    """Return a path and all folders that it lies in, the innermost first."""
    folders = [path]
    while dirname(path) != path:
        path = dirname(path)
        folders.append(path)
    return folders


def _folder_of(file: str) -> str:
    return file.rpartition("/")[0]


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
