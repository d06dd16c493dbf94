"""A slot: the checkout that children import from, its byte code, and links to files that builds generate.

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
        is_leased: Callable[[], bool] = lambda: True,
    ) -> None:
        self.tree = folder / "tree"
        self.scenarios = folder / "scenarios"
        self.work = folder / "work"
        self.aside = folder / "aside"  # what children left and nobody could delete
        git_dir = folder / "git"
        self._inventory = Inventory(self.tree, self.scenarios, git_dir)  # what children are to find
        self._exposed = False  # a child may have run since the last look
        self.is_leased = is_leased  # tells whether the slot is this process's alone: not once its lock was removed
        self._restored = False  # something was put back since the checkout
        self._sources: set[str] = set()  # .py files of the tree, relative to it
        self._links: set[str] = set()  # of those, links
        self._compiled: dict[str, set[str]] = {}  # cache tag -> those that have its byte code, and scenarios, absolute
        self._generated: dict[str, str] = {}  # path below the tree -> file that it links to
        self._covered: set[str] = set()  # of those, files of the commit
        self._checkout: Checkout | None = None
        # import root and packages when it was last asked what is uncompiled
        self._importable_before: tuple[str, tuple[str, ...]] | None = None
        self._source = scenarios
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):  # it may still resist
            remove(self.aside)
        self.clear_work()
        self._copy_scenarios()
        self._work_tree = WorkTree(repository, self.tree, git_dir)

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
        self._move(commit, self._remove_additions())
        self._restored = False
        self._checkout = Checkout(
            tree=str(self.tree),
            commit=commit,
            import_root=import_root,
            packages=packages,
            others=others,
            directory=directory,
        )
        return self._checkout

    def restore(self) -> None:
        """Remove what children wrote since the files were last complete, and put back what they changed or deleted.

        To be called after a child, before the next; what is uncompiled then must be compiled again. One look at the
        files, and one git process where a file of the commit is to be put back. Raises MemharnessError like checkout.
        """
        gone = self._remove_additions()
        self._restored |= bool(gone)
        scenarios = {path for path in gone if path.startswith(f"{self.scenarios}/")}
        if scenarios:
            self.copy_scenarios()
        if self._checkout is not None and gone > scenarios:
            generated = dict(self._generated)
            self._move(self._checkout.commit, gone)
            self.link_generated(generated)

    def copy_scenarios(self) -> None:
        """Copy the folder of the scenarios once more, whose contents are others now."""
        self._copy_scenarios()
        self._inventory.record_all()

    def has_changed(self) -> bool:
        """Tell whether files that children need went or changed since the checkout, whoever did it."""
        return self._restored or not self.is_leased() or not self.work.is_dir() or self._inventory.has_changed()

    def link_generated(
        self, generated: Mapping[str, str], *, packages: tuple[str, ...] = (), import_root: str | None = None
    ) -> Checkout:
        """Link files that a build made into the tree (path below it -> file), in place of those linked before.

        To be called after every checkout. A file of the commit that the build rewrote is covered by the link. Where
        a link of the commit leads out of the tree, no file is linked.
        Return the checkout with the `packages` and the `import_root` that the build shows, where it shows any.
        """
        assert self._checkout is not None
        generated = {name: target for name, target in generated.items() if self._is_inside(name)}
        for name in self._generated.keys() - generated.keys():
            self._unlink_generated(name)
        for name, target in generated.items():
            self._link(name, target)
        self._generated = dict(generated)
        found = {"packages": packages, "import_root": import_root}
        self._checkout = replace(self._checkout, **{name: value for name, value in found.items() if value})
        return self._checkout

    def _link(self, name: str, target: str) -> None:
        if self._generated.get(name) != target:
            self._drop_byte_code(name)
        path = self.tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(path) and not self._is_linked(name):
            self._covered.add(name)
        path.unlink(missing_ok=True)
        path.symlink_to(target)
        self._look_at(name)

    def _is_inside(self, name: str) -> bool:
        """Tell whether a path below the tree lies in it, wherever links of the commit lead."""
        return f"{os.path.realpath((self.tree / name).parent)}/".startswith(f"{os.path.realpath(self.tree)}/")

    def uncompiled(self, cache_tag: str) -> tuple[str, ...]:
        """Return the .py files that an interpreter with this cache tag may import and that lack its byte code.

        Absolute paths, sorted: the scenarios, and what lies below the import root; where that is the whole tree,
        its top-level packages and modules alone.
        """
        importable = None if self._checkout is None else (self._checkout.import_root, self._checkout.packages)
        if self._importable_before not in (None, importable):
            self._drop_unimportable()
        self._importable_before = importable
        return tuple(sorted(self._importable() - self._compiled.get(cache_tag, set())))

    def mark_compiled(self, cache_tag: str) -> None:
        """Note that all uncompiled files were compiled, or cannot be, which no second try would change.

        To be called before every child: from here on the files may be changed by one.
        """
        known = self._compiled.setdefault(cache_tag, set())
        fresh = self._importable() - known
        known.update(fresh)
        self._inventory.record(*(_byte_code(path, cache_tag) for path in fresh))
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
        self._forget_below(self.scenarios)
        if self._source is None:
            self.scenarios.mkdir()
        else:
            copy_folder(self._source, self.scenarios)
        self._scripts = {str(path) for path in self.scenarios.rglob("*.py")}
        below = (path for path in self.scenarios.rglob("*/") if path.name != "__pycache__")
        self.scenario_folders = (str(self.scenarios), *map(str, below))

    def _remove_additions(self) -> set[str]:
        """Remove what children left, and return what they took away; its sources are to be compiled again."""
        gone = self._inventory.remove_additions() if self._exposed else set()
        self._exposed = False
        for path in gone:
            if path.endswith(".pyc"):
                source, tag = _compiled_from(path)
                self._compiled.get(tag, set()).discard(source)
            elif path.endswith("/__pycache__"):
                self._compile_beside(path)
        return {path for path in gone if not path.endswith((".pyc", "/__pycache__"))}

    # --- the tree ---

    def _move(self, commit: str, gone: Iterable[str]) -> None:
        """Move the tree to `commit`, and put back what is `gone` from it; without links to generated files."""
        gone_files = (path for path in gone if path.startswith(f"{self.tree}/"))
        below = [name for name in (path[len(f"{self.tree}/") :] for path in gone_files) if f"{name}/"[:5] != ".git/"]
        for name in self._generated:
            self._unlink(name)
        changed = self._work_tree.move(commit, spoilt=bool(below or self._covered))
        self._inventory.record(*self._work_tree.repositories)
        self._covered.clear()
        if changed is None:
            self._start_afresh()
        else:
            self._settle(changed, [*below, *self._generated])

    def _start_afresh(self) -> None:
        for path in self._inventory.record_all():
            if path.endswith("/__pycache__"):  # with byte code of the commit, which git does not clean
                remove(Path(path), self.aside)
        tree = f"{self.tree}/"
        names = (path.removeprefix(tree) for path in self._inventory.record_all() if path.startswith(tree))
        self._sources = {name for name in names if not name.startswith(".git/") and _is_source(f"{tree}{name}")}
        self._links = {name for name in self._sources if (self.tree / name).is_symlink()}
        self._compiled.clear()
        self._generated.clear()

    def _settle(self, changed: Sequence[str], restored: Sequence[str]) -> None:
        """Drop the byte code of changed and removed sources, and folders left with nothing but byte code."""
        links = self._links - self._generated.keys() if changed else ()
        for name in (*changed, *links):  # what a link leads to may have changed with it
            self._drop_byte_code(name)
        for name in (*changed, *restored):
            self._look_at(name)
        for name in changed:
            self._prune((self.tree / name).parent)

    def _look_at(self, name: str) -> None:
        """Record what is now at a path below the tree."""
        path = f"{self.tree}/{name}"
        self._inventory.record(path)
        is_source = _is_source(path)
        for known, belongs in ((self._sources, is_source), (self._links, is_source and Path(path).is_symlink())):
            (known.add if belongs else known.discard)(name)

    def _drop_byte_code(self, name: str) -> None:
        """Remove the byte code that any interpreter has of a source.

        A `__pycache__` left empty goes as well, so that listing the folder around it gives the same in every slot.
        """
        if not name.endswith(".py"):
            return
        path = self.tree / name
        cache = path.parent / "__pycache__"
        if cache.is_dir():
            for compiled in [entry for entry in cache.iterdir() if _compiled_from(str(entry))[0] == str(path)]:
                compiled.unlink()
                self._inventory.record(str(compiled))
            if not any(cache.iterdir()):
                cache.rmdir()
                self._inventory.record(str(cache))
                self._compile_beside(str(cache))
        for known in self._compiled.values():
            known.discard(str(path))

    def _drop_unimportable(self) -> None:
        """Drop the byte code of sources that can no longer be imported, as another slot has none of them."""
        importable = self._importable()
        for name in self._sources:
            if f"{self.tree}/{name}" not in importable:
                self._drop_byte_code(name)

    def _compile_beside(self, cache: str) -> None:
        """Have the sources beside a `__pycache__` that is gone compiled again."""
        beside = cache.rpartition("/")[0]
        self._forget_compiled(lambda path: path.rpartition("/")[0] == beside)

    def _forget_below(self, folder: Path) -> None:
        self._forget_compiled(lambda path: path.startswith(f"{folder}/"))

    def _forget_compiled(self, is_meant: Callable[[str], bool]) -> None:
        """Have some sources compiled again, whose byte code is gone."""
        for known in self._compiled.values():
            known.difference_update([path for path in known if is_meant(path)])

    def _unlink_generated(self, name: str) -> None:
        self._drop_byte_code(name)
        self._unlink(name)
        if name in self._covered:
            self._covered.discard(name)
            self._work_tree.restore(name)
            self._inventory.record(*self._work_tree.repositories)
        self._look_at(name)
        self._prune((self.tree / name).parent)

    def _is_linked(self, name: str) -> bool:
        """Tell whether the link to a generated file is still there."""
        path = self.tree / name
        return path.is_symlink() and str(path.readlink()) == self._generated.get(name)

    def _unlink(self, name: str) -> None:
        if self._is_linked(name):
            (self.tree / name).unlink()

    def _prune(self, folder: Path) -> None:
        """Remove a folder that holds byte code alone: it could be imported as a namespace package."""
        while folder != self.tree and self.tree in folder.parents:
            if folder.is_dir():
                if any(entry.name != "__pycache__" for entry in folder.iterdir()):
                    return
                remove(folder, self.aside)
                self._inventory.record(str(folder))
                self._forget_below(folder)
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
