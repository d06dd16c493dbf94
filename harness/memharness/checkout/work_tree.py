"""A work tree in a slot, which moves from commit to commit.

Two repositories borrow the objects of the user's through `alternates`, so that the user's gains nothing. The one that
moves the tree lies beside it. The other is the `.git` that is found by what runs in the tree: `git describe` works in
it, and nothing of it is ever read here. Every lease makes both, and makes one anew when a file of it is gone. Byte code
that is part of a commit is never checked out.
"""

import contextlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from memharness.errors import INCOMPLETE, MemharnessError
from memharness.files.removal import remove
from memharness.git.repository import Repository, alternates_file, run_git
from memharness.git.snapshot import Snapshot, clear_snapshots, snapshot

_SETTINGS: Final = """[core]
\trepositoryformatversion = {version}
\tbare = false
\tlogAllRefUpdates = false
\thooksPath = /dev/null
\tattributesFile = /dev/null
\tautocrlf = false
\tprotectNTFS = false
\tprotectHFS = false
\tsparseCheckout = true
\tsparseCheckoutCone = false
[sparse]
\texpectFilesOutsideOfPatterns = true
[gc]
\tauto = 0
[maintenance]
\tauto = false
{extensions}"""
_SPARSE: Final = "/*\n!__pycache__/\n"  # git leaves these folders alone, and calls no tree dirty that lacks them
_DAMAGE: Final = ("unable to read", "missing blob", "missing tree", "bad object", "is corrupt")  # words of git's
_LATER: Final = (1 << 31) - 1  # seconds; the most that every file system can store


class WorkTree:
    """The work tree `folder`, and the repository `git_dir` that moves it.

    The files are to be changed through it alone, but for what git does not know.
    """

    def __init__(self, repository: Repository, folder: Path, git_dir: Path) -> None:
        self.folder = folder
        self._git_dir = git_dir
        self._shown = folder / ".git"
        self._repository = repository
        self._snapshot: Snapshot | None = None  # of the commit that it is at, if it is at any
        self._written: dict[Path, list[Path]] = {}  # by repository, the files without which it is not what it was
        self._refresh()

    @property
    def repositories(self) -> list[str]:
        """The files of both repositories that may have changed with the last move."""
        return [str(path) for written in self._written.values() for path in written]

    def move(self, commit: str, *, spoilt: bool) -> list[str] | None:
        """Put the files of `commit` in place; return the paths that differ from the commit before, if any was.

        None where all may differ, and nothing but the commit is there; else what git does not know stays.
        `spoilt` tells that files of the commit before were changed or removed. Raises MemharnessError where git
        fails, even in a rebuilt tree.
        """
        try:
            if not _intact([self.folder, *self._written[self._git_dir]]):
                self._refresh()
            return self._move(commit, spoilt=spoilt)
        except _GitError:
            clear_snapshots()
            self._refresh()
            try:
                return self._move(commit, spoilt=spoilt)
            except _GitError as failure:
                raise self._refusal(commit, str(failure)) from None

    def _refusal(self, commit: str, reason: str) -> MemharnessError:
        location = self._repository.location
        if any(words in reason for words in _DAMAGE):
            return MemharnessError(
                f"{location} lacks objects of commit {commit[:10]}, or they are damaged: {reason.splitlines()[0]}",
                hint=f"`git -C {location} fsck` lists them. Fetch them from another clone, or leave the commit out.",
                exit_code=INCOMPLETE,
            )
        return MemharnessError(
            f"Commit {commit[:10]} cannot be checked out in {self.folder}: {reason}",
            hint="Free some disk space there, or remove the folder of the slot, then run again.",
            exit_code=INCOMPLETE,
        )

    def restore(self, path: str) -> None:
        """Put back one file of the commit."""
        self._git("checkout", "--quiet", "--force", "--", path)

    def _move(self, commit: str, *, spoilt: bool) -> list[str] | None:
        before, self._snapshot = self._snapshot, None
        after = snapshot(self._repository, commit)
        self._update_alternates()
        if before != after or spoilt:
            self._git("checkout", "--quiet", "--force", "--detach", after.commit, "--")
            self._trust_index(self._git_dir / "index")
        if before != after or spoilt or not _intact(self._written[self._shown]):
            self._show(commit, after)
        self._snapshot = after
        return after.differs_from(before) if before else None

    def _trust_index(self, index: Path) -> None:
        """Date the index later than all files, or git reads again what it wrote in the second of the index.

        See git's Documentation/technical/racy-git. Whoever changes a file within that second is found out by its ctime
        in nanoseconds, as long as the lease lasts; the next one begins with an empty folder.
        """
        with contextlib.suppress(FileNotFoundError):
            os.utime(index, (_LATER, _LATER))

    def _refresh(self) -> None:
        """Begin with an empty tree, and repositories that borrow the objects and have the tags of the user's."""
        self._snapshot = None
        for folder in (self.folder, self._git_dir):
            remove(folder, folder.with_name("aside"))
        self.folder.mkdir()
        self._written = {folder: self._init(folder) for folder in (self._git_dir, self._shown)}

    def _init(self, git_dir: Path) -> list[Path]:
        """Make a repository without an index; return its files, and folders that it would not be one without."""
        repository = self._repository
        extended = repository.object_format != "sha1"
        extensions = f"[extensions]\n\tobjectFormat = {repository.object_format}\n" if extended else ""
        texts = {
            "config": _SETTINGS.format(version=int(extended), extensions=extensions).encode(),
            "HEAD": b"ref: refs/heads/none\n",
            "info/sparse-checkout": _SPARSE.encode(),
            "objects/info/alternates": self._alternates(),
            "packed-refs": repository.refs("refs/tags", "refs/replace"),
        }
        for name in ("shallow", "info/grafts"):
            with contextlib.suppress(FileNotFoundError):
                texts[name] = Path(repository.common_dir, name).read_bytes()
        for name, text in texts.items():
            (git_dir / name).parent.mkdir(parents=True, exist_ok=True)
            (git_dir / name).write_bytes(text)
        (git_dir / "refs/heads").mkdir(parents=True)
        return [git_dir / name for name in (*texts, "refs")]

    def _alternates(self) -> bytes:
        return alternates_file([self._repository.objects, *self._repository.alternates])

    def _update_alternates(self) -> None:
        """Have both repositories find what the snapshot is made of, which may have grown since they were made."""
        for git_dir in self._written:
            with contextlib.suppress(FileNotFoundError):
                path = git_dir / "objects/info/alternates"
                if path.read_bytes() != (alternates := self._alternates()):
                    path.write_bytes(alternates)

    def _show(self, commit: str, whole: Snapshot) -> None:
        """Make the repository in the tree one that stands at `commit`, with nothing changed."""
        if not _intact(self._written[self._shown]):
            remove(self._shown)
            self._written[self._shown] = self._init(self._shown)
        index = self._shown / "index"
        (self._shown / "HEAD").write_text(f"{commit}\n")
        unknown = whole.missing.keys() - {*whole.entries, *whole.filtered}  # git would not index it
        if whole.commit == commit or unknown:
            shutil.copyfile(self._git_dir / "index", index)
        else:
            variables = {"GIT_INDEX_FILE": str(index)}
            self._git("read-tree", commit, variables=variables)
            other = {*whole.filtered, *whole.missing} | {path for path in whole.entries if "__pycache__" in path}
            names = b"".join(os.fsencode(path) + b"\0" for path in other if _is_own_file(whole, path))
            self._git("update-index", "-z", "--skip-worktree", "--stdin", given=names, variables=variables)
        self._trust_index(index)
        for git_dir in (self._git_dir, self._shown):
            if git_dir / "index" not in self._written[git_dir]:
                self._written[git_dir].append(git_dir / "index")

    def _git(self, *arguments: str, given: bytes = b"", variables: Mapping[str, str] | None = None) -> bytes:
        where = [f"--git-dir={self._git_dir}", f"--work-tree={self.folder}"]
        result = run_git([*where, *arguments], folder=str(self.folder), isolated=True, given=given, variables=variables)
        if result.status:
            raise _GitError(result.messages.strip() or f"git {arguments[0]} exited with {result.status}")
        return result.output


class _GitError(Exception):
    """A git command failed; the tree may be rebuilt and the command tried again."""


def _intact(written: list[Path]) -> bool:
    """Tell whether all files are there: what was changed in one was removed with it."""
    return all(map(os.path.lexists, written))


def _is_own_file(whole: Snapshot, path: str) -> bool:
    """Tell whether a path is that of a file in the commit itself, not in a submodule."""
    file = path in whole.filtered or whole.entries.get(path, "").startswith("100")
    return file and not path.startswith(whole.submodules)
