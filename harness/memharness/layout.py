"""Where a commit keeps its packages: paths of its files -> import root and top-level packages. Pure.

Decided for each commit, since projects move (`.` to `src/`) and rename their packages within a range.
"""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Final

from memharness.model import Value
from memharness.pyproject import read_ini, read_toml, text

_ASIDE: Final = frozenset(
    """test tests testing doc docs documentation example examples sample samples demo demos benchmark benchmarks bench
    asv_bench perf script scripts tool tools ci build dist scenarios setup conftest noxfile tasks fabfile dodo
    versioneer ez_setup hatch_build setupbase runtests bootstrap""".split()  # noqa: SIM905  (a list of words)
)
_LIBRARY_FOLDERS: Final = ("lib", "python", "source")


class Layout(Value):
    """`import_root` is relative to the tree ("." or "src"); `packages` are the top-level names below it."""

    import_root: str
    packages: tuple[str, ...] = ()


def project_name(pyproject: bytes | None, setup_cfg: bytes | None = None) -> str | None:
    """Return the name a project gives its package in pyproject.toml, else that of its distribution."""
    document = read_toml(pyproject or b"")
    named = text(document, "tool", "flit", "module", "name") or text(document, "tool", "flit", "metadata", "module")
    return named or distribution_name(pyproject, setup_cfg)


def distribution_name(pyproject: bytes | None, setup_cfg: bytes | None = None) -> str | None:
    """Return the name a project gives itself in pyproject.toml or setup.cfg; None where it gives none."""
    document = read_toml(pyproject or b"")
    named = text(document, "project", "name") or text(document, "tool", "poetry", "name")
    return named or text(read_ini(setup_cfg or b""), "metadata", "name")


def detect(paths: Iterable[str], *, project_name: str | None = None, configured: str | None = None) -> Layout:
    """Find the import root among the `paths` of a commit.

    In this order: the configured folder where the commit has it; the folder that holds the package named like the
    project, the shortest path first; `src`; "." where it holds packages; a folder like `lib`; ".".
    """
    files = frozenset(path for path in paths if path.endswith((".py", ".pyx", ".pyi", ".so")))
    root = _configured(files, configured)
    if root is None and project_name is not None:
        root = _root_of(files, project_name)
    if root is None:
        root = _usual_root(files)
    named = _names(project_name)[0].split("/")[0] if project_name else ""
    return Layout(import_root=root, packages=_packages(files, root, named))


def _configured(files: frozenset[str], configured: str | None) -> str | None:
    if configured is None:
        return None
    root = str(PurePosixPath(configured))
    return root if root == "." or any(path.startswith(f"{root}/") for path in files) else None


def _names(project: str) -> list[str]:
    """Paths below the import root under which a project's package may lie: `zope/interface`, `zope_interface`."""
    spelled = re.sub(r"[-\s]", "_", project)
    return list(dict.fromkeys(form for name in (spelled, spelled.lower()) for form in (name.replace(".", "/"), name)))


def _root_of(files: frozenset[str], project: str) -> str | None:
    found = []
    for name in _names(project):
        for ending in (f"{name}/__init__.py", f"{name}.py"):
            for path in files:
                root = path[: -len(ending)].rstrip("/") or "."
                if (path == ending or path.endswith(f"/{ending}")) and _may_be_root(files, root):
                    found.append((0 if root == "." else root.count("/") + 1, root))
    return min(found)[1] if found else None


def _may_be_root(files: frozenset[str], root: str) -> bool:
    """No package itself, not aside, not hidden."""
    parts = PurePosixPath(root).parts
    return f"{root}/__init__.py" not in files and not any(part in _ASIDE or part.startswith(".") for part in parts)


def _usual_root(files: frozenset[str]) -> str:
    if _packages(files, "src", ""):
        return "src"
    folders = sorted({path.split("/")[0] for path in files if path.count("/") >= 2})
    candidates = [".", *_LIBRARY_FOLDERS, *(folder for folder in folders if _may_be_root(files, folder))]
    for root in candidates:
        if f"{root}/__init__.py" not in files and any(
            _below(root, f"{package}/__init__.py") in files for package in _packages(files, root, "")
        ):
            return root
    return "."


def _packages(files: frozenset[str], root: str, named: str) -> tuple[str, ...]:
    """Top-level names below `root`: modules, packages, and below a root of its own also folders without __init__."""
    found = set()
    prefix = "" if root == "." else f"{root}/"
    for path in files:
        if not path.startswith(prefix):
            continue
        first, _, rest = path[len(prefix) :].partition("/")
        name = first if rest else first.split(".")[0]
        plain_folder = rest and f"{prefix}{first}/__init__.py" not in files
        if not name.isidentifier() or (name in _ASIDE and name != named):
            continue
        if plain_folder and root == "." and name != named:
            continue  # any folder beside the packages: scripts, data, notes
        if rest or first.endswith((".py", ".pyx", ".so")):
            found.add(name)
    return tuple(sorted(found))


def _below(root: str, path: str) -> str:
    return path if root == "." else f"{root}/{path}"
