"""History: commits, what they edit, and a checkout of one."""

from typing import Final

from memharness.model.values import CommitId, Value

NO_TIME: Final = -(1 << 53)  # of a commit without a readable time: earlier than any calendar goes
WORKTREE: Final = "WORKTREE"  # the working tree as a revision


class Commit(Value):
    """One commit of the project. `time` is the committer's, or NO_TIME.

    `working_tree`: it was made of the working tree, and is in no history.
    """

    id: CommitId
    parents: tuple[CommitId, ...]
    author: str
    time: int
    subject: str
    tags: tuple[str, ...] = ()
    working_tree: bool = False

    @property
    def short(self) -> str:
        """The first ten digits of the id, or WORKTREE: what users call it by."""
        return WORKTREE if self.working_tree else self.id[:10]


class Hunk(Value, array_like=True):
    """`removed` lines from line `before` on gave way to `added` lines from line `after` on, as in a git diff."""

    before: int
    removed: int
    after: int
    added: int


class FileEdit(Value):
    """What a commit did to one file: its path before and after (None: there was, or is, no such file), its hunks."""

    before: str | None
    after: str | None
    hunks: tuple[Hunk, ...] = ()


class Checkout(Value):
    """The files of one commit in a slot. `import_root` and `directory` are relative to `tree` ("." or "src")."""

    tree: str
    commit: str
    import_root: str
    packages: tuple[str, ...]  # top-level modules and packages below the import root, which alone are importable
    others: tuple[str, ...] = ()  # further names there, until the environment tells whether they are importable
    directory: str = "."  # the folder of the packaging files
