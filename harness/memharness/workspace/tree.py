"""The tree of a slot: a repository of its own that moves from commit to commit.

It borrows the objects of the user's repository through `alternates`: `git describe` works in it, and the user's
repository gains nothing. Byte code that is part of a commit is never checked out.

One git process moves it; what differs is asked of another that stays, since every start of one costs 2 ms.
"""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from memharness.errors import INCOMPLETE, MemharnessError
from memharness.leftovers import remove
from memharness.repository import GitResult, Repository, run_git, start_git

_SETTINGS: Final = """[core]
\trepositoryformatversion = {version}
\tbare = false
\tlogAllRefUpdates = false
\thooksPath = /dev/null
\tattributesFile = /dev/null
\tautocrlf = false
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
_UNTOUCHED: Final = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}  # no filters, no hooks
_LATER: Final = (1 << 31) - 1  # seconds; the most that every file system can store
_END: Final = b"/end\n"  # no path begins like this


class Tree:
    """The repository in `folder`. Its files are to be changed through it alone, but for what git does not know."""

    def __init__(self, repository: Repository, folder: Path) -> None:
        self.folder = folder
        self._repository = repository
        self._at: str | None = None
        self._differ: _Differ | None = None
        self._refresh()

    def move(self, commit: str, *, spoilt: bool) -> list[str] | None:
        """Put the files of `commit` in place; return the paths that differ from the commit before, if any was.

        None where all may differ, and nothing but the commit is there; else what git does not know stays.
        `spoilt` tells that files of the commit before were changed or removed. Raises MemharnessError where git
        fails, even in a rebuilt tree.
        """
        try:
            return self._move(commit, spoilt=spoilt)
        except _GitError:
            self._refresh(rebuild=True)
            try:
                return self._move(commit, spoilt=spoilt)
            except _GitError as failure:
                raise MemharnessError(
                    f"Commit {commit[:10]} cannot be checked out in {self.folder}: {failure}",
                    hint="Free some disk space there, or remove the folder of the slot, then run again.",
                    exit_code=INCOMPLETE,
                ) from None

    def restore(self, path: str) -> None:
        """Put back one file of the commit."""
        self._git("checkout", "--quiet", "--force", "--", path)

    def close(self) -> None:
        """End the process that stays."""
        if self._differ is not None:
            self._differ.end()
            self._differ = None

    def _move(self, commit: str, *, spoilt: bool) -> list[str] | None:
        before, self._at = self._at, None
        changed = self._changed(before, commit) if before else None
        if before != commit or spoilt:
            self._git("checkout", "--quiet", "--force", "--detach", commit, "--")
            self._trust_index()
        if before is None:
            self._git("clean", "--quiet", "-ffdx")
        self._at = commit
        return changed

    def _changed(self, old: str, new: str) -> list[str]:
        if old == new:
            return []
        if self._differ is None:
            self._differ = _Differ(self.folder)
        return self._differ.changed(old, new)

    def _trust_index(self) -> None:
        """Date the index later than all files, or git reads again what it wrote in the second of the index.

        See git's Documentation/technical/racy-git. Whoever changes a file within that second is found out by its ctime
        in nanoseconds, as long as the lease lasts; `_refresh` turns to git's own care again.
        """
        with contextlib.suppress(FileNotFoundError):
            os.utime(self.folder / ".git/index", (_LATER, _LATER))

    def _distrust_index(self) -> None:
        index = self.folder / ".git/index"
        with contextlib.suppress(FileNotFoundError):
            written = index.stat().st_ctime_ns
            os.utime(index, ns=(written, written))

    def _refresh(self, *, rebuild: bool = False) -> None:
        """Make the tree a repository that borrows the objects and has the present tags of the user's."""
        repository, git_dir = self._repository, self.folder / ".git"
        self._at = None
        self.close()
        if rebuild or not (git_dir / "objects").is_dir():
            remove(self.folder)
        for folder in ("objects/info", "refs/heads", "info"):
            (git_dir / folder).mkdir(parents=True, exist_ok=True)
        extended = repository.object_format != "sha1"
        extensions = f"[extensions]\n\tobjectFormat = {repository.object_format}\n" if extended else ""
        (git_dir / "config").write_text(_SETTINGS.format(version=int(extended), extensions=extensions))
        (git_dir / "info/sparse-checkout").write_text(_SPARSE)
        (git_dir / "objects/info/alternates").write_text(f"{repository.common_dir}/objects\n")
        tags = repository.git("for-each-ref", "--format=%(objectname) %(refname)", "refs/tags")
        (git_dir / "packed-refs").write_bytes(tags)
        if not (git_dir / "HEAD").exists():
            (git_dir / "HEAD").write_text("ref: refs/heads/none\n")
        shallow = Path(repository.common_dir) / "shallow"
        if shallow.exists():
            shutil.copy(shallow, git_dir / "shallow")
        else:
            (git_dir / "shallow").unlink(missing_ok=True)
        self._distrust_index()

    def _git(self, *arguments: str) -> None:
        place = [f"--work-tree={self.folder}", *_place(self.folder)]
        result: GitResult = run_git([*place, *arguments], folder=str(self.folder), variables=_UNTOUCHED)
        if result.status:
            raise _GitError(result.messages.strip() or f"git {arguments[0]} exited with {result.status}")


class _Differ:
    """A `git diff-tree --stdin`, which echoes what is no commit id and then lets go of all it had to say."""

    def __init__(self, folder: Path) -> None:
        how = ["-r", "-z", "--no-renames", "--name-only", "--no-commit-id"]
        arguments = [*_place(folder), "diff-tree", "--stdin", *how]
        self._process: subprocess.Popen[bytes] = start_git(arguments, folder=str(folder), variables=_UNTOUCHED)

    def changed(self, old: str, new: str) -> list[str]:
        """Return the paths that differ between two commits."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{new} {old}\n".encode() + _END)  # the old one in the place of a parent
            self._process.stdin.flush()
        output = b""
        while output != _END and not output.endswith(b"\0" + _END):
            line = self._process.stdout.readline()
            if not line:
                raise _GitError("git diff-tree ended")
            output += line
        return [os.fsdecode(path) for path in output[: -len(_END)].split(b"\0") if path]

    def end(self) -> None:
        """Let it end, and wait until it has."""
        with contextlib.suppress(BrokenPipeError), self._process:  # which closes the pipes
            pass


class _GitError(Exception):
    """A git command failed; the tree may be rebuilt and the command tried again."""


def _place(folder: Path) -> list[str]:
    return [f"--git-dir={folder}/.git"]
