"""The repository under measurement, and the one way in which git is run.

In: a location, which is a path (work tree, folder of one, bare, linked work tree) or a URL. Out: a `Repository`
whose `git` method reads. Nothing here writes to a user's repository; a URL is mirrored in the cache folder.
"""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from filelock import FileLock

from memharness.errors import MemharnessError
from memharness.model import Value, digest

QUIET: Final = {
    "GIT_OPTIONAL_LOCKS": "0",  # reading must not refresh the user's index
    "GIT_NO_REPLACE_OBJECTS": "1",  # slots do not have the replacements, so nobody uses them
    "GIT_TERMINAL_PROMPT": "0",  # a nightly job must fail, not wait for a password
    "LC_ALL": "C",  # messages are matched
}
# Set by git for its hooks and aliases; each would redirect our commands to another repository.
_LOCAL_VARIABLES: Final = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX", "GIT_NAMESPACE"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE"),
    *("GIT_CONFIG", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT"),
)
_URL: Final = re.compile(r"[a-z][a-z0-9+.-]*://|[^/:\s]+@[^/:\s]+:|[\w.-]{2,}:[^/\\]", re.IGNORECASE)
_CREDENTIALS: Final = re.compile(r"(?<=//)[^/@\s]+@")


class GitResult(Value):
    """What one git process left: exit status, raw output, and messages without credentials."""

    status: int
    output: bytes
    messages: str


class Repository(Value):
    """A readable repository. `location` is fit to be shown, the folders are absolute."""

    location: str
    git_dir: str
    common_dir: str  # differs from `git_dir` in a linked work tree
    shallow: bool = False
    object_format: str = "sha1"

    @property
    def id(self) -> str:
        """Twelve hex digits that name the repository in the cache folder."""
        return digest(self.common_dir, 12)

    def try_git(self, *arguments: str) -> GitResult:
        """Run a reading command; the caller looks at the status."""
        return run_git([f"--git-dir={self.git_dir}", *arguments], folder=self.git_dir)

    def git(self, *arguments: str) -> bytes:
        """Run a reading command and return its output; any failure is an error that quotes git."""
        result = self.try_git(*arguments)
        if result.status:
            raise MemharnessError(
                f"{self.location}: git {arguments[0]} failed: {result.messages.strip() or result.status}",
                hint=f"Run `git -C {self.git_dir} fsck` to see whether the repository is intact.",
            )
        return result.output


def run_git(arguments: Sequence[str], *, folder: str, variables: Mapping[str, str] | None = None) -> GitResult:
    """Run git in `folder` through GitPython, unaffected by a surrounding hook; raise only where git is missing."""
    status, output, messages = _execute(
        arguments,
        folder,
        variables,
        with_extended_output=True,
        with_exceptions=False,
        stdout_as_string=False,
        strip_newline_in_stdout=False,
    )
    return GitResult(status=status, output=output, messages=without_credentials(messages))


def start_git(
    arguments: Sequence[str], *, folder: str, variables: Mapping[str, str] | None = None
) -> "subprocess.Popen[bytes]":
    """Start git like `run_git`, with pipes, and let it run; an interrupt from the keyboard does not reach it."""
    pipe = subprocess.PIPE
    started = _execute(arguments, folder, variables, istream=pipe, as_process=True, start_new_session=True)
    process: subprocess.Popen[bytes] = started.proc
    started.proc = None  # which would end it with this object
    return process


def _execute(arguments: Sequence[str], folder: str, variables: Mapping[str, str] | None, **how: Any) -> Any:
    missing = MemharnessError(
        "git was not found", hint="Install git 2.32 or later and see that it is on PATH, then try again."
    )
    try:
        import git  # here, since importing GitPython fails where git is missing
    except ImportError:
        raise missing from None
    unset = [part for name in _LOCAL_VARIABLES if name in os.environ for part in ("-u", name)]
    command = ["env", *unset, "git", *arguments] if unset else ["git", *arguments]
    try:
        return git.Git(folder).execute(command, env={**QUIET, **(variables or {})}, **how)
    except git.GitCommandNotFound:
        raise missing from None


def without_credentials(text: str) -> str:
    """Leave out the user and password of every URL in `text`."""
    return _CREDENTIALS.sub("", text)


def open_repository(location: str, cache: Path) -> Repository:
    """Open the repository at a path, or mirror the one at a URL into `cache` and open the mirror.

    Raises MemharnessError where there is none, where it has no commits, and where git refuses it.
    """
    if not Path(location).exists() and _URL.match(location):
        shown = without_credentials(location)
        folder = _mirror(location, cache / "mirrors" / digest(shown, 12))
    else:
        shown = location
        folder = Path(location)
        if not folder.exists():
            raise MemharnessError(f"{location}: no such folder", hint="Give the path or the URL of a git repository.")
        folder = folder if folder.is_dir() else folder.parent
    return _inspect(shown, str(folder.resolve()))


def _inspect(location: str, folder: str) -> Repository:
    query = ["--absolute-git-dir", "--git-common-dir", "--is-shallow-repository", "--show-object-format"]
    found = run_git(["rev-parse", *query], folder=folder)
    if found.status:
        raise _refusal(location, folder, found.messages)
    git_dir, common, shallow, object_format = os.fsdecode(found.output).splitlines()
    repository = Repository(
        location=location,
        git_dir=git_dir,
        common_dir=os.path.realpath(Path(folder) / common),
        shallow=shallow == "true",
        object_format=object_format,
    )
    if not repository.try_git("rev-list", "--all", "--max-count=1", "HEAD").output:
        raise MemharnessError(f"{location}: the repository has no commits", hint="Commit something first.")
    return repository


def _refusal(location: str, folder: str, messages: str) -> MemharnessError:
    if "dubious ownership" in messages or "safe.directory" in messages:
        return MemharnessError(
            f"{location}: git refuses the repository, since it belongs to another user",
            hint=f"If you trust it: git config --global --add safe.directory {folder}",
        )
    if "not a git repository" in messages:
        return MemharnessError(
            f"{location}: not a git repository",
            hint="Run this inside a repository, or name one with --repo or `repo` under [project].",
        )
    return MemharnessError(f"{location}: {messages.strip()}", hint="git itself cannot read this repository.")


def _mirror(url: str, folder: Path) -> Path:
    """Fetch branches and tags of `url` into a bare repository; the URL is not stored, as it may hold a password."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        source = ["--end-of-options", url, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
        fetch = ["fetch", "--quiet", "--force", "--prune", "--no-tags", "--no-write-fetch-head"]
        steps = [
            ["init", "--quiet", "--bare", "--template=", "."],
            ["-c", "gc.auto=0", *fetch, *source],
            ["ls-remote", "--symref", "--end-of-options", url, "HEAD"],
        ]
        folder.mkdir(exist_ok=True)
        for step in steps:
            result = run_git(step, folder=str(folder))
            if result.status:
                raise MemharnessError(
                    f"{without_credentials(url)}: cannot be fetched: {_last_line(result.messages)}",
                    hint="Check the address, the network and your access; a path of a clone works as well.",
                )
        head = re.match(rb"ref: (\S+)\tHEAD", result.output)
        if head:
            run_git(["symbolic-ref", "HEAD", os.fsdecode(head[1])], folder=str(folder))
    return folder


def _last_line(messages: str) -> str:
    lines = [line for line in messages.splitlines() if line.startswith(("fatal:", "error:"))]
    return lines[0] if lines else messages.strip() or "no reason given"
