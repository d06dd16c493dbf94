"""Where a commit keeps its project and its packages: its files -> a `Layout`. Pure.

Decided for each commit, since projects move (`.` to `src/`, or to `python/`) and rename their packages within a range.
"""

import posixpath
import re
import sys
from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Final

from msgspec.structs import replace

from memharness.model.values import Value
from memharness.packages.metadata import PACKAGING_FILES, Metadata, Read, is_project, read_metadata, reader_below

_ASIDE: Final = frozenset(
    """test tests testing doc docs documentation example examples sample samples demo demos benchmark benchmarks bench
    asv_bench perf script scripts tool tools ci build dist scenarios setup conftest noxfile tasks fabfile dodo
    versioneer ez_setup hatch_build setupbase runtests bootstrap""".split()  # noqa: SIM905  (a list of words)
)
_VENDORED: Final = frozenset("third_party thirdparty vendor vendored external extern deps node_modules".split())  # noqa: SIM905
_LIBRARY_FOLDERS: Final = ("lib", "python", "source")
_PROJECT_FOLDERS: Final = ("python", "py", "bindings/python", "bindings/py")
_DEEPEST: Final = 3  # folders down to a project
STDLIB: Final = sys.stdlib_module_names | frozenset(  # and what former versions have
    """aifc asynchat asyncore audioop binhex cgi cgitb chunk crypt distutils formatter imghdr imp lib2to3 macpath
    mailcap msilib nis nntplib ossaudiodev parser pipes smtpd sndhdr spwd sunau symbol telnetlib uu xdrlib
    """.split()  # noqa: SIM905
)
_MODULE_ENDINGS: Final = (".py", ".pyx", ".so")
_KINDS: Final = ("package", "module", "folder")  # as the interpreter prefers them
_PACKAGE_FILE: Final = re.compile(r"__init__\.(py|pyx|([^/]+\.)?so)$")


class Layout(Value):
    """`import_root` is relative to the tree ("." or "src"); `packages` are the project's top-level names below it.

    `others` are further names there: scripts, tests, plain folders. Nothing says that they are the project's.
    `directory`, relative to the tree, is the folder of the packaging files.
    """

    import_root: str
    packages: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    directory: str = "."

    @property
    def installable(self) -> list[str]:
        """The top-level names that a build may install: not those of everyday folders that are not declared."""
        return sorted({*self.packages, *self.others} - (_ASIDE - {*self.packages}))


def module_names(files: Collection[str], layout: Layout) -> tuple[str, ...]:
    """Return dotted names to import the project's packages by, public ones first: of a namespace a package within."""
    names = []
    for name in sorted(layout.packages, key=lambda name: (name.startswith("_"), name)):
        prefix = posixpath.normpath(f"{layout.import_root}/{name}")
        within = [path for path in files if path.startswith(f"{prefix}/")]
        inner = [path for path in within if _PACKAGE_FILE.match(posixpath.basename(path))]
        nearest = min(inner, key=lambda path: (path.count("/"), path), default=prefix)
        below = posixpath.relpath(posixpath.dirname(nearest) if inner else prefix, layout.import_root)
        names.append(below.replace("/", "."))
    return tuple(names)


def prefix_of(folder: str) -> str:
    """Return what the paths of all files below a folder begin with."""
    return "" if folder == "." else f"{folder}/"


def locate(
    files: Collection[str], read: Read, *, directory: str | None = None, import_root: str | None = None
) -> Layout:
    """Find the project among the `files` of a commit; `directory` and `import_root` are what is configured.

    An import root is relative to the project's directory, or to the tree where the directory has no such folder.
    """
    folder = find_directory(files, read, directory)
    metadata = read_metadata(reader_below(read, folder))
    if folder == ".":
        return find_layout(files, metadata, configured=import_root)
    below = [path.removeprefix(f"{folder}/") for path in files if path.startswith(f"{folder}/")]
    if import_root is not None and _existing(below, import_root) is None and _existing(files, import_root):
        return replace(find_layout(files, metadata, configured=import_root), directory=folder)
    found = find_layout(below, metadata, configured=import_root)
    if not found.packages:  # it packs what lies elsewhere
        return replace(find_layout(files, metadata), directory=folder)
    return replace(found, import_root=posixpath.normpath(f"{folder}/{found.import_root}"), directory=folder)


def find_directory(files: Collection[str], read: Read, configured: str | None = None) -> str:
    """Return the folder of the project: the configured one where the commit has it, else the likeliest.

    That is "." where it has a project; else the only folder called `python` or the like that has one; "." where
    packages lie there; else the only folder that has one; ".".
    """
    if configured is not None and (folder := _existing(files, configured)) is not None:
        return folder
    if is_project(read):
        return "."
    found = find_projects(files, read)
    usual = [folder for folder in found if folder in _PROJECT_FOLDERS]
    if len(usual) == 1:
        return usual[0]
    return found[0] if len(found) == 1 and not _has_packages(files) else "."


def find_projects(files: Iterable[str], read: Read) -> tuple[str, ...]:
    """Return the folders that have a project of their own, except within others and in folders of tests and tools."""
    folders = {posixpath.dirname(path) or "." for path in files if posixpath.basename(path) in PACKAGING_FILES}
    found: list[str] = []
    for folder in sorted(filter(_may_have_project, folders), key=lambda folder: (folder.count("/"), folder)):
        within = any(outer == "." or folder.startswith(f"{outer}/") for outer in found)
        if not within and is_project(reader_below(read, folder)):
            found.append(folder)
    return tuple(found)


def _may_have_project(folder: str) -> bool:
    parts = PurePosixPath(folder).parts
    return len(parts) <= _DEEPEST and not any(part in _ASIDE | _VENDORED or part.startswith(".") for part in parts)


def _existing(files: Iterable[str], folder: str) -> str | None:
    """Return a folder in its normal form; None where no file lies in it."""
    folder = posixpath.normpath(folder)
    return folder if folder == "." or any(path.startswith(f"{folder}/") for path in files) else None


def _has_packages(files: Iterable[str]) -> bool:
    """Tell whether packages lie in the root itself or in `src`, without packaging files."""
    parts = (path.removeprefix("src/").split("/") for path in files)
    return any(len(part) == 2 and _PACKAGE_FILE.match(part[1]) and part[0] not in _ASIDE for part in parts)


def find_layout(paths: Iterable[str], metadata: Metadata, *, configured: str | None = None) -> Layout:
    """Find the import root among the `paths` of a project, whose packaging files say `metadata`.

    In this order: the configured folder where the commit has it; the folders declared; the folder that holds a package
    declared or named like the project, the shortest path first; `src`; "." where it holds packages; a folder like
    `lib`; ".".
    """
    files = frozenset(path for path in paths if path.endswith((".py", ".pyx", ".pyi", ".so")))
    root = (
        (None if configured is None else _existing(files, configured))
        or _declared_root(files, metadata)
        or _root_of(files, _forms([metadata.module]))
        or _root_of(files, _forms(metadata.packages))
        or _root_of(files, _forms([metadata.name]))
        or _usual_root(files)
    )
    packages, others = _sort(files, root, metadata)
    return Layout(import_root=root, packages=packages, others=others)


def _forms(names: Iterable[str | None]) -> set[str]:
    """Paths below the import root under which projects' packages may lie: `zope/interface`, `zope_interface`."""
    found: set[str] = set()
    for name in filter(None, names):
        spelled = re.sub(r"[-\s]", "_", name)
        for form in (spelled, spelled.lower()):
            found |= {form, form.replace(".", "/")} | (set() if "." in name else {form.replace("_", "/")})
    return {form for form in found if form.strip("/_")}


def _declared_root(files: frozenset[str], metadata: Metadata) -> str | None:
    """Return the folder declared to hold packages; of several the one that holds what is declared or named."""
    roots = [root for root in metadata.roots if _existing(files, root) is not None]
    if not roots:
        return None if _forms(metadata.packages).isdisjoint(_importable(files, ".")) else "."
    forms = _forms((metadata.module, *metadata.packages, metadata.name))
    return next((root for root in roots if not forms.isdisjoint(_importable(files, root))), roots[0])


def _importable(files: frozenset[str], root: str) -> set[str]:
    """Paths of the modules, packages and plain folders below a root, relative to it and without endings."""
    prefix = prefix_of(root)
    found: set[str] = set()
    for path in files:
        if path.startswith(prefix):
            folder, _, name = path[len(prefix) :].rpartition("/")
            found.add(posixpath.join(folder, name.partition(".")[0]))
            while folder and folder not in found:
                found.add(folder)
                folder = posixpath.dirname(folder)
    return found


def _root_of(files: frozenset[str], forms: set[str]) -> str | None:
    """Return the folder nearest to the top below which a package or module has one of these paths."""
    found = []
    for path in files if forms else ():
        parts = path.split("/")
        parts[-1] = parts[-1].partition(".")[0]
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        for depth in range(len(parts)):
            root = "/".join(parts[:depth]) or "."
            if "/".join(parts[depth:]) in forms and _may_be_root(files, root):
                found.append((depth, root))
    return min(found)[1] if found else None


def _may_be_root(files: frozenset[str], root: str) -> bool:
    """Tell whether a folder is no package itself, has no everyday name and is not hidden."""
    parts = PurePosixPath(root).parts
    return f"{root}/__init__.py" not in files and not any(part in _ASIDE or part.startswith(".") for part in parts)


def _usual_root(files: frozenset[str]) -> str:
    """Return `src` where it has names of its own, else the first folder with packages, else `src` or "."."""
    below = _kinds(files, "src")
    if below.keys() - _ASIDE:
        return "src"
    if root := _first_with_packages(files):
        return root
    modules = _project_names(_kinds(files, "."), "module")
    return "src" if "package" in below.values() or (below and not modules) else "."


def _first_with_packages(files: frozenset[str]) -> str | None:
    """Return "." or a folder in it that holds packages; None where there is none."""
    folders = sorted({path.split("/")[0] for path in files if path.count("/") >= 2})
    roots = (root for root in (".", *_LIBRARY_FOLDERS, *folders) if _may_be_root(files, root))
    return next((root for root in roots if _project_names(_kinds(files, root), "package")), None)


def _project_names(kinds: Mapping[str, str], kind: str) -> set[str]:
    """Return the names of this kind that are not those of everyday files and folders."""
    return {name for name, found in kinds.items() if found == kind and name not in _ASIDE}


def _kinds(files: frozenset[str], root: str) -> dict[str, str]:
    """Top-level names below `root` that can be imported: "package", "module", or "folder" without __init__."""
    found: dict[str, str] = {}
    prefix = prefix_of(root)
    for path in files:
        if not path.startswith(prefix) or not path.endswith(_MODULE_ENDINGS):
            continue
        first, _, rest = path[len(prefix) :].partition("/")
        name = first if rest else first.partition(".")[0] if first.endswith(".so") else first.rpartition(".")[0]
        if name.isidentifier() and name not in {"__init__", "__main__"}:
            kind = "package" if _PACKAGE_FILE.match(rest) else "folder" if rest else "module"
            found[name] = min(kind, found.get(name, kind), key=_KINDS.index)
    return found


def _sort(files: frozenset[str], root: str, metadata: Metadata) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the project's top-level names below `root`, and the others.

    Below an import root of its own all are the project's. In the whole tree these are: names that are declared or like
    that of the project; packages, except everyday folders; and modules, where there is nothing else. Other names of the
    standard library are left out.
    """
    kinds = _kinds(files, root)
    if root != ".":
        return tuple(sorted(kinds)), ()
    forms = _forms((metadata.module, *metadata.packages, metadata.name)) & _importable(files, root)
    own = {path.partition("/")[0] for path in forms} & kinds.keys()
    rest = {name: kind for name, kind in kinds.items() if name not in own | STDLIB}
    own = own | _project_names(rest, "package") or _project_names(rest, "module")
    return tuple(sorted(own)), tuple(sorted(rest.keys() - own))
