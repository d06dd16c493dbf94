"""The working tree as a commit: what lies in it now, committed or not, tracked or not, unless it is ignored.

In: a repository with a working tree. Out: a `Commit` on top of HEAD, or HEAD itself where nothing differs. Its id
depends on HEAD and the contents alone, and its objects are in the cache folder. git works on a copy of the index in a
repository of its own: the user's is only read, and none of its hooks, file-system monitors and filters runs.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from memharness.errors import INCOMPLETE, MemharnessError
from memharness.files.removal import scratch
from memharness.git.filters import index_info
from memharness.git.history import OF_WORKING_TREE, find_commit
from memharness.git.repository import Repository, open_repository, run_git, work_tree
from memharness.git.snapshot import NOBODY
from memharness.git.submodules import entries, submodule_ids
from memharness.model.history import NO_TIME, Commit
from memharness.wording.text import names_text, number_text

# The settings by which git tells files from what the index has of them. Others could run something.
_SETTINGS: Final = (
    *("autocrlf", "eol", "checkroundtripencoding", "attributesfile", "excludesfile"),
    *("filemode", "symlinks", "ignorecase", "precomposeunicode", "trustctime", "checkstat"),
    *("sparsecheckout", "sparsecheckoutcone"),
)
_ALWAYS: Final = ("core.bare=false", "core.safecrlf=false", "core.splitIndex=false", "core.looseCompression=0")
_ATTEMPTS: Final = 5  # at files that change while they are read
_SUBMODULE: Final = "160000"
_SPARSE: Final = b"sdir"  # extension of an index in which a folder stands for its files


def working_tree_commit(repository: Repository, *, without: Sequence[Path] = ()) -> Commit:
    """Return the working tree as a commit; HEAD where the two have the same contents.

    Edits in the folders `without` do not count. Raises MemharnessError where the repository has no working tree, where
    files are unmerged, and where files change each time that they are read.
    """
    head = _head(repository)
    tree = _WorkingTree(repository, working_tree_folder(repository), repository, without).write()
    if head and tree == _tree_of(repository, head):
        return find_commit(repository, head)
    parents = ("-p", head) if head else ()
    variables = NOBODY | repository.alternates_variable(derived=True)
    made = repository.derive("commit-tree", *parents, "-m", OF_WORKING_TREE, tree, variables=variables)
    return Commit(
        id=made.decode().strip(),
        parents=(head,) if head else (),
        author="",
        time=NO_TIME,
        subject=f"edits since {head[:10]}" if head else "no commit is checked out",
        working_tree=True,
    )


def working_tree_folder(repository: Repository) -> Path:
    """Return the folder of the working tree; raise MemharnessError where the repository has none."""
    location = Path(repository.location)
    found = work_tree(location if location.is_dir() else location.parent) if location.exists() else None
    if found is None:
        raise MemharnessError(
            f"{repository.location} has no working tree",
            hint="Name commits, or set `repo` to a clone that has files checked out.",
        )
    return found


def _head(repository: Repository) -> str:
    """Return the id of the commit that is checked out; "" where there is none."""
    return repository.try_git("rev-parse", "--verify", "--quiet", "HEAD^{commit}").output.decode().strip()


def _tree_of(repository: Repository, commit: str) -> str:
    return repository.git("rev-parse", "--verify", f"{commit}^{{tree}}").decode().strip()


class _WorkingTree:
    """The files in the `folder` of a repository, to be written as a tree into what `store` has in the cache."""

    def __init__(self, repository: Repository, folder: Path, store: Repository, without: Sequence[Path] = ()) -> None:
        self._repository = repository
        self._folder = folder
        self._store = store
        inside = [path.relative_to(folder) for path in without if path.is_relative_to(folder)]
        self._pathspec = ("--", *(f":(top,exclude,literal){path}" for path in inside))
        self._nothing = f"0 {'0' * (40 if repository.object_format == 'sha1' else 64)}"  # an entry to be removed
        self._settings = [word for setting in (*self._configured(), *_ALWAYS) for word in ("-c", setting)]

    def write(self) -> str:
        """Write a tree of all that counts, with that of submodules in which something is edited; return its id."""
        derived = Path(self._store.derived_repository())
        self._store.add_alternates([self._repository.objects])
        with scratch(derived, "index-") as place:
            self._copy_index(place)
            self._take_edits(place)
            tree = self._git(place, "write-tree", "--missing-ok").decode().strip()
            if self._take_submodules(place, submodule_ids(entries(self._store, tree))):
                tree = self._git(place, "write-tree", "--missing-ok").decode().strip()
        return tree

    def _configured(self) -> Iterator[str]:
        """Yield the settings that apply to the files, "core.eol=lf"."""
        found = self._repository.try_git("config", "-z", "--get-regexp", rf"^core\.({'|'.join(_SETTINGS)})$")
        for setting in os.fsdecode(found.output).split("\0")[:-1]:
            name, given, value = setting.partition("\n")
            yield f"{name}={value}" if given else name  # a name alone means true

    def _copy_index(self, place: Path) -> None:
        """Make a repository in `place` that has the index, and what else says which files count."""
        repository = self._repository
        own, common = Path(repository.git_dir), Path(repository.common_dir)
        version = int(repository.object_format != "sha1")
        extensions = f"[extensions]\n\tobjectFormat = {repository.object_format}\n" if version else ""
        (place / "config").write_text(f"[core]\n\trepositoryformatversion = {version}\n{extensions}")
        (place / "HEAD").write_text("ref: refs/heads/none\n")
        for folder in ("refs", "objects", "info"):
            (place / folder).mkdir()
        wanted = [own / "index", *own.glob("sharedindex.*"), own / "info/sparse-checkout"]
        for path in (*wanted, common / "info/exclude", common / "info/attributes"):
            with contextlib.suppress(FileNotFoundError):
                target = place / "info" if path.parent.name == "info" else place
                shutil.copy2(path, target)  # with its time: git doubts files that are as young as the index
        with contextlib.suppress(FileNotFoundError):
            if _SPARSE in (place / "index").read_bytes():
                self._copy_trees(place)

    def _copy_trees(self, place: Path) -> None:
        """Copy the folders that stand for their files in the index, without which git cannot read it."""
        listed = self._git(place, "-c", "index.sparse=true", "ls-files", "-z", "--sparse", "--stage")
        trees = [record.split()[1] for record in listed.split(b"\0") if record.startswith(b"040000")]
        how = ("--revs", "--stdout", "--quiet", "--filter=blob:none")
        packed = self._repository.git("pack-objects", *how, given=b"".join(id_ + b"\n" for id_ in trees))
        self._git(place, "index-pack", "--stdin", given=packed)

    def _take_edits(self, place: Path) -> None:
        """Bring the copy of the index up to the files, until nothing was changed meanwhile."""
        for _ in range(_ATTEMPTS):
            gone, edited = self._edited(place)
            if not gone and not edited:
                return
            self._enter(place, dict.fromkeys(gone, self._nothing))
            names = b"".join(os.fsencode(name) + b"\0" for name in edited)
            self._git(place, "update-index", "-z", "--add", "--remove", "--stdin", given=names)
        raise MemharnessError(
            f"{self._folder}: files change each time that they are read: {names_text([*gone, *edited])}",
            hint="Wait until nothing writes there, or have git ignore what is written.",
            exit_code=INCOMPLETE,
        )

    def _edited(self, place: Path) -> tuple[list[str], list[str]]:
        """Return the paths of files that only the index has, and of those that differ or that it does not have."""
        compared = self._git(place, "diff-files", "-z", "--name-status", "--ignore-submodules=all", *self._pathspec)
        fields = os.fsdecode(compared).split("\0")
        states = list(zip(fields[::2], fields[1::2], strict=False))
        if unmerged := [path for state, path in states if state == "U"]:
            raise MemharnessError(
                f"{self._folder}: {number_text(len(unmerged), 'file')} with unresolved conflicts: "
                f"{names_text(unmerged)}",
                hint="Resolve them and `git add` each, or end what is in progress: `git status` says how.",
            )
        untracked = self._git(place, "ls-files", "-z", "--others", "--exclude-standard", *self._pathspec)
        others = [path for path in os.fsdecode(untracked).split("\0")[:-1] if not path.endswith("/")]  # a repository
        gone = [path for state, path in states if state == "D"]
        return gone, [*(path for state, path in states if state != "D"), *others]

    def _take_submodules(self, place: Path, ids: dict[str, str]) -> bool:
        """Replace submodules by the commit that is checked out there, or by their files; tell whether any was."""
        found = {path: self._submodule(path) or f"{_SUBMODULE} {id_}" for path, id_ in ids.items()}
        moved = {path: entry for path, entry in found.items() if entry != f"{_SUBMODULE} {ids[path]}"}
        trees = {path: entry for path, entry in moved.items() if not entry.startswith(_SUBMODULE)}
        self._enter(place, moved | dict.fromkeys(trees, self._nothing))
        for path, tree in trees.items():
            self._git(place, "read-tree", f"--prefix={path}/", tree)
        return bool(moved)

    def _enter(self, place: Path, listed: Mapping[str, str]) -> None:
        """Enter path -> "mode id" into the copy of the index."""
        if listed:
            self._git(place, "update-index", "-z", "--index-info", given=index_info(listed))

    def _submodule(self, path: str) -> str | None:
        """Return "160000 id" of the commit of a submodule, or the id of a tree where its files differ from that."""
        folder = self._folder / path
        if not os.path.lexists(folder / ".git"):
            return None
        try:
            inner = open_repository(str(folder), Path(self._store.cache))
        except MemharnessError:  # it has no commits, or is none
            return None
        tree, head = _WorkingTree(inner, folder, self._store).write(), _head(inner)
        return f"{_SUBMODULE} {head}" if head and tree == _tree_of(inner, head) else tree

    def _git(self, place: Path, *arguments: str, given: bytes = b"") -> bytes:
        """Run git on the files and the copy of the index.

        It finds none of the user's objects: it would date those anew that it writes once more.
        """
        variables = {
            "GIT_OBJECT_DIRECTORY": f"{self._store.derived_repository()}/objects",
            **{name: os.environ[name] for name in ("HOME", "XDG_CONFIG_HOME") if name in os.environ},
        }
        where = [f"--git-dir={place}", f"--work-tree={self._folder}", *self._settings]
        done = run_git([*where, *arguments], folder=str(self._folder), variables=variables, isolated=True, given=given)
        if done.status:
            raise MemharnessError(
                f"{self._folder}: the working tree cannot be read: {done.messages.strip() or done.status}",
                hint="Make the files readable, or have git ignore them; `git status` must work there.",
            )
        return done.output
