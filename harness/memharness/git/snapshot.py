"""Snapshots: all that a commit puts into a work tree, with its submodules and what Git LFS keeps.

In: a repository and a commit. Out: a `Snapshot`, which git lists, reads and checks out like any commit: where the
commit does not hold everything itself, another commit that does is made in the cache folder. What is missing is named
with the reason. No command of the project or of a configuration runs.
"""

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeVar

from memharness.files.removal import scratch
from memharness.git.filters import filtered_contents, index_info
from memharness.git.repository import Repository, quoted
from memharness.git.submodules import entries, submodule_entries, submodule_ids, why_missing
from memharness.model.values import Value

T = TypeVar("T")

_NAME_BYTES, _PATH_BYTES = 255, 3900  # the most that Linux takes, less some for the folder of the tree
_FILES: Final = ("100", "120")  # modes of files and links begin like this
_FOLDER: Final = "040000"
_LOST: Final = "the repository lacks its contents: `git fsck` tells what else, another clone may have it"
NOBODY: Final = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "nobody"), ("EMAIL", "nobody"), ("DATE", "@0 +0000"))
}


class Snapshot(Value):
    """What a commit consists of; `commit` is the one to check out: the commit itself, or one made of it."""

    commit: str
    entries: dict[str, str]  # path -> "mode id" of files, folders, links, and of submodules that are missing
    missing: dict[str, str] = {}  # path -> why there is nothing, or not what the project means
    filtered: tuple[str, ...] = ()  # files with other contents than in the commit, or without any
    submodules: tuple[str, ...] = ()  # folders of those that are not missing, each with a slash at its end

    def differs_from(self, other: "Snapshot") -> list[str]:
        """Return the paths of files, links and missing submodules that only one has, or that differ, sorted."""
        entries = self.entries.items() ^ other.entries.items()
        return sorted({path for path, entry in entries if not entry.startswith(_FOLDER)})


@lru_cache(maxsize=64)
def snapshot(repository: Repository, commit: str) -> Snapshot:
    """Return all that a commit consists of, as far as it can be had without fetching submodules."""
    repository.fetch_missing(commit)
    own = entries(repository, commit)
    found: dict[str, str] = {}
    missing: dict[str, str] = {}
    contents: dict[str, Path] = {}
    waiting = {"": own}  # by the folder of the submodule
    submodules: list[str] = []
    while waiting:
        folder, listed = waiting.popitem()
        faults = _faults(repository, folder, listed)
        listed = {path: entry for path, entry in listed.items() if path not in faults}
        kept_elsewhere, unknown = filtered_contents(repository, listed)
        for path, id_ in submodule_ids(listed).items():
            inner = submodule_entries(repository, folder + path, id_)
            if inner is None:
                unknown[path] = why_missing(repository, id_)
            else:
                listed[path] = f"{_FOLDER} {id_}"
                submodules.append(f"{folder}{path}/")
                waiting[submodules[-1]] = inner
        found |= _below(folder, listed)
        missing |= _below(folder, faults | unknown)
        contents |= _below(folder, kept_elsewhere)
    for path, id_ in _store(repository, contents).items():
        found[path] = f"{found[path][:6]} {id_}"
    return Snapshot(
        commit=commit if found == own else _made(repository, found),
        entries=found,
        missing=missing,
        filtered=(*contents, *(path for path, reason in missing.items() if reason == _LOST)),
        submodules=tuple(submodules),
    )


def _faults(repository: Repository, folder: str, listed: Mapping[str, str]) -> dict[str, str]:
    """Return path -> reason of the files that cannot be checked out."""
    unwritable = {path: fault for path in listed if (fault := _unwritable(folder + path))}
    return unwritable | dict.fromkeys(_lost(repository, listed), _LOST)


def clear_snapshots() -> None:
    """Have snapshots made again: what they consist of may be gone from the cache folder."""
    snapshot.cache_clear()
    _stored.clear()


_present: Final[set[tuple[str, str]]] = set()  # repository and id of contents that were found


def _lost(repository: Repository, listed: Mapping[str, str]) -> list[str]:
    """Return the paths of files whose contents the repository should have and lacks."""
    files = {path: (repository.id, entry[7:]) for path, entry in listed.items() if entry.startswith(_FILES)}
    new = {*files.values()} - _present
    if new:
        asked = "".join(f"{id_}\n" for _, id_ in sorted(new)).encode()
        answers = repository.git("cat-file", "--batch-check=%(objectname)", given=asked).decode().splitlines()
        _present.update((repository.id, line) for line in answers if not line.endswith(" missing"))
    return [path for path, key in files.items() if key not in _present]


def _below(folder: str, paths: Mapping[str, T]) -> dict[str, T]:
    return {folder + path: value for path, value in paths.items()}


def _unwritable(path: str) -> str:
    """Say why git, or a file system, would not write a path; "" where it would."""
    names = os.fsencode(path).split(b"/")
    if any(name.lower() in (b"", b".", b"..", b".git") for name in names):
        return "git refuses to write it, because of its name"
    if max(map(len, names)) > _NAME_BYTES or sum(map(len, names)) + len(names) > _PATH_BYTES:
        return "its name is too long for a file system"
    return ""


_stored: Final[dict[tuple[str, Path], str]] = {}  # repository and file -> id of its contents


def _store(repository: Repository, files: Mapping[str, Path]) -> dict[str, str]:
    """Have git keep the contents of files, each once; return name -> id."""
    new = [file for file in dict.fromkeys(files.values()) if (repository.id, file) not in _stored]
    if new:
        names = b"".join(os.fsencode(quoted(str(file))) + b"\n" for file in new)
        ids = repository.derive("hash-object", "-w", "--no-filters", "--stdin-paths", given=names).decode().split()
        _stored.update({(repository.id, file): id_ for file, id_ in zip(new, ids, strict=True)})
    return {name: _stored[repository.id, file] for name, file in files.items()}


def _made(repository: Repository, found: Mapping[str, str]) -> str:
    """Make a commit of entries, and return its id, which is the same for the same entries."""
    with scratch(Path(repository.derived_repository()), "index-") as folder:
        index = {"GIT_INDEX_FILE": f"{folder}/index"}
        repository.derive("update-index", "-z", "--index-info", given=index_info(found), variables=index)
        tree = repository.derive("write-tree", "--missing-ok", variables=index).decode().strip()
    return repository.derive("commit-tree", "-m", "", tree, variables=NOBODY).decode().strip()
