"""Which results hold for another commit as well: those of a run that would see nothing there but what it saw. Pure.

A `CommitTree` is what a commit has at every path, `ObservedInputs` are the paths that matter to a result. The two make
a proof: where two commits have the same one, the run would open the same files, miss the same ones and list the same
folders. A listing counts whole, since importing a module keeps the listing of its folder in memory. Over 200 commits
each of five projects, comparing names alone gave ten false matches, and comparing whole listings none.
"""

import hashlib
from collections.abc import Iterable, Mapping
from functools import cached_property

from memharness.model.measurements import ObservedInputs
from memharness.model.metrics import PassName
from memharness.model.values import Value

_FOLDER = "040000"
_LINK = "120000"
_SUBMODULE = "160000"


class CommitTree:
    """What a commit has: path -> "mode id", folders included, as git tells it."""

    def __init__(self, entries: Mapping[str, str]) -> None:
        self._entries = entries

    @cached_property
    def files(self) -> dict[str, str]:
        """Path -> blob id of every file, submodules left out."""
        aside = (_FOLDER, _SUBMODULE)
        return {path: entry[7:] for path, entry in self._entries.items() if not entry.startswith(aside)}

    def entry(self, path: str) -> str:
        """Return mode and id of what is at a path, of a folder those of all that it holds; "" for nothing."""
        return self._entries.get(path, "")

    def proof(self, observed: ObservedInputs) -> str | None:
        """Return a digest of all that a pass observed; None where symbolic links lead on to what nobody recorded."""
        parts = [self._attributes, self._unreported(observed)]
        for path in observed.paths:
            if path.endswith("/"):  # a file, a link, or a folder with all that it holds, for which its id stands
                parts.append(self._all if path == "./" else self._entries.get(path[:-1], ""))
                continue
            entry = self._entries.get(path, "")
            if entry.startswith(_LINK) or (not entry and self._linked(path)):
                return None
            parts.append(_FOLDER if entry.startswith(_FOLDER) else entry)
        for folder in observed.folders:
            if self._linked(f"{folder}/"):
                return None
            mode = self._entries.get(folder, "")[: len(_FOLDER)]  # a file in its place is no empty folder
            parts.append("/".join((mode, *self._names.get(folder, ()))))
        return _digest(parts)

    def _unreported(self, observed: ObservedInputs) -> str:
        """Return a digest of what libraries other than Python's own may have seen beside the paths of `observed`."""
        if not observed.native:
            return ""
        return self._other_names if observed.watched else self._others

    def _linked(self, path: str) -> bool:
        """Tell whether a path leads through a symbolic link."""
        parts = path.split("/")
        folders = ("/".join(parts[:end]) for end in range(1, len(parts)))
        return any(self._entries.get(folder, "").startswith(_LINK) for folder in folders)

    @cached_property
    def _names(self) -> dict[str, list[str]]:
        """Folder -> the sorted names in it."""
        names: dict[str, list[str]] = {}
        for path in sorted(self._entries):
            folder, _, name = path.rpartition("/")
            names.setdefault(folder, []).append(name)
        return names

    @cached_property
    def _attributes(self) -> str:
        """Digest of the files that say how git writes the others."""
        return _digest(
            f"{path} {self._entries[path]}" for path in sorted(self.files) if path.endswith(".gitattributes")
        )

    @cached_property
    def _all(self) -> str:
        """Digest of everything."""
        return _digest(f"{path} {self._entries[path]}" for path in sorted(self._entries))

    @cached_property
    def _others(self) -> str:
        """Digest of all files but Python's sources: of what a library that is not Python's own may read."""
        return _digest(f"{path} {entry}" for path, entry in self._other_files)

    @cached_property
    def _other_names(self) -> str:
        """Digest of names and modes of the same files, and of where links lead: of what such a library may ask for."""
        return _digest(f"{path} {entry if entry.startswith(_LINK) else entry[:6]}" for path, entry in self._other_files)

    @cached_property
    def _other_files(self) -> list[tuple[str, str]]:
        """All files but Python's sources, with links that are named like one; sorted."""
        entries = ((path, self._entries[path]) for path in sorted(self.files))
        return [(path, entry) for path, entry in entries if not path.endswith(".py") or entry.startswith(_LINK)]

    @cached_property
    def folders(self) -> tuple[str, ...]:
        """The folders that hold something; "" is the tree itself."""
        return tuple(self._names)


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()


class ReuseKey(Value):
    """Where a result holds, beside what was seen: for one case in one kind of environment, laid out in one way."""

    family: str
    case: str
    identity: str
    environment: str  # key of what the environment depends on
    import_root: str
    packages: tuple[str, ...]


class ReusableResults:
    """The measured commits whose results may hold for others: key and pass -> inputs -> proof -> commit."""

    def __init__(self) -> None:
        self._known: dict[tuple[ReuseKey, PassName], dict[str, tuple[ObservedInputs, dict[str, str]]]] = {}

    def add(self, key: ReuseKey, inputs: Mapping[PassName, ObservedInputs], tree: CommitTree, commit: str) -> None:
        """Add what passes saw at `commit`, whose files are `tree`; the first of equal ones stays."""
        for name, observed in inputs.items():
            proof = tree.proof(observed)
            if proof is not None:
                known = self._known.setdefault((key, name), {})
                known.setdefault(observed.id, (observed, {}))[1].setdefault(proof, commit)

    def find(self, key: ReuseKey, passes: frozenset[PassName], tree: CommitTree) -> dict[PassName, str] | None:
        """Return the commit whose result holds at `tree`, for each of `passes`; None where one has none."""
        found: dict[PassName, str] = {}
        for name in sorted(passes):
            tried = reversed(self._known.get((key, name), {}).values())  # the latest first: it changes seldom
            holds = (proofs.get(tree.proof(observed) or "") for observed, proofs in tried)
            commit = next((commit for commit in holds if commit), None)
            if commit is None:
                return None
            found[name] = commit
        return found
