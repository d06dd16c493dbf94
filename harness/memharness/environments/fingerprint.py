"""Fingerprints: the files of a commit -> a hash of what a build of the project depends on. Pure."""

import posixpath
import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Final

from memharness.environments import compiled
from memharness.environments.build_inputs import NATIVE, named, relevant
from memharness.model.environments import EnvironmentSpec
from memharness.model.values import digest
from memharness.packages.declared import Read, beside
from memharness.packages.layout import Layout, installable
from memharness.packages.pyproject import read_toml

_PACKAGING: Final = frozenset(
    """setup.py setup.cfg MANIFEST.in pyproject.toml hatch.toml hatch_build.py build.py versioneer.py Cargo.toml
    Cargo.lock Makefile""".split()  # noqa: SIM905  (a list of words)
)
_NATIVE_SCRIPTS: Final = frozenset(
    "meson.build meson.options meson_options.txt CMakeLists.txt configure configure.ac".split()  # noqa: SIM905
)
_TEMPLATE: Final = re.compile(r"(\.(in|src|tp|tpl|templ|jinja|j2)){1,9}$")
_REQUIREMENTS: Final = re.compile(r"(^|/)(requirements[^/]*|constraints[^/]*)(/[^/]+)?\.(txt|in)$")


def reader(tree: str) -> Read:
    """Return a function that reads the files of a checkout."""

    def read(name: str) -> bytes | None:
        path = Path(tree, name)
        return path.read_bytes() if path.is_file() else None

    return read


def fingerprint(spec: EnvironmentSpec, layout: Layout, files: Mapping[str, str], read: Read) -> str:
    """Hash what an environment depends on; commits that share it need one build. 32 hex digits.

    With install "path" that is the interpreter, the dependencies, and where modules are declared that it leaves
    uncompiled; with "wheel" every file; with "auto" packaging files and what they name (see `named`), native sources,
    build scripts, of pyproject.toml what a build reads, requirements that one of these mentions, and the layout. Lock
    files and dependency groups are no input: installing a project never reads them; nor are readme and licence.
    `files` maps the paths of a commit to their blob ids.
    """
    inputs: dict[str, object] = {"spec": _asked(spec)}
    if spec.install == "wheel":
        inputs["files"] = sorted(files.items())
    elif spec.install == "auto":
        pyproject = read_toml(beside(read, layout.directory)("pyproject.toml") or b"") or {}
        inputs["layout"] = [layout.directory, layout.import_root, installable(layout)]
        kept = relevant(pyproject)
        requirements = "requirements" in repr(kept) or _mention_requirements(beside(read, layout.directory))
        taken_in = named(files, read, layout, layout.directory, command=spec.before_build).of(files, layout)
        own = posixpath.normpath(f"{layout.directory}/pyproject.toml")
        inputs["pyproject"] = repr(sorted(kept.items()))
        inputs["files"] = sorted(
            (path, blob)
            for path, blob in files.items()
            if (path != own or not pyproject)  # its relevant part is hashed instead
            and (path in taken_in or _is_input(path) or (requirements and _REQUIREMENTS.search(path)))
        )
    elif where := compiled.declared(beside(read, layout.directory), files, layout.packages):
        inputs["compiled"] = where  # measurements say so
    return digest(inputs, 32)


def states(files: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Return what a commit has at each of `names`: of a file its id, of a folder a digest of all in it, "" for nothing.

    Names of folders have a slash at their end; "./" is the tree. "box/*" stands for the names of what lies in a folder
    and is or has modules.
    """
    ordered = sorted(files)
    found = {}
    for name in names:
        if name.endswith("*"):
            inside = (path.removeprefix(name[:-1]) for path in ordered if path.startswith(name[:-1]))
            found[name] = digest(sorted({path.partition("/")[0] for path in inside if path.endswith(".py")}), 32)
            continue
        if not name.endswith("/"):
            found[name] = files.get(name, "")
            continue
        low, high = bisect_left(ordered, name), bisect_left(ordered, f"{name[:-1]}0")  # the character after the slash
        below = ordered if name == "./" else ordered[low:high]
        found[name] = digest([[path, files[path]] for path in below], 32) if below else ""
    return found


def _asked(spec: EnvironmentSpec) -> list[object]:
    return [spec.family, spec.interpreter.path, sorted(spec.dependencies), sorted(spec.variables.items())]


def _mention_requirements(read: Read) -> bool:
    """Tell whether a script or setup.cfg may read the requirements files, which otherwise serve developers."""
    return any(b"requirements" in (read(name) or b"") for name in ("setup.py", "setup.cfg", "hatch_build.py"))


@lru_cache(maxsize=1 << 16)  # neighbouring commits have the same paths
def _is_input(path: str) -> bool:
    return path.rpartition("/")[2] in _PACKAGING or is_native(path)


def is_native(path: str) -> bool:
    """Tell whether a file is a native source, a template of one, or a script of a build tool for such sources."""
    name = PurePosixPath(_TEMPLATE.sub("", path))
    return name.name in _NATIVE_SCRIPTS or name.suffix.lower() in {*NATIVE, ".cmake"}
