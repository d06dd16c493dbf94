"""A slot: the checkout that children import from, its byte code, and what builds add to it.

Children read byte code without checking it against its source, so a checkout deletes the byte code of every source
that it changes, and the first checkout of a lease deletes all; byte code that is part of a commit is never checked out.
What children write into the tree or beside the scenarios is removed before the next child, byte code included.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace

from memharness.checkout.inventory import Inventory
from memharness.checkout.work_tree import WorkTree
from memharness.files.copies import copy_folder
from memharness.files.removal import remove
from memharness.git.repository import Repository
from memharness.model.history import Checkout


class Slot:
    """A leased slot. All paths are absolute; see the package's docstring for its folders."""

    def __init__(
        self,
        repository: Repository,
        folder: Path,
        scenarios: Path | None,
        *,
        is_held: Callable[[], bool] = lambda: True,
    ) -> None:
        self.tree = folder / "tree"
        self.scenarios = folder / "scenarios"
        self.work = folder / "work"
        self.aside = folder / "aside"  # what children left and nobody could delete
        git_dir = folder / "git"
        self._inventory = Inventory(self.tree, self.scenarios, git_dir)  # what children are to find
        self._exposed = False  # a child may have run since the last look
        self._is_held = is_held
        self._disturbed = False  # something was put back since the checkout
        self._sources: set[str] = set()  # .py files of the tree, relative to it
        self._links: set[str] = set()  # of those, links
        self._compiled: dict[str, set[str]] = {}  # cache tag -> those that have its byte code, and scenarios, absolute
        self._placed: dict[str, str] = {}  # path below the tree -> file that it links to
        self._covered: set[str] = set()  # of those, files of the commit
        self._checkout: Checkout | None = None
        self._looked_at: tuple[str, tuple[str, ...]] | None = None  # import root and packages of what was last pending
        self._source = scenarios
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):  # as before
            remove(self.aside)
        self.clear_work()
        self._copy_scenarios()
        self._git = WorkTree(repository, self.tree, git_dir)

    @property
    def set_aside(self) -> tuple[Path, ...]:
        """What children left in the slot and could not be deleted: it is out of the way, for the user to remove."""
        try:
            return tuple(self.aside.iterdir())
        except FileNotFoundError:
            return ()
        except OSError:
            return (self.aside,)

    def checkout(
        self,
        commit: str,
        *,
        import_root: str = ".",
        packages: tuple[str, ...] = (),
        others: tuple[str, ...] = (),
        directory: str = ".",
    ) -> Checkout:
        """Put the files of a commit into the tree, as committed, and nothing else but valid byte code.

        Raises MemharnessError where git cannot, even into a rebuilt tree.
        """
        self._arrive(commit, self._remove_foreign())
        self._disturbed = False
        self._checkout = Checkout(
            tree=str(self.tree),
            commit=commit,
            import_root=import_root,
            packages=packages,
            others=others,
            directory=directory,
        )
        return self._checkout

    def tidy(self) -> None:
        """Remove what children wrote since the files were last complete, and put back what they changed or deleted.

        To be called after a child, before the next; what is pending then must be compiled again. One look at the
        files, and one git process where a file of the commit is to be put back. Raises MemharnessError like checkout.
        """
        gone = self._remove_foreign()
        self._disturbed |= bool(gone)
        if any(path.startswith(f"{self.scenarios}/") for path in gone):
            self._copy_scenarios()
            self._inventory.take()
        if self._checkout is not None and any(not path.startswith(f"{self.scenarios}/") for path in gone):
            placed = dict(self._placed)
            self._arrive(self._checkout.commit, gone)
            self.place(placed)

    def is_held(self) -> bool:
        """Tell whether nobody else can have taken the slot, as where its lock was removed."""
        return self._is_held()

    def is_disturbed(self) -> bool:
        """Tell whether, since the checkout, files went or changed that children need, be it by one of them."""
        return self._disturbed or not self.is_held() or not self.work.is_dir() or self._inventory.is_disturbed()

    def place(
        self, generated: Mapping[str, str], *, packages: tuple[str, ...] = (), import_root: str | None = None
    ) -> Checkout:
        """Link files that a build made into the tree (path below it -> file), in place of those linked before.

        To be called after every checkout. A file of the commit that the build rewrote is covered by the link. Where a
        link of the commit leads out of the tree nothing is placed.
        Return the checkout with the `packages` and the `import_root` that the build shows, where it does.
        """
        assert self._checkout is not None
        inside = f"{os.path.realpath(self.tree)}/"
        generated = {
            name: target
            for name, target in generated.items()
            if f"{os.path.realpath((self.tree / name).parent)}/".startswith(inside)
        }
        for name in self._placed.keys() - generated.keys():
            self._remove_placed(name)
        for name, target in generated.items():
            path = self.tree / name
            if self._placed.get(name) != target:
                self._forget(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            if os.path.lexists(path) and not self._is_placed(name):
                self._covered.add(name)
            path.unlink(missing_ok=True)
            path.symlink_to(target)
            self._note(name)
        self._placed = dict(generated)
        before = self._checkout
        self._checkout = replace(
            before, packages=packages or before.packages, import_root=import_root or before.import_root
        )
        return self._checkout

    def pending(self, cache_tag: str) -> tuple[str, ...]:
        """Return the .py files that an interpreter with this cache tag may import and that lack its byte code.

        Absolute paths, sorted: the scenarios, and what lies below the import root; where that is the whole tree,
        its top-level packages and modules alone.
        """
        importable = None if self._checkout is None else (self._checkout.import_root, self._checkout.packages)
        if self._looked_at not in (None, importable):
            self._forget_others()
        self._looked_at = importable
        return tuple(sorted(self._importable() - self._compiled.get(cache_tag, set())))

    def compiled(self, cache_tag: str) -> None:
        """Note that all pending files were compiled (or cannot be, which no second try would change).

        To be called before every child: from here on the files may be changed by one.
        """
        known = self._compiled.setdefault(cache_tag, set())
        fresh = self._importable() - known
        known.update(fresh)
        self._inventory.note(*(_byte_code(path, cache_tag) for path in fresh))
        self._exposed = self._checkout is not None

    def clear_work(self) -> Path:
        """Empty `work/`, with its folders `cwd`, `home` and `tmp` for the next child, and return it."""
        remove(self.work, self.aside)
        for name in ("cwd", "home", "tmp"):
            (self.work / name).mkdir(parents=True)
        return self.work

    def _importable(self) -> set[str]:
        checkout = self._checkout
        if checkout is None:
            return set(self._scripts)
        if checkout.import_root == ".":
            tops = set(checkout.packages)
            below = {name for name in self._sources if name.partition("/")[0].removesuffix(".py") in tops}
        else:
            below = {name for name in self._sources if name.startswith(f"{checkout.import_root}/")}
        return self._scripts | {f"{self.tree}/{name}" for name in below}

    def _copy_scenarios(self) -> None:
        remove(self.scenarios, self.aside)
        for known in self._compiled.values():
            known.difference_update([path for path in known if path.startswith(f"{self.scenarios}/")])
        if self._source is None:
            self.scenarios.mkdir()
        else:
            copy_folder(self._source, self.scenarios)
        self._scripts = {str(path) for path in self.scenarios.rglob("*.py")}

    def _remove_foreign(self) -> set[str]:
        """Remove what children left, and return what they took away; its byte code is pending again."""
        gone = self._inventory.remove_foreign() if self._exposed else set()
        self._exposed = False
        for path in gone:
            if path.endswith(".pyc"):
                source, tag = _compiled_from(path)
                self._compiled.get(tag, set()).discard(source)
            elif path.endswith("/__pycache__"):
                self._forget_folder(path)
        return {path for path in gone if not path.endswith((".pyc", "/__pycache__"))}

    # --- the tree ---

    def _arrive(self, commit: str, gone: Iterable[str]) -> None:
        """Move the tree to `commit`, and put back what is `gone` from it; links stay away until they are placed."""
        gone_files = (path for path in gone if path.startswith(f"{self.tree}/"))
        below = [name for name in (path[len(f"{self.tree}/") :] for path in gone_files) if f"{name}/"[:5] != ".git/"]
        for name in self._placed:
            self._unlink(name)
        changed = self._git.move(commit, spoilt=bool(below or self._covered))
        self._inventory.note(*self._git.repositories)
        self._covered.clear()
        if changed is None:
            self._start_afresh()
        else:
            self._settle(changed, [*below, *self._placed])

    def _start_afresh(self) -> None:
        paths = self._inventory.take()
        folders = [path for path in paths if path.endswith("/__pycache__")]
        for folder in folders:  # those with byte code of the commit are not cleaned
            remove(Path(folder), self.aside)
        if folders:
            paths = self._inventory.take()
        aside = f"{self.tree}/.git/"
        sources = (p for p in paths if p.startswith(f"{self.tree}/") and not p.startswith(aside) and _is_source(p))
        self._sources = {os.path.relpath(path, self.tree) for path in sources}
        self._links = {name for name in self._sources if (self.tree / name).is_symlink()}
        self._compiled.clear()
        self._placed.clear()

    def _settle(self, changed: Sequence[str], restored: Sequence[str]) -> None:
        """Drop the byte code of changed and removed sources, and folders left with nothing but byte code."""
        links = self._links - self._placed.keys() if changed else ()
        for name in (*changed, *links):  # what a link leads to may have changed with it
            self._forget(name)
        for name in (*changed, *restored):
            self._note(name)
        for name in changed:
            self._prune((self.tree / name).parent)

    def _note(self, name: str) -> None:
        """Take note of what is now at a path below the tree."""
        path = f"{self.tree}/{name}"
        self._inventory.note(path)
        if _is_source(path):
            self._sources.add(name)
        else:
            self._sources.discard(name)
        if name in self._sources and Path(path).is_symlink():
            self._links.add(name)
        else:
            self._links.discard(name)

    def _forget(self, name: str) -> None:
        """Drop the byte code that any interpreter has of a source.

        A `__pycache__` left empty goes as well: whoever lists the folder that it is in is to find the same in any slot.
        """
        if not name.endswith(".py"):
            return
        path = self.tree / name
        cache = path.parent / "__pycache__"
        if cache.is_dir():
            for compiled in [entry for entry in cache.iterdir() if _compiled_from(str(entry))[0] == str(path)]:
                compiled.unlink()
                self._inventory.note(str(compiled))
            if not any(cache.iterdir()):
                cache.rmdir()
                self._inventory.note(str(cache))
                self._forget_folder(str(cache))
        for known in self._compiled.values():
            known.discard(str(path))

    def _forget_others(self) -> None:
        """Drop the byte code of what can no longer be imported, of which another slot has none."""
        importable = self._importable()
        for name in self._sources:
            if f"{self.tree}/{name}" not in importable:
                self._forget(name)

    def _forget_folder(self, cache: str) -> None:
        """Have the sources beside a `__pycache__` that is gone compiled again, also in vain: they have one, by name."""
        beside = cache.rpartition("/")[0]
        for known in self._compiled.values():
            known.difference_update([path for path in known if path.rpartition("/")[0] == beside])

    def _remove_placed(self, name: str) -> None:
        self._forget(name)
        self._unlink(name)
        if name in self._covered:
            self._covered.discard(name)
            self._git.restore(name)
            self._inventory.note(*self._git.repositories)
        self._note(name)
        self._prune((self.tree / name).parent)

    def _is_placed(self, name: str) -> bool:
        """Tell whether the link that was placed there is there."""
        path = self.tree / name
        return path.is_symlink() and str(path.readlink()) == self._placed.get(name)

    def _unlink(self, name: str) -> None:
        if self._is_placed(name):
            (self.tree / name).unlink()

    def _prune(self, folder: Path) -> None:
        """Remove a folder that holds byte code alone: it could be imported as a namespace package."""
        while folder != self.tree and self.tree in folder.parents:
            if folder.is_dir():
                if any(entry.name != "__pycache__" for entry in folder.iterdir()):
                    return
                remove(folder, self.aside)
                self._inventory.note(str(folder))
                for known in self._compiled.values():
                    known.difference_update([path for path in known if path.startswith(f"{folder}/")])
            folder = folder.parent


def _is_source(path: str) -> bool:
    """Tell whether a path is that of a source, also a link to one; a folder may be named like one."""
    return path.endswith(".py") and (Path(path).is_file() or Path(path).is_symlink())


def _byte_code(source: str, cache_tag: str) -> str:
    """Return where the byte code of a source is written."""
    folder, _, name = source.rpartition("/")
    return f"{folder}/__pycache__/{name.removesuffix('.py')}.{cache_tag}.pyc"


def _compiled_from(byte_code: str) -> tuple[str, str]:
    """Return the source of a byte-code file, and the cache tag."""
    folder, _, name = byte_code.rpartition("/__pycache__/")
    stem, _, tag = name.removesuffix(".pyc").rpartition(".")
    return f"{folder}/{stem}.py", tag
