"""The history of the project, read from git: a range of revisions -> the commits to measure, and what they changed.

In: a `Repository` and a `RevisionRange`. Out: `Commit` values, oldest first, along first parents. Every list is one
git process whatever its length. Errors name the revision and say what to do instead.
"""

import contextlib
import difflib
import re
import subprocess
from collections.abc import Iterator, Sequence
from typing import Final, Self

from memharness.errors import MemharnessError
from memharness.git.repository import Repository, start_git
from memharness.git.snapshot import NOBODY, snapshot
from memharness.git.submodules import entries
from memharness.model.history import NO_TIME, WORKTREE, Commit, FileEdit, Hunk
from memharness.model.values import Value

OF_WORKING_TREE: Final = "working tree"  # subject of commits that are made of one
_FIELDS: Final = ("%H", "%P", "%an", "%ct", "%D", "%s")
_GET_REST: Final = (
    "Get the rest of the history with `git fetch --unshallow --tags` (in CI, check out with fetch-depth: 0). "
    "See `memharness help ci`."
)
_CUT_OFF: Final = (
    "the clone is shallow. What is stored of older commits is not compared with, and no change before can be found. "
    + _GET_REST
)
_WORKTREE: Final = "WORKTREE stands for the working tree in `compare` and `show`; `run` has --worktree."
_HEADERS: Final = {
    b"--- ": ("before", b"a/"),
    b"+++ ": ("after", b"b/"),
    b"rename from ": ("before", b""),
    b"rename to ": ("after", b""),
}
_NAME: Final = re.compile(rb"(--- |\+\+\+ |rename from |rename to )(.*)", re.DOTALL)
_SUBMODULE_MODE: Final = re.compile(rb"^(index \S+|(new|old|deleted)( file)? mode) 160000$", re.MULTILINE)
_MODIFIED_PYTHON: Final = re.compile(rb":\d+ 100\d+ \w+ \w+ M\t(.*\.py\"?)")
_HUNK: Final = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


class RevisionRange(Value):
    """Which commits to measure, along the first parents of `until`; all of them where nothing else is set."""

    since: str | None = None  # included, as the baseline
    base: str | None = None  # like A in A..B: where it and `until` part is the baseline
    until: str = "HEAD"
    last: int | None = None  # the newest so many
    tags: bool = False  # tagged commits only

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read "A..B", "A.." or "..B": the commits of B since A and B parted, and that point as the baseline."""
        base, dots, until = text.partition("..")
        if not dots or until.startswith("."):
            raise MemharnessError(f"{text!r} is not a range of revisions", hint='Write it as "v1.0..main".')
        return cls(base=base or None, until=until or "HEAD")


def select_commits(repository: Repository, wanted: RevisionRange) -> tuple[Commit, ...]:
    """Return the commits of a range, oldest first.

    Raises MemharnessError for an unknown revision, one that is not on the first-parent line, and an empty range.
    """
    commits = [commit for commit in _first_parents(repository, wanted) if commit.tags or not wanted.tags]
    if wanted.last is not None:
        commits = commits[max(0, len(commits) - wanted.last) :]
    if not commits:
        raise _empty(wanted)
    return tuple(commits)


def _first_parents(repository: Repository, wanted: RevisionRange) -> list[Commit]:
    """Return all commits of a range and its baseline."""
    until, edge = resolve(repository, wanted.until), wanted.since if wanted.since is not None else wanted.base
    if edge is None:
        return _log(repository, until)
    start = resolve(repository, edge)
    if wanted.since is None:
        start = _merge_base(repository, start, until, wanted)
    commits = _log(repository, until, "--not", start)
    if start != until:
        _check_line(repository, commits, start=start, edge=edge, wanted=wanted)
    return [*_log(repository, start, "--max-count=1"), *commits]


def shortfall(repository: Repository, wanted: RevisionRange, found: Sequence[Commit]) -> str | None:
    """Say why a range has fewer commits than were asked for, or that a shallow clone has no more; else None."""
    if wanted.since is not None or wanted.base is not None or wanted.tags:
        return None
    count = f"there are only {len(found):,} commits" if len(found) != 1 else "there is only 1 commit"
    if repository.shallow and not found[0].parents:
        return f"{count}: {_CUT_OFF}"
    enough = wanted.last is None or len(found) >= wanted.last
    return None if enough else f"{count}: the history begins with {found[0].id[:10]}"


def find_commit(repository: Repository, revision: str) -> Commit:
    """Return the commit that `revision` names; raise MemharnessError otherwise."""
    commit = _log(repository, resolve(repository, revision), "--max-count=1")[0]
    refuse_former_working_tree(commit, revision)
    return commit


def refuse_former_working_tree(commit: Commit, revision: str) -> None:
    """Raise MemharnessError where a commit was made of a working tree: nothing of it belongs among the results."""
    if (commit.author, commit.subject) == (NOBODY["GIT_AUTHOR_NAME"], OF_WORKING_TREE):
        raise MemharnessError(f"{revision} is no commit of the project: it stands for a working tree", hint=_WORKTREE)


def branch_line(repository: Repository, line: str, tip: str) -> tuple[Commit, ...]:
    """Return the first-parent commits of a branch up to `tip`, oldest first, behind the commit where it left `line`.

    Empty where all of it is part of `line`, or the two have no commit in common.
    """
    commits = _log(repository, tip, "--not", line)
    if not commits or not commits[0].parents:
        return ()
    return (*_log(repository, commits[0].parents[0], "--max-count=1"), *commits)


def commit_ids(repository: Repository, until: str = "HEAD") -> tuple[str, ...]:
    """Return the ids of the whole first-parent line of `until`, the newest first."""
    output = repository.git("rev-list", "--first-parent", resolve(repository, until), "--")
    return tuple(output.decode().split())


def resolve(repository: Repository, revision: str) -> str:
    """Return the full id of the commit that `revision` names; raise MemharnessError otherwise."""
    if revision.startswith("-") or not revision.strip():
        raise MemharnessError(
            f"{revision!r} is not a revision",
            hint="A revision is a tag, a branch or a commit id, with no dash in front.",
        )
    found = repository.try_git("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    if "is ambiguous" in found.messages:
        raise MemharnessError(
            f"{revision!r} is ambiguous in {repository.location}",
            hint=f"Write refs/tags/{revision} or refs/heads/{revision}, or more digits of the commit id.",
        )
    if found.status:
        raise _unknown(repository, revision)
    return found.output.decode().strip()


def is_ancestor(repository: Repository, ancestor: str, commit: str) -> bool:
    """Tell whether `commit` contains `ancestor` in its history; a commit contains itself."""
    return repository.try_git("merge-base", "--is-ancestor", ancestor, commit).status == 0


def count_between(repository: Repository, old: str, new: str) -> int:
    """Return the number of first-parent commits of `new` after `old`, which is not counted."""
    return int(repository.git("rev-list", "--count", "--first-parent", new, f"^{old}", "--"))


def file_edits(repository: Repository, old: str, new: str) -> tuple[FileEdit, ...]:
    """Return what differs between two commits, file by file, also within submodules that the clone has.

    A renamed file is compared with its former self. Lines in which white space alone changed are in no hunk; a Python
    file without any other change is there all the same, since its blocks may have changed.
    """
    output = _difference(repository, old, new)
    if _SUBMODULE_MODE.search(output):
        output = _difference(repository, snapshot(repository, old).commit, snapshot(repository, new).commit)
    edits = tuple(_parse_diff(output))
    others = [_diff_path(line[1], b"") for line in map(_MODIFIED_PYTHON.fullmatch, output.split(b"\n")) if line]
    with_hunks = {edit.after for edit in edits}
    return (*edits, *(FileEdit(before=path, after=path) for path in others if path not in with_hunks))


def _parse_diff(output: bytes) -> Iterator[FileEdit]:
    names: dict[str, str | None] = {}
    hunks: list[Hunk] = []
    lines = iter((*output.split(b"\n"), b"diff --git end"))
    for line in lines:
        if hunk := _HUNK.match(line):
            removed, added = int(hunk[2] or 1), int(hunk[4] or 1)
            hunks.append(Hunk(before=int(hunk[1]), removed=removed, after=int(hunk[3]), added=added))
            _skip(lines, removed + added)
        elif name := _NAME.match(line):
            side, prefix = _HEADERS[name[1]]
            names[side] = _diff_path(name[2], prefix)
        elif line.startswith(b"diff --git "):
            if names:
                yield FileEdit(before=names["before"], after=names["after"], hunks=tuple(hunks))
            names, hunks = {}, []


def _difference(repository: Repository, old: str, new: str) -> bytes:
    return repository.git(
        *("-c", "core.quotePath=false", "diff-tree", "-r", "-p", "--raw", "-U0", "-w", "-M", "--no-color"),
        *("--submodule=short", "--no-ext-diff", "--no-textconv", "--full-index", "--end-of-options", old, new, "--"),
    )


def _skip(lines: Iterator[bytes], count: int) -> None:
    """Skip the body of a hunk, whose lines may look like headers; remarks on a missing line end do not count."""
    while count:
        count -= not next(lines).startswith(b"\\")


def blob_ids(repository: Repository, commit: str) -> dict[str, str]:
    """Return path -> blob id of every file of a commit (submodules left out)."""
    aside = ("040000", "160000")  # folders, submodules
    return {path: entry[7:] for path, entry in entries(repository, commit).items() if not entry.startswith(aside)}


class BlobReader:
    """Reads files of commits, however many, through one git process, which starts with the first of them.

    To be used as a context, at whose end git ends.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._git: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._git is not None:
            self._git.communicate()

    def read(self, commit: str, path: str) -> bytes | None:
        """Return the contents of a file of a commit; None where it has no such file."""
        if "\n" in path:  # one line is one question
            return self._read_alone(commit, path)
        if self._git is None:
            folder, variables = self._repository.git_dir, self._repository.alternates_variable()
            self._git = start_git([f"--git-dir={folder}", "cat-file", "--batch"], folder=folder, variables=variables)
        git = self._git
        assert git.stdin is not None
        assert git.stdout is not None
        answer = b""
        with contextlib.suppress(BrokenPipeError):
            git.stdin.write(f"{commit}:{path}\n".encode(errors="surrogateescape"))
            git.stdin.flush()
            answer = git.stdout.readline()
        if not answer:
            raise MemharnessError(
                f"{self._repository.location}: git ended while it read {path} of {commit[:10]}",
                hint=f"Run `git -C {self._repository.git_dir} fsck` to see whether the repository is intact.",
            )
        _, kind, *size = answer.split()
        if not (len(size) == 1 and size[0].isdigit()):
            in_submodule = self._repository.alternates
            return self._read_alone(snapshot(self._repository, commit).commit, path) if in_submodule else None
        content = git.stdout.read(int(size[0]) + 1)[:-1]
        return content if kind == b"blob" else None

    def _read_alone(self, commit: str, path: str) -> bytes | None:
        found = self._repository.try_git("cat-file", "blob", f"{commit}:{path}")
        return None if found.status else found.output


def _log(repository: Repository, *revisions: str) -> list[Commit]:
    output = repository.git(
        *("log", "-z", "-s", "--first-parent", "--no-show-signature", "--encoding=UTF-8", "--no-color"),
        *("--decorate-refs=refs/tags/*", "--format=" + "%x00".join(_FIELDS), *revisions, "--"),
    )
    fields = output.decode(errors="replace").split("\0")
    width = len(_FIELDS)
    commits = [
        Commit(
            id=fields[at],
            parents=tuple(fields[at + 1].split()),
            author=fields[at + 2],
            time=_time(fields[at + 3]),
            tags=tuple(sorted(name.removeprefix("tag: ") for name in fields[at + 4].split(", ") if name)),
            subject=fields[at + 5],
        )
        for at in range(0, len(fields) - width + 1, width)
    ]
    return commits[::-1]


def _time(text: str) -> int:
    """Read the time of a commit, which may say anything; git itself says nothing where it says no number."""
    digits = text[: len(str(NO_TIME))]  # of a number too long to be read at once
    time = int(digits) if digits.removeprefix("-").isdecimal() else NO_TIME
    return time if abs(time) < -NO_TIME else NO_TIME


def _merge_base(repository: Repository, one: str, other: str, wanted: RevisionRange) -> str:
    found = repository.try_git("merge-base", one, other)
    if found.status:
        raise MemharnessError(
            f"{wanted.base} and {wanted.until} have no commit in common",
            hint="Name revisions of one history; in a shallow clone, get the rest with `git fetch --unshallow`. "
            "See `memharness help commits`.",
        )
    return found.output.decode().strip()


def _check_line(repository: Repository, commits: list[Commit], *, start: str, edge: str, wanted: RevisionRange) -> None:
    """Raise unless the oldest of `commits` follows `start`: only then is `start` on the first-parent line."""
    if commits and commits[0].parents[:1] == (start,):
        return
    if commits and not commits[0].parents and repository.shallow:
        raise MemharnessError(f"The shallow clone {repository.location} ends before {edge}", hint=_GET_REST)
    if not commits:
        raise MemharnessError(
            f"{edge} is not before {wanted.until}: nothing lies between them",
            hint="Name the older revision first.",
        )
    base = repository.try_git("rev-list", "--first-parent", "--max-count=1", f"{commits[0].id}^", "--")
    before = base.output.decode().strip()[:10]
    nearest = f" The line leaves its history after {before}: use --since {before}." if before else ""
    raise MemharnessError(
        f"{edge} is not on the first-parent line of {wanted.until}",
        hint=f"It was made on another branch. Name a commit of {wanted.until} itself.{nearest}",
    )


def _unknown(repository: Repository, revision: str) -> MemharnessError:
    output = repository.git("for-each-ref", "--format=%(refname:lstrip=2)", "refs/tags", "refs/heads", "refs/remotes")
    names = output.decode(errors="replace").split()
    close = difflib.get_close_matches(revision, names, n=3, cutoff=0.5)
    if revision == WORKTREE:
        hint = _WORKTREE
    elif repository.shallow:
        hint = f"The clone is shallow. {_GET_REST}"
    elif close:
        hint = f"Did you mean {' or '.join(close)}?"
    else:
        hint = "See `git tag` and `git branch --all` for the names there are, and fetch what is missing."
    return MemharnessError(f"{revision!r} is no revision of {repository.location}", hint=hint)


def _empty(wanted: RevisionRange) -> MemharnessError:
    kind = "tagged commits" if wanted.tags else "commits"
    first = wanted.since or wanted.base
    where = f"between {first} and {wanted.until}" if first else f"on the first-parent line of {wanted.until}"
    return MemharnessError(f"There are no {kind} {where}", hint="Choose a wider range, for example --last 20.")


def _diff_path(text: bytes, prefix: bytes) -> str | None:
    """Undo git's quoting of a file name in a header of a diff; None where there is no file."""
    if text == b"/dev/null":
        return None
    if text.startswith(b'"'):
        text = text.rstrip(b"\t")[1:-1].decode("unicode_escape").encode("latin-1")
    text = text.removesuffix(b"\t")  # git marks the end of a name with spaces by a tab
    return text.removeprefix(prefix).decode(errors="surrogateescape")
