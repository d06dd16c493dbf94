"""The repository under measurement, and the one way in which git is run.

In: a location, which is a path (work tree, folder of one, bare, linked work tree) or a URL. Out: a `Repository`
whose `git` method reads. Nothing here writes to a user's repository, except that git keeps what it fetches for a
partial clone; a URL is mirrored in the cache folder.
"""

import contextlib
import functools
import os
import re
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from filelock import FileLock
from msgspec.structs import replace

from memharness.errors import INCOMPLETE, MemharnessError
from memharness.files.folder import Folder
from memharness.files.removal import remove
from memharness.model.values import Value, digest

QUIET: Final = {
    "GIT_OPTIONAL_LOCKS": "0",  # reading must not refresh the user's index
    "GIT_TERMINAL_PROMPT": "0",  # a nightly job must fail, not wait for a password
    "LC_ALL": "C",  # messages are matched
}
# Git sets these for its hooks and aliases; each would redirect our commands to another repository.
_LOCAL_VARIABLES: Final = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX", "GIT_NAMESPACE"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE"),
    "GIT_CONFIG",
)
# The variables that git gets where measured code was at work.
_ESSENTIAL: Final = ("PATH", "LD_LIBRARY_PATH", "GIT_EXEC_PATH", "TMPDIR", "GIT_NO_REPLACE_OBJECTS")
_ISOLATED: Final = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ATTR_NOSYSTEM": "1",
}
FETCH_SECONDS: Final = 600  # for what a commit needs from elsewhere; without any data for a minute it ends as well
PATIENT: Final = ("-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=60", "-c", "gc.auto=0")
_MOST_BYTES: Final = 100_000  # of a variable: Linux takes 128 KiB
_ORIGIN: Final = "origin"  # file of a derived repository: where the objects are that it is about
_UNUSED: Final = "30.days.ago"  # since when what can be derived again was not
_adding: Final = threading.Lock()
_NO: Final = ("false", "no", "off", "0")
_URL: Final = re.compile(r"[a-z][a-z0-9+.-]*://|[^/:@\s]+@[^/:\s]+:|[\w.-]{2,}:[^/\\]", re.IGNORECASE)
_FOLDERS: Final = re.compile(r"(?P<git_dir>.*)\n(?P<shallow>true|false)\n(?P<common>.*)\n(?P<format>\w+)\n", re.DOTALL)
_CREDENTIALS: Final = re.compile(r"(?<=//)[^/\s]+@")  # a password may have an @


class GitResult(Value):
    """What one git process left: exit status, raw output, and messages without credentials."""

    status: int
    output: bytes
    messages: str


class Repository(Value, dict=True, gc=True):
    """A readable repository. `location` is fit to be shown, the folders are absolute."""

    location: str
    git_dir: str
    common_dir: str  # differs from `git_dir` in a linked work tree
    shallow: bool = False
    object_format: str = "sha1"
    cache: str = os.devnull  # folder for what can be made again; the default is none
    promisor: str | None = None  # the remote that a partial clone fetches from what it lacks

    @property
    def id(self) -> str:
        """Twelve hex digits that name the repository in the cache folder."""
        return digest(self.common_dir, 12)

    @property
    def objects(self) -> str:
        """Folder of the objects."""
        return f"{self.common_dir}/objects"

    @functools.cached_property
    def alternates(self) -> list[str]:
        """More folders that reading commands find objects in: of submodules, and of what is derived from commits."""
        made = f"{self._derived}/objects"
        return [*([made] if Path(made).is_dir() else []), *_submodule_stores(self.common_dir, self.git_dir)]

    def add_alternates(self, folders: Iterable[str]) -> None:
        """Have reading commands find the objects in these folders too."""
        with _adding:
            self.alternates.extend(folder for folder in dict.fromkeys(folders) if folder not in self.alternates)

    def alternates_variable(self, *, derived: bool = False) -> dict[str, str]:
        """Return the variable by which git finds the objects in the alternates, if there are any.

        `derived`: for the derived repository, which is to find those of this one as well.
        """
        folders = [*([self.objects] if derived else []), *self.alternates]
        if not folders:
            return {}
        stores = ":".join(map(quoted, folders))
        if len(os.fsencode(stores)) > _MOST_BYTES:
            stores = quoted(self._listed(folders))
        return {"GIT_ALTERNATE_OBJECT_DIRECTORIES": stores}

    def _listed(self, stores: Iterable[str]) -> str:
        """Return a folder of objects that holds none and borrows those of `stores`."""
        folder = Folder(Path(f"{self._derived}.many"))
        content, alternates = alternates_file(stores), folder.path / "info/alternates"
        if folder.read(alternates) != content:
            folder.write(alternates, content)
        return str(folder.path)

    def try_git(self, *arguments: str, given: bytes = b"", seconds: float | None = None) -> GitResult:
        """Run a reading command as `run_git` does; the caller looks at the status."""
        how = [f"--git-dir={self.git_dir}", *arguments]
        return run_git(how, folder=self.git_dir, variables=self.alternates_variable(), given=given, seconds=seconds)

    def git(self, *arguments: str, given: bytes = b"") -> bytes:
        """Run a reading command and return its output; any failure is an error that quotes git."""
        result = self.try_git(*arguments, given=given)
        if result.status:
            raise MemharnessError(
                f"{self.location}: git {arguments[0]} failed: {result.messages.strip() or result.status}",
                hint=f"Run `git -C {self.git_dir} fsck` to see whether the repository is intact.",
            )
        return result.output

    def config_value(self, name: str) -> str:
        """Return the last value of a setting, "" where there is none."""
        return os.fsdecode(self.try_git("config", "--get", name).output).removesuffix("\n")

    def refs(self, *prefixes: str) -> bytes:
        """Return references as git packs them; replacements of objects where this repository's reader honours them."""
        if os.environ.get("GIT_NO_REPLACE_OBJECTS") or self.config_value("core.useReplaceRefs").lower() in _NO:
            prefixes = tuple(prefix for prefix in prefixes if prefix != "refs/replace")
        return self.git("for-each-ref", "--format=%(objectname) %(refname)", *prefixes)

    def derived_repository(self) -> str:
        """Return the bare repository in the cache for what is derived from commits, or fetched for them.

        It borrows no objects by itself: git would date those anew that it writes once more.
        """
        folder = self._derived
        origin = folder / _ORIGIN
        if not origin.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{folder}.lock"):
                how = ["--quiet", "--bare", "--template=", f"--object-format={self.object_format}"]
                run_git(["init", *how, "."], folder=str(folder), isolated=True)
                (folder / "objects/info/alternates").unlink(missing_ok=True)  # of earlier versions
                Folder(folder).write(origin, os.fsencode(self.objects))  # whole, or not there at all
        prune_derived(folder)
        self.add_alternates([f"{folder}/objects"])
        return str(folder)

    def derive(self, *arguments: str, given: bytes = b"", variables: Mapping[str, str] | None = None) -> bytes:
        """Run a command in the derived repository and return its output; no setting of the user reaches it."""
        store = self.derived_repository()
        how = ["-c", "core.looseCompression=0", "-c", "core.protectNTFS=false", "-c", "core.protectHFS=false"]
        done = run_git(
            [f"--git-dir={store}", *how, *arguments], folder=store, variables=variables, isolated=True, given=given
        )
        if done.status:
            raise MemharnessError(
                f"{store}: git {arguments[0]} failed: {done.messages.strip() or done.status}",
                hint="Free some space there, or set MEMHARNESS_CACHE to another folder.",
            )
        return done.output

    @property
    def _derived(self) -> Path:
        return Path(self.cache, "objects", self.id)

    def fetch_missing(self, commit: str) -> None:
        """Have git get what a partial clone lacks of a commit, all at once: file by file each would take a process."""
        if self.promisor is None:
            return
        how = ["--no-tags", "--no-write-fetch-head", "--recurse-submodules=no", "--filter=blob:none", "--stdin"]
        before: list[bytes] = []
        while True:
            listed = self.git("rev-list", "--objects", "--no-walk", "--missing=print", commit, "--").splitlines()
            missing = [line[1:] for line in listed if line.startswith(b"?")]
            if not missing:
                return
            fetch = [*PATIENT, "-c", "fetch.negotiationAlgorithm=noop", "fetch", "--quiet", self.promisor, *how]
            done = self.try_git(*fetch, given=b"".join(id_ + b"\n" for id_ in missing), seconds=FETCH_SECONDS)
            if done.status or missing == before:
                raise MemharnessError(
                    f"{self.location} is a partial clone, and what it lacks of commit {commit[:10]} cannot be fetched "
                    f"from {self.promisor}: {error_line(done.messages)}",
                    hint="See that the remote can be reached, or complete the clone there with "
                    f"`git config --unset-all remote.{self.promisor}.partialclonefilter && git fetch --refetch`.",
                    exit_code=INCOMPLETE,
                )
            before = missing


@functools.cache  # once in each process
def prune_derived(folder: Path) -> None:
    """Remove what was last derived long ago, and the folders beside this one of repositories that are gone."""
    run_git([f"--git-dir={folder}", "prune", f"--expire={_UNUSED}"], folder=str(folder), isolated=True)
    for origin in folder.parent.glob(f"*/{_ORIGIN}"):
        with contextlib.suppress(OSError):  # another process removes it as well, or it is not for this user to remove
            if not Path(os.fsdecode(origin.read_bytes())).exists():
                lost = origin.parent
                for path in (lost, Path(f"{lost}.many"), Path(f"{lost}.lock")):
                    remove(path)


def _submodule_stores(*git_dirs: str) -> Iterator[str]:
    """Yield the folders of objects of all submodules that a clone has, nested ones too."""
    waiting = [f"{folder}/modules" for folder in dict.fromkeys(git_dirs)]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as found:
                names = {entry.name for entry in found if entry.is_dir(follow_symlinks=False)}
        except OSError:
            continue
        if {"objects", "refs"} <= names:
            yield f"{folder}/objects"
            names &= {"modules"}
        waiting += [f"{folder}/{name}" for name in sorted(names)]


@functools.lru_cache(maxsize=256)  # neighbouring commits have the same
def read_blob(repository: Repository, id_: str) -> bytes:
    """Return the contents of a file by its id."""
    return repository.git("cat-file", "blob", id_)


def run_git(
    arguments: Sequence[str],
    *,
    folder: str,
    variables: Mapping[str, str] | None = None,
    isolated: bool = False,
    given: bytes = b"",
    seconds: float | None = None,
) -> GitResult:
    """Run git in `folder` through GitPython, unaffected by a surrounding hook; raise only where git is missing.

    `given` is its input. `isolated`, no setting and no variable but the named ones reaches it. It is ended after
    `seconds`.
    """
    with tempfile.TemporaryFile() if given else contextlib.nullcontext() as source:
        if source is not None:
            source.write(given)
            source.seek(0)
        status, output, messages = _execute(
            arguments,
            folder,
            variables,
            isolated=isolated,
            istream=source,
            kill_after_timeout=seconds,
            with_extended_output=True,
            with_exceptions=False,
            stdout_as_string=False,
            strip_newline_in_stdout=False,
        )
    if not isinstance(messages, str):
        messages = os.fsdecode(messages)
    return GitResult(status=status, output=output, messages=without_credentials(messages))


def start_git(
    arguments: Sequence[str], *, folder: str, variables: Mapping[str, str] | None = None
) -> "subprocess.Popen[bytes]":
    """Start git like `run_git`, with pipes, and let it run; an interrupt from the keyboard does not reach it."""
    pipe = subprocess.PIPE
    how = {"istream": pipe, "as_process": True, "start_new_session": True}
    started = _execute(arguments, folder, variables, isolated=False, **how)
    process: subprocess.Popen[bytes] = started.proc
    started.proc = None  # which would end it with this object
    return process


def _execute(
    arguments: Sequence[str], folder: str, variables: Mapping[str, str] | None, *, isolated: bool, **how: Any
) -> Any:
    try:
        import git  # here, since importing GitPython fails where git is missing
    except ImportError:
        raise _no_git() from None
    variables = {**QUIET, **(variables or {})}
    command = [*_env(variables, isolated=isolated), "git", *arguments]
    try:
        return git.Git(folder).execute(command, env=variables, **how)
    except git.GitCommandNotFound:
        raise _no_git() from None


def _env(variables: Mapping[str, str], *, isolated: bool) -> list[str]:
    """Return the command that takes variables away from another one; none where there is nothing to take away."""
    if isolated:
        essential = {name: os.environ[name] for name in _ESSENTIAL if name in os.environ}
        return ["env", "-i", *(f"{name}={value}" for name, value in {**variables, **essential, **_ISOLATED}.items())]
    unset = [f"-u{name}" for name in _LOCAL_VARIABLES if name in os.environ and name not in variables]
    return ["env", *unset] if unset else []


def _no_git() -> MemharnessError:
    return MemharnessError(
        "git was not found", hint="Install git 2.32 or later and see that it is on PATH, then try again."
    )


def alternates_file(stores: Iterable[str]) -> bytes:
    """Return the contents of `objects/info/alternates` for folders of objects."""
    return os.fsencode("".join(f"{quoted(store)}\n" for store in stores))


def quoted(path: str) -> str:
    """Quote a folder of objects where git would read its path as another, in a list of them or a file."""
    if not any(sign in path for sign in ':"\n\\'):
        return path
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def without_credentials(text: str) -> str:
    """Leave out the user and password of every URL in `text`."""
    return _CREDENTIALS.sub("", text)


def is_url(location: str) -> bool:
    """Tell whether a location is a URL and no path."""
    return not Path(location).exists() and _URL.match(location) is not None


def open_repository(location: str, cache: Path) -> Repository:
    """Open the repository at a path, or mirror the one at a URL into `cache` and open the mirror.

    Raises MemharnessError where there is none, where it has no commits, and where git refuses it.
    """
    if is_url(location):
        shown = without_credentials(location)
        folder = _mirror(location, cache / "mirrors" / digest(shown, 12))
    else:
        shown = location
        folder = Path(location)
        if not folder.exists():
            raise MemharnessError(f"{location}: no such folder", hint="Give the path or the URL of a git repository.")
        folder = folder if folder.is_dir() else folder.parent
    return _inspect(shown, str(folder.resolve()), cache)


def _inspect(location: str, folder: str, cache: Path) -> Repository:
    query = ["--absolute-git-dir", "--is-shallow-repository", "--git-common-dir", "--show-object-format"]
    found = run_git(["rev-parse", *query], folder=folder)
    if found.status:
        raise _refusal(location, folder, found.messages)
    parts = _FOLDERS.fullmatch(os.fsdecode(found.output))
    assert parts is not None
    repository = Repository(
        location=location,
        git_dir=parts["git_dir"],
        common_dir=os.path.realpath(Path(folder) / parts["common"]),
        cache=str(cache),
        shallow=parts["shallow"] == "true",
        object_format=parts["format"],
    )
    repository = replace(repository, promisor=_promisor(repository))
    if not repository.try_git("rev-list", "--all", "--ignore-missing", "--max-count=1", "HEAD").output:
        raise MemharnessError(f"{location}: the repository has no commits", hint="Commit something first.")
    return repository


def partial_clone(git_dir: Path) -> Repository | None:
    """Return the repository in a folder where it is a partial clone."""
    try:
        if b"promisor" not in (git_dir / "config").read_bytes().lower():
            return None
    except OSError:
        return None
    folder = str(git_dir)
    repository = Repository(location=folder, git_dir=folder, common_dir=folder)
    return replace(repository, promisor=_promisor(repository))


def _promisor(repository: Repository) -> str | None:
    """Return the remote that git asks for the objects that a partial clone lacks; None where it is none."""
    found = repository.try_git("config", "-z", "--get-regexp", r"^(extensions\.partialclone|remote\..*\.promisor)$")
    for setting in os.fsdecode(found.output).split("\0")[:-1]:
        key, _, value = setting.partition("\n")
        if key == "extensions.partialclone":
            return value
        if value.lower() not in _NO:
            return key.removeprefix("remote.").removesuffix(".promisor")
    return None


def work_tree(folder: Path) -> Path | None:
    """Return the root of the work tree that a folder lies in; None where a repository has none there."""
    found = run_git(["rev-parse", "--show-toplevel"], folder=str(folder))
    return None if found.status else Path(os.fsdecode(found.output).removesuffix("\n"))


def _refusal(location: str, folder: str, messages: str) -> MemharnessError:
    if "dubious ownership" in messages or "safe.directory" in messages:
        return MemharnessError(
            f"{location}: git refuses the repository, since it belongs to another user",
            hint=f"If you trust it: git config --global --add safe.directory {folder}",
        )
    if "not a git repository" in messages:
        return MemharnessError(
            f"{location}: not a git repository",
            hint="Run this inside a repository, or (not init) name one with --repo or `repo` under [project].",
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
                    f"{without_credentials(url)}: cannot be fetched: {error_line(result.messages)}",
                    hint="Check the address, the network and your access; a path of a clone works as well.",
                )
        head = re.match(rb"ref: (\S+)\tHEAD", result.output)
        if head:
            run_git(["symbolic-ref", "HEAD", os.fsdecode(head[1])], folder=str(folder))
    return folder


def error_line(messages: str) -> str:
    """Return the line of git's messages that says what went wrong."""
    lines = [line for line in messages.splitlines() if line.startswith(("fatal:", "error:"))]
    return lines[0] if lines else messages.strip() or "no reason given"
