"""What a project's packaging files say of it: their contents -> its names, and the folders of its packages. Pure.

Read are the tables of setuptools, hatch, flit, Poetry, PDM, uv, maturin and scikit-build in pyproject.toml, setup.cfg,
and the literal arguments of `setup()` in setup.py. What is odd or cannot be read is passed over: the build will say so.
"""

import ast
import posixpath
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final

from memharness.model.values import Value
from memharness.packages.pyproject import Table, read_ini, read_toml, table, text, texts

Read = Callable[[str], bytes | None]  # path of a file -> its contents, None where there is no such file

PACKAGING: Final = ("pyproject.toml", "setup.cfg", "setup.py")
_MOST_BYTES: Final = 1 << 20  # of a setup.py that is parsed
_FINDERS: Final = frozenset({"find_packages", "find_namespace_packages", "find"})


class Declared(Value):
    """The `name` of the distribution, and the dotted `module` that it is said to hold where that is another.

    `packages` are dotted names of packages and modules that it lists; `roots` are the folders that these lie in,
    relative to that of the packaging files. `requires_python` is a specifier, as PEP 440 has them.
    """

    name: str | None = None
    module: str | None = None
    packages: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    requires_python: str | None = None


def declared(read: Read) -> Declared:
    """Return what the packaging files beside one another say; `read` takes their names."""
    return _declared(*(read(name) for name in PACKAGING))


def is_project(read: Read) -> bool:
    """Tell whether a folder has anything to build: setup.py, or a pyproject.toml with a project or a back end.

    A pyproject.toml that cannot be read is something to build: the build says what is wrong with it.
    """
    pyproject = read_toml(read("pyproject.toml") or b"")
    return pyproject is None or not {"build-system", "project"}.isdisjoint(pyproject) or read("setup.py") is not None


def beside(read: Read, folder: str) -> Read:
    """Return a reader of paths that are relative to a `folder` of what `read` reads; they may lead out of it."""
    return read if folder == "." else lambda name: read(posixpath.normpath(posixpath.join(folder, name)))


@lru_cache(maxsize=64)
def _declared(pyproject: bytes | None, setup_cfg: bytes | None, setup_py: bytes | None) -> Declared:
    document = read_toml(pyproject or b"")
    tools = table(document, "tool")
    sections = read_ini(setup_cfg or b"") or {}
    arguments = _setup_arguments(setup_py or b"")
    names = (
        text(document, "project", "name"),
        text(tools, "poetry", "name"),
        text(sections, "metadata", "name"),
        text(arguments, "name"),
    )
    modules = (
        text(tools, "flit", "module", "name"),
        text(tools, "flit", "metadata", "module"),
        *_listed(tools, "uv", "build-backend", "module-name"),
        text(tools, "maturin", "module-name"),
    )
    packages: list[str] = []
    roots: list[str] = []
    for found, lie in (_from_tools(tools), _from_setup_cfg(sections), _from_setup_py(arguments)):
        packages += found
        roots += lie
    return Declared(
        name=next((name for name in names if name and name.strip()), None),
        module=next((name for name in modules if name and name.strip()), None),
        packages=tuple(dict.fromkeys(name for name in packages if name)),
        roots=tuple(dict.fromkeys(posixpath.normpath(root or ".") for root in roots)),
        requires_python=text(document, "project", "requires-python")
        or _of_poetry(text(tools, "poetry", "dependencies", "python"))
        or text(sections, "options", "python_requires")
        or text(arguments, "python_requires"),
    )


def takes_any_folder(read: Read) -> bool:
    """Tell whether a build takes any folder beside packaging files in a flat layout for a package, or ships it.

    That is what setuptools does where it looks for packages by itself, or for namespace packages, and refuses to build
    where it finds several; others do where their patterns stand for everything.
    """
    document = read_toml(read("pyproject.toml") or b"")
    backend = text(document, "build-system", "build-backend") or "setuptools"
    if not is_project(read):
        return False
    if backend.partition(".")[0] != "setuptools":
        wheel = table(document, "tool", "hatch", "build", "targets", "wheel")
        poetry = _tables(table(document, "tool"), "poetry", "packages")
        patterns = [pattern for key in ("include", "only-include", "packages") for pattern in texts(wheel, key)]
        patterns += [pattern for entry in poetry for pattern in _listed(entry, "include")]
        return any(not pattern.strip("./*") for pattern in patterns)
    setuptools = table(document, "tool", "setuptools")
    sections = read_ini(read("setup.cfg") or b"") or {}
    script = read("setup.py") or b""
    arguments = _setup_arguments(script)
    if "find" in table(setuptools, "packages"):
        find = table(setuptools, "packages", "find")
        where = _listed(find, "where") or (".",)
        return "." in where and find.get("namespaces") is not False and not find.get("include")
    in_cfg = text(sections, "options", "packages") or text(sections, "options", "py_modules") or ""
    if "find_namespace:" in in_cfg:
        find = table(sections, "options.packages.find")
        return (find.get("where") or ".") == "." and not find.get("include")
    if b"find_namespace" in script:
        return arguments.get("where", ".") in {".", None}
    explicit = {"packages", "py-modules"} & setuptools.keys() or {"packages", "py_modules"} & arguments.keys()
    return not (explicit or in_cfg)


def _of_poetry(python: str | None) -> str | None:
    """Return a specifier for a version in the style of Poetry: "^3.9" and "~3.9" mean ranges."""
    found = re.fullmatch(r"([\^~])(\d{1,3})(?:\.(\d{1,3}))?(\.\d{1,3})?", (python or "").strip())
    if not found:
        return python
    sign, major, minor, patch = found.groups()
    first = f"{major}.{minor or 0}{patch or ''}"
    last = f"{int(major) + 1}" if sign == "^" or minor is None else f"{major}.{int(minor) + 1}"
    return f">={first},<{last}"


_Found = tuple[list[str], list[str]]  # packages, roots


def _from_tools(tools: Table) -> _Found:
    setuptools = table(tools, "setuptools")
    packages = [*texts(setuptools, "packages"), *texts(setuptools, "py-modules")]
    roots = [*_package_dir(setuptools.get("package-dir")), *_listed(setuptools, "packages", "find", "where")]
    for path in (
        *texts(tools, "hatch", "build", "targets", "wheel", "packages"),
        *texts(tools, "hatch", "build", "packages"),
        *texts(tools, "scikit-build", "wheel", "packages"),
    ):
        root, _, name = posixpath.normpath(path).rpartition("/")
        packages.append(name)
        roots.append(root)
    for entry in _tables(tools, "poetry", "packages"):
        packages += [name.strip("/*").replace("/", ".") for name in _listed(entry, "include")]
        roots += _listed(entry, "from")
    roots += _listed(tools, "pdm", "build", "package-dir")
    roots += _listed(tools, "uv", "build-backend", "module-root")
    roots += _listed(tools, "maturin", "python-source")
    return packages, roots


def _from_setup_cfg(sections: dict[str, dict[str, str]]) -> _Found:
    listed = [text(sections, "options", key) or "" for key in ("packages", "py_modules")]
    words = [word for value in listed for word in re.split(r"[\s,]+", value)]
    pairs = [line.partition("=") for line in re.split(r"[\n,]+", text(sections, "options", "package_dir") or "")]
    roots = [*_package_dir({name.strip(): folder.strip() for name, sign, folder in pairs if sign})]
    roots += (text(sections, "options.packages.find", "where") or "").split()
    return [word for word in words if not word.endswith(":")], roots  # which says how to find them


def _from_setup_py(arguments: Table) -> _Found:
    packages = [*texts(arguments, "packages"), *texts(arguments, "py_modules")]
    return packages, [*_package_dir(arguments.get("package_dir")), *_listed(arguments, "where")]


def _package_dir(value: object) -> Iterator[str]:
    """Yield the folders that packages lie in: that of all, and those of packages in a folder of their own name."""
    for name, folder in value.items() if isinstance(value, dict) else ():
        if isinstance(name, str) and isinstance(folder, str):
            path, below = posixpath.normpath(folder or "."), name.replace(".", "/")
            if not name:
                yield path
            elif path.endswith(f"/{below}"):
                yield path.removesuffix(f"/{below}")


def _setup_arguments(setup_py: bytes) -> Table:
    """Return the literal arguments of the call of `setup`, and of `find_packages` in it the folder, as "where"."""
    if len(setup_py) > _MOST_BYTES:
        return {}
    try:
        tree = ast.parse(setup_py)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    arguments: Table = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if _called(node) == "setup":
            arguments |= {word.arg: _literal(word.value) for word in node.keywords if word.arg}
        elif _called(node) in _FINDERS:
            folders = [*node.args[:1], *(word.value for word in node.keywords if word.arg == "where")]
            arguments["where"] = _literal(folders[0]) if folders else "."
    return arguments


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


def _tables(value: Table, *keys: str) -> list[Table]:
    """Return the tables of the array below `keys`."""
    found = table(value, *keys[:-1]).get(keys[-1])
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _listed(value: object, *keys: str) -> tuple[str, ...]:
    """Return the text below `keys` alone, or those of the array there."""
    one = text(value, *keys)
    return texts(value, *keys) if one is None else (one,)
