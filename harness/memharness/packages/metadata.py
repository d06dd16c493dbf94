"""What a project's packaging files say of it: their contents -> its names, and the folders of its packages. Pure.

Read are the tables of setuptools, hatch, flit, Poetry, PDM, uv, maturin and scikit-build in pyproject.toml, setup.cfg,
and the literal arguments of `setup()` in setup.py. What is odd or cannot be read is passed over: the build will say so.
"""

import ast
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Final

from memharness.model.values import Value
from memharness.packages.pyproject import Table, read_ini, read_toml, table, tables, text, text_or_texts, texts

Read = Callable[[str], bytes | None]  # path of a file -> its contents, None where there is no such file

PACKAGING_FILES: Final = ("pyproject.toml", "setup.cfg", "setup.py")
_MAX_BYTES: Final = 1 << 20  # of a setup.py that is parsed
_FINDERS: Final = frozenset({"find_packages", "find_namespace_packages", "find"})
# Where packaging files say something: the first that does counts.
_NAMES: Final = (
    "pyproject.toml/project/name",
    "pyproject.toml/tool/poetry/name",
    "setup.cfg/metadata/name",
    "setup.py/name",
)
_FLIT_MODULES: Final = ("pyproject.toml/tool/flit/module/name", "pyproject.toml/tool/flit/metadata/module")
_PYTHONS: Final = ("setup.cfg/options/python_requires", "setup.py/python-requires")
_PACKAGE_PATHS: Final = ("hatch/build/targets/wheel/packages", "hatch/build/packages", "scikit-build/wheel/packages")
_ROOTS: Final = ("pdm/build/package-dir", "uv/build-backend/module-root", "maturin/python-source")


class Metadata(Value):
    """The `name` of the distribution, and the dotted `module` that it is said to hold where the two differ.

    `packages` are dotted names of packages and modules that it lists; `roots` are the folders that these lie in,
    relative to that of the packaging files. `requires_python` is a specifier, as PEP 440 has them.
    """

    name: str | None = None
    module: str | None = None
    packages: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    requires_python: str | None = None


def reader_below(read: Read, folder: str) -> Read:
    """Return a reader of paths that are relative to a `folder` of what `read` reads; they may lead out of it."""
    return read if folder == "." else lambda name: read(posixpath.normpath(posixpath.join(folder, name)))


def is_project(read: Read) -> bool:
    """Tell whether a folder has anything to build: setup.py, or a pyproject.toml with a project or a back end.

    A pyproject.toml that cannot be read is something to build: the build says what is wrong with it.
    """
    pyproject = read_toml(read("pyproject.toml") or b"")
    return pyproject is None or not {"build-system", "project"}.isdisjoint(pyproject) or read("setup.py") is not None


def read_metadata(read: Read) -> Metadata:
    """Return what the packaging files of one folder say; `read` takes their names."""
    return _metadata(*(read(name) or b"" for name in PACKAGING_FILES))


@lru_cache(maxsize=64)
def _metadata(pyproject: bytes, setup_cfg: bytes, setup_py: bytes) -> Metadata:
    files = _parse(pyproject, setup_cfg, setup_py)
    return Metadata(
        name=_first(files, _NAMES),
        module=_module(files),
        packages=tuple(dict.fromkeys(filter(None, _packages(files)))),
        roots=tuple(dict.fromkeys(posixpath.normpath(root or ".") for root in _roots(files))),
        requires_python=_python(files),
    )


def _packages(files: Table) -> Iterator[str]:
    """Yield the names of the packages and modules that are listed."""
    for setuptools in _setuptools_tables(files):
        yield from (*texts(setuptools, "packages"), *texts(setuptools, "py-modules"))
    yield from map(posixpath.basename, _package_paths(files))
    yield from (name.strip("/*").replace("/", ".") for name in _of_poetry_packages(files, "include"))


def _roots(files: Table) -> Iterator[str]:
    """Yield the folders that packages lie in; those of setup.cfg and setup.py come last."""
    setuptools, *older = _setuptools_tables(files)
    yield from _setuptools_roots(setuptools)
    yield from map(posixpath.dirname, _package_paths(files))
    yield from _of_poetry_packages(files, "from")
    for keys in _ROOTS:
        yield from text_or_texts(files, "pyproject.toml", "tool", *keys.split("/"))
    for setuptools in older:
        yield from _setuptools_roots(setuptools)


def _setuptools_tables(files: Table) -> tuple[Table, ...]:
    """Return what each packaging file says in the form of [tool.setuptools]."""
    cfg = _setuptools_of_cfg(table(files, "setup.cfg"))
    return table(files, "pyproject.toml", "tool", "setuptools"), cfg, table(files, "setup.py")


def _package_paths(files: Table) -> Iterator[str]:
    for keys in _PACKAGE_PATHS:
        yield from map(posixpath.normpath, texts(files, "pyproject.toml", "tool", *keys.split("/")))


def _of_poetry_packages(files: Table, key: str) -> Iterator[str]:
    for entry in tables(files, "pyproject.toml", "tool", "poetry", "packages"):
        yield from text_or_texts(entry, key)


def takes_any_folder(read: Read) -> bool:
    """Tell whether a build takes every folder beside the packaging files for a package, or ships it.

    Setuptools does so where it looks for packages itself, or for namespace packages, and it refuses to build where it
    finds several. Others do where their patterns match everything.
    """
    if not is_project(read):
        return False
    content = [read(name) or b"" for name in PACKAGING_FILES]
    files = _parse(*content)
    backend = text(files, "pyproject.toml", "build-system", "build-backend") or "setuptools"
    if backend.partition(".")[0] == "setuptools":
        return _finds_any_folder(files, namespaces=b"find_namespace" in content[-1])
    wheel = table(files, "pyproject.toml", "tool", "hatch", "build", "targets", "wheel")
    patterns = [*texts(wheel, "include"), *texts(wheel, "only-include"), *texts(wheel, "packages")]
    return any(not pattern.strip("./*") for pattern in (*patterns, *_of_poetry_packages(files, "include")))


def _finds_any_folder(files: Table, *, namespaces: bool) -> bool:
    """Tell whether setuptools does; `namespaces` tells whether setup.py looks for namespace packages."""
    setuptools, arguments = table(files, "pyproject.toml", "tool", "setuptools"), table(files, "setup.py")
    options = table(files, "setup.cfg", "options")
    listed = text(options, "packages") or text(options, "py_modules") or ""
    if "find" in table(setuptools, "packages"):
        return _takes_all(table(setuptools, "packages", "find"))
    if "find_namespace:" in listed:
        return _takes_all(table(files, "setup.cfg", "options.packages.find"))
    if namespaces:
        return _takes_all(table(arguments, "find"))
    return not (listed or {"packages", "py-modules"} & {*setuptools, *arguments})


def _takes_all(find: Table) -> bool:
    """Tell whether setuptools is to take every folder beside the packaging files, those of namespaces too."""
    folders = [*filter(None, text_or_texts(find, "where"))]
    return "." in (folders or ["."]) and find.get("namespaces") is not False and not find.get("include")


def _parse(pyproject: bytes, setup_cfg: bytes, setup_py: bytes) -> Table:
    """Return all packaging files as one document; setup.py has its arguments below the names of [tool.setuptools]."""
    contents = (read_toml(pyproject) or {}, read_ini(setup_cfg) or {}, _setup_arguments(setup_py))
    return dict(zip(PACKAGING_FILES, contents, strict=True))


def _first(files: Table, places: tuple[str, ...]) -> str | None:
    found = (text(files, *place.split("/")) for place in places)
    return next((name for name in found if name and name.strip()), None)


def _module(files: Table) -> str | None:
    """Return the module that the project's own back end is told to take; without one, that any other is told."""
    backend = text(files, "pyproject.toml", "build-system", "build-backend") or ""
    tools = table(files, "pyproject.toml", "tool")
    modules = {
        "uv": next(filter(str.strip, text_or_texts(tools, "uv", "build-backend", "module-name")), None),
        "flit": _first(files, _FLIT_MODULES),
        "maturin": _first(tools, ("maturin/module-name",)),
    }
    own = [module for name, module in modules.items() if backend.startswith(name)]
    return next(filter(None, own or modules.values()), None)


def _python(files: Table) -> str | None:
    """Return the specifier for the version of Python; only Poetry's table may say "^3.9" or "~3.9" for a range."""
    poetry = _first(files, ("pyproject.toml/tool/poetry/dependencies/python",))
    return (
        _first(files, ("pyproject.toml/project/requires-python",))
        or (poetry and _specifier(poetry))
        or _first(files, _PYTHONS)
    )


def _specifier(python: str) -> str:
    """Return the specifier for a version in the style of Poetry."""
    found = re.fullmatch(r"([\^~])(\d{1,3})(?:\.(\d{1,3}))?(\.\d{1,3})?", python.strip())
    if not found:
        return python
    sign, major, minor, patch = found.groups()
    first = f"{major}.{minor or 0}{patch or ''}"
    last = f"{int(major) + 1}" if sign == "^" or minor is None else f"{major}.{int(minor) + 1}"
    return f">={first},<{last}"


def _setuptools_of_cfg(sections: Mapping[str, Mapping[str, str]]) -> Table:
    """Return what setup.cfg says in the form of [tool.setuptools]."""
    options = sections.get("options", {})
    pairs = [line.partition("=") for line in re.split(r"[\n,]+", options.get("package_dir", ""))]
    words = re.split(r"[\s,]+", f"{options.get('packages', '')} {options.get('py_modules', '')}")
    return {
        "packages": [word for word in words if not word.endswith(":")],  # which says how to find them
        "package-dir": {name.strip(): folder.strip() for name, sign, folder in pairs if sign},
        "find": {"where": sections.get("options.packages.find", {}).get("where", "").split()},
    }


def _setuptools_roots(setuptools: Table) -> Iterator[str]:
    """Yield the folders that packages lie in: that of all, and those of packages in a folder of their own name."""
    for name, folder in table(setuptools, "package-dir").items():
        if isinstance(name, str) and isinstance(folder, str):
            path, below = posixpath.normpath(folder or "."), name.replace(".", "/")
            if not name:
                yield path
            elif path.endswith(f"/{below}"):
                yield path.removesuffix(f"/{below}")
    yield from text_or_texts(setuptools, "packages", "find", "where")
    yield from text_or_texts(setuptools, "find", "where")


def _setup_arguments(setup_py: bytes) -> Table:
    """Return the literal arguments of `setup()`, and as find.where the folder that `find_packages()` searches."""
    arguments: Table = {}
    for call in _calls(setup_py):
        keywords = {word.arg: word.value for word in call.keywords if word.arg}
        if _called(call) == "setup":
            arguments |= {name.replace("_", "-"): _literal(value) for name, value in keywords.items()}
        elif _called(call) in _FINDERS:
            folder = call.args[0] if call.args else keywords.get("where")
            arguments["find"] = {"where": _literal(folder) if folder else "."}
    return arguments


def _calls(script: bytes) -> Iterator[ast.Call]:
    """Yield the calls in a script; none where it is too long or cannot be parsed."""
    try:
        tree = ast.parse(script if len(script) <= _MAX_BYTES else b"")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _called(call: ast.Call) -> str | None:
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else None


def _literal(node: ast.expr) -> object:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None
    return [*value] if isinstance(value, tuple) else value
