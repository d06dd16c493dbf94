"""Checkouts in slots: folders in the cache whose absolute paths all have one length, since paths are memory too.

A slot holds `tree/` (the commit), `scenarios/` (a fresh copy of the user's folder) and `work/` (for children).
The tree is a repository of its own that borrows the objects of the user's through `alternates`: `git describe`
works in it, and the user's repository gains nothing. A slot is used by one process at a time.

Children read byte code without checking it against its source, so a checkout deletes the byte code of every source
that it changes, and the first checkout of a lease deletes all; byte code that is part of a commit is never checked out.
What children write into the tree or beside the scenarios is removed before the next child, byte code included.
"""

import contextlib
import glob
import itertools
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import platformdirs
from filelock import FileLock, Timeout

from memharness.errors import INCOMPLETE, MemharnessError
from memharness.leftovers import end_leftovers, look, remove
from memharness.model import Checkout
from memharness.repository import GitResult, Repository, run_git

SLOT_PATH_BYTES: Final = 120
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


def cache_folder() -> Path:
    """Return the absolute folder for all that can be made again: MEMHARNESS_CACHE, or the user's cache."""
    chosen = os.environ.get("MEMHARNESS_CACHE")
    return Path(chosen).absolute() if chosen else platformdirs.user_cache_path("memharness")


@contextlib.contextmanager
def lease(repository: Repository, cache: Path, *, scenarios: Path | None = None) -> Iterator["Slot"]:
    """Take a free slot of the repository for this process, made ready, until the block ends."""
    parent = cache / "slots" / repository.id
    with contextlib.ExitStack() as held:
        try:
            parent.mkdir(parents=True, exist_ok=True)
            folder = _take(parent, held)
            end_leftovers(folder / "work")
            slot = Slot(repository, folder, scenarios)
        except OSError as error:
            raise MemharnessError(
                f"{error.filename or parent}: cannot be used for checkouts: {error.strerror or error}",
                hint="Free some space there, or set MEMHARNESS_CACHE to another folder.",
            ) from None
        yield slot


def _take(parent: Path, held: contextlib.ExitStack) -> Path:
    """Lock the first free slot until `held` is closed, and return its folder."""
    for number in itertools.count(1):
        with contextlib.suppress(Timeout):
            held.enter_context(FileLock(parent / f"{number}.lock", timeout=0))
            room = SLOT_PATH_BYTES - len(os.fsencode(parent)) - 1
            return parent / f"slot-{number}".ljust(room, "_")
    raise AssertionError("numbers do not end")


class Slot:
    """A leased slot. All paths are absolute; see the module's docstring for its folders."""

    def __init__(self, repository: Repository, folder: Path, scenarios: Path | None) -> None:
        self.tree = folder / "tree"
        self.scenarios = folder / "scenarios"
        self.work = folder / "work"
        self._repository = repository
        self._at: str | None = None  # the commit in the tree
        self._sources: set[str] = set()  # .py files of the tree, relative to it
        self._compiled: dict[str, set[str]] = {}  # cache tag -> those that have byte code, relative or absolute
        self._placed: dict[str, str] = {}  # path below the tree -> file that it links to
        self._covered: set[str] = set()  # of those, files of the commit
        self._checkout: Checkout | None = None
        self._seen: dict[str, tuple[int, ...]] | None = None  # what children find; None: none can have run
        self._source = scenarios
        folder.mkdir(parents=True, exist_ok=True)
        self.clear_work()
        self._copy_scenarios()
        self._refresh()

    def checkout(self, commit: str, *, import_root: str = ".", packages: tuple[str, ...] = ()) -> Checkout:
        """Put the files of a commit into the tree, as committed, and nothing else but valid byte code.

        Raises MemharnessError where git cannot, even into a rebuilt tree.
        """
        self._remove_foreign()
        self._arrive(commit)
        self._checkout = Checkout(tree=str(self.tree), commit=commit, import_root=import_root, packages=packages)
        return self._checkout

    def tidy(self) -> None:
        """Remove what children wrote since the files were last complete, and put back what they changed or deleted.

        To be called after a child, before the next; what is pending then must be compiled again. One look at the
        files, and two git processes where a file of the commit is to be put back. Raises MemharnessError like checkout.
        """
        gone = [path for path in self._remove_foreign() if not path.endswith(".pyc")]
        if any(path.startswith(f"{self.scenarios}/") for path in gone):
            self._copy_scenarios()
        if self._checkout is not None and any(path.startswith(f"{self.tree}/") for path in gone):
            placed = dict(self._placed)
            self._arrive(self._checkout.commit)
            self.place(placed)
        if gone:
            self._seen = self._look()

    def place(self, generated: Mapping[str, str]) -> None:
        """Link files that a build made into the tree (path below it -> file), in place of those linked before.

        To be called after every checkout. A file of the commit that the build rewrote is covered by the link.
        """
        self._seen = None
        for name in self._placed.keys() - generated.keys():
            self._remove_placed(name)
        for name, target in generated.items():
            path = self.tree / name
            if self._placed.get(name) != target:
                self._forget(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_file() and not path.is_symlink():
                self._covered.add(name)
            path.unlink(missing_ok=True)
            path.symlink_to(target)
            if name.endswith(".py"):
                self._sources.add(name)
        self._placed = dict(generated)

    def pending(self, cache_tag: str) -> tuple[str, ...]:
        """Return the .py files that an interpreter with this cache tag may import and that lack its byte code.

        Absolute paths, sorted: the scenarios, and what lies below the import root; where that is the whole tree,
        its top-level packages and modules alone.
        """
        compiled = self._compiled.get(cache_tag, set())
        return tuple(sorted(self._importable() - compiled))

    def compiled(self, cache_tag: str) -> None:
        """Note that all pending files were compiled (or cannot be, which no second try would change)."""
        known, importable = self._compiled.setdefault(cache_tag, set()), self._importable()
        if self._seen is None or not importable <= known:
            known.update(importable)
            self._seen = self._look()

    def clear_work(self) -> Path:
        """Empty `work/`, with its folders `cwd`, `home` and `tmp` for the next child, and return it."""
        remove(self.work)
        for name in ("cwd", "home", "tmp"):
            (self.work / name).mkdir(parents=True)
        return self.work

    def _importable(self) -> set[str]:
        checkout = self._checkout
        found = {str(path) for path in self.scenarios.rglob("*.py")}
        if checkout is None:
            return found
        if checkout.import_root == ".":
            tops = set(checkout.packages)
            below = {name for name in self._sources if name.partition("/")[0].removesuffix(".py") in tops}
        else:
            below = {name for name in self._sources if name.startswith(f"{checkout.import_root}/")}
        return found | {f"{self.tree}/{name}" for name in below}

    def _copy_scenarios(self) -> None:
        remove(self.scenarios)
        for known in self._compiled.values():
            known.difference_update([path for path in known if path.startswith(f"{self.scenarios}/")])
        if self._source is None:
            self.scenarios.mkdir()
            return
        ignore = shutil.ignore_patterns("__pycache__", ".git")
        shutil.copytree(self._source, self.scenarios, ignore=ignore, ignore_dangling_symlinks=True)

    # --- what children leave ---

    def _look(self) -> dict[str, tuple[int, ...]]:
        return look(self.tree) | look(self.scenarios)

    def _remove_foreign(self) -> set[str]:
        """Remove all that is not as it was seen, and return what is gone of that; its byte code is pending again."""
        if self._seen is None:
            return set()
        now = self._look()
        foreign = [path for path, facts in now.items() if self._seen.get(path) != facts]
        for path in foreign:
            remove(Path(path))
        gone = self._seen.keys() - (self._look() if foreign else now).keys()
        for path in gone:
            folder, _, name = path.rpartition("/__pycache__/")
            stem, _, tag = name.removesuffix(".pyc").rpartition(".")
            self._compiled.get(tag, set()).discard(f"{folder}/{stem}.py")
        return gone

    # --- the tree ---

    def _arrive(self, commit: str) -> None:
        self._seen = None
        try:
            self._move_to(commit)
        except _GitError:
            self._refresh(rebuild=True)
            try:
                self._move_to(commit)
            except _GitError as failure:
                raise MemharnessError(
                    f"Commit {commit[:10]} cannot be checked out in {self.tree}: {failure}",
                    hint="Free some disk space there, or remove the folder of the slot, then run again.",
                    exit_code=INCOMPLETE,
                ) from None

    def _refresh(self, *, rebuild: bool = False) -> None:
        """Make the tree a repository that borrows the objects and has the present tags of the user's."""
        repository, git_dir = self._repository, self.tree / ".git"
        self._at = None
        if rebuild or not (git_dir / "objects").is_dir():
            remove(self.tree)
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

    def _move_to(self, commit: str) -> None:
        """Three git processes: what changes, the checkout, and the removal of everything else."""
        changed: list[str] = []
        first = self._at is None
        if not first and self._at != commit:
            output = self._git("diff-tree", "-r", "-z", "--no-renames", "--name-only", str(self._at), commit)
            changed = [os.fsdecode(name) for name in output.split(b"\0") if name]
        self._at = None
        self._git("checkout", "--quiet", "--force", "--detach", commit, "--")
        keep = [] if first else ["--exclude=__pycache__"]
        removed = self._git("-c", "core.quotePath=false", "clean", "-ffdx", *keep)
        self._covered.clear()
        if first:
            self._start_afresh()
        else:
            leftovers = [line.removeprefix("Removing ").rstrip("/") for line in os.fsdecode(removed).splitlines()]
            self._settle(changed, [name for name in leftovers if name not in self._placed])
        self._at = commit

    def _start_afresh(self) -> None:
        for folder in list(self.tree.rglob("__pycache__")):  # those with byte code of the commit are not cleaned
            remove(folder)
        names = (os.path.relpath(path, self.tree) for path in self.tree.rglob("*.py"))
        self._sources = {name for name in names if not name.startswith(".git/")}
        self._compiled.clear()
        self._placed.clear()

    def _settle(self, changed: list[str], leftovers: list[str]) -> None:
        """Drop the byte code of changed and removed sources, and folders left with nothing but byte code."""
        for name in self._placed:
            self._sources.discard(name)
        for name in (*changed, *leftovers):
            self._forget(name)
            if not name.endswith(".py"):
                continue
            if (self.tree / name).is_file():
                self._sources.add(name)
            else:
                self._sources.discard(name)
        for name in (*changed, *leftovers):
            self._prune((self.tree / name).parent)

    def _forget(self, name: str) -> None:
        """Drop the byte code that any interpreter has of a source."""
        if not name.endswith(".py"):
            return
        path = self.tree / name
        for compiled in (path.parent / "__pycache__").glob(f"{glob.escape(path.stem)}.*.pyc"):
            compiled.unlink()
        for known in self._compiled.values():
            known.discard(str(path))

    def _remove_placed(self, name: str) -> None:
        self._forget(name)
        path = self.tree / name
        if path.is_symlink() and str(path.readlink()) == self._placed[name]:
            path.unlink()
        if name in self._covered:
            self._covered.discard(name)
            self._git("checkout", "--quiet", "--force", "--", name)
        if not path.is_file():
            self._sources.discard(name)
        elif name.endswith(".py"):
            self._sources.add(name)
        self._prune(path.parent)

    def _prune(self, folder: Path) -> None:
        """Remove a folder that holds byte code alone: it could be imported as a namespace package."""
        while folder != self.tree and self.tree in folder.parents:
            if folder.is_dir():
                if any(entry.name != "__pycache__" for entry in folder.iterdir()):
                    return
                remove(folder)
            folder = folder.parent

    def _git(self, *arguments: str) -> bytes:
        place = [f"--git-dir={self.tree}/.git", f"--work-tree={self.tree}"]
        result: GitResult = run_git([*place, *arguments], folder=str(self.tree), variables=_UNTOUCHED)
        if result.status:
            raise _GitError(result.messages.strip() or f"git {arguments[0]} exited with {result.status}")
        return result.output


class _GitError(Exception):
    """A git command of a slot failed; the tree may be rebuilt and the command tried again."""
