"""Fingerprints: the files of a commit -> a hash of what a build of the project depends on. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Final

from memharness.layout import Layout
from memharness.model import EnvironmentSpec, digest
from memharness.pyproject import Table, read_ini, read_toml, table, texts

Read = Callable[[str], bytes | None]  # path of a commit's file -> its contents, None where there is no such file

_PACKAGING: Final = frozenset(
    """setup.py setup.cfg MANIFEST.in pyproject.toml hatch.toml hatch_build.py build.py build.rs versioneer.py
    meson.build meson.options meson_options.txt CMakeLists.txt Cargo.toml Cargo.lock Makefile configure
    configure.ac""".split()  # noqa: SIM905  (a list of words)
)
_NATIVE: Final = frozenset(
    """.c .h .cc .cpp .cxx .hpp .hh .hxx .inc .inl .pyx .pxd .pxi .rs .f .f90 .f95 .for .s .asm .cu .cuh .m .mm .go
    .zig .i .cmake .def .map .a .o .lib .proto""".split()  # noqa: SIM905  (a list of words)
)
_TEMPLATE: Final = re.compile(r"(\.(in|src|tp|tpl|templ|jinja|j2))+$")
_REQUIREMENTS: Final = re.compile(r"(^|/)(requirements[^/]*|constraints[^/]*)(/[^/]+)?\.(txt|in)$")
_PROSE: Final = re.compile(r"(readme|licen[cs]e|copying|notice)(?!.*\.py$)", re.IGNORECASE)
_PROSE_KEYS: Final = frozenset(
    "readme license license-files license_files license_file description long_description".split()  # noqa: SIM905
)
_NO_BUILD_TOOLS: Final = frozenset(  # tables below [tool] that cannot change what is installed
    """autopep8 bandit basedpyright black bumpver bumpversion check-manifest cibuildwheel codespell commitizen coverage
    deptry django-stubs docformatter flake8 git-cliff hypothesis importlinter interrogate isort memharness mutmut mypy
    nox pixi poe pydocstyle pylint pyright pyrefly pyroma pytest pytest-enabler refurb rstcheck ruff semantic_release
    spin taskipy tbump tomlsort towncrier tox ty typos vulture yapf zest-releaser""".split()  # noqa: SIM905
)


def buildable(read: Read) -> bool:
    """Tell whether a commit has anything to build: setup.py, or a pyproject.toml with a project or a back end.

    A pyproject.toml that cannot be read is something to build: the build says what is wrong with it.
    """
    pyproject = read_toml(read("pyproject.toml") or b"")
    return pyproject is None or not {"build-system", "project"}.isdisjoint(pyproject) or read("setup.py") is not None


def reader(tree: str) -> Read:
    """Return a function that reads the files of a checkout."""

    def read(name: str) -> bytes | None:
        path = Path(tree, name)
        return path.read_bytes() if path.is_file() else None

    return read


def fingerprint(spec: EnvironmentSpec, layout: Layout, files: Mapping[str, str], read: Read) -> str:
    """Hash what an environment depends on; commits that share it need one build. 32 hex digits.

    With install "path" that is the interpreter and the dependencies; with "wheel" every file; with "auto" packaging
    files and the files that they name by path, native sources, build scripts with the modules beside setup.py, of
    pyproject.toml what a build reads, requirements that one of these mentions, and the layout. Lock files and
    dependency groups are no input: installing a project never reads them; nor are readme and licence.
    `files` maps the paths of a commit to their blob ids.
    """
    inputs: dict[str, object] = {"spec": _asked(spec)}
    if spec.install == "wheel":
        inputs["files"] = sorted(files.items())
    elif spec.install == "auto":
        pyproject = read_toml(read("pyproject.toml") or b"") or {}
        backends = texts(pyproject, "build-system", "backend-path")
        inputs["layout"] = [layout.import_root, layout.packages]
        relevant = _relevant(pyproject)
        requirements = "requirements" in repr(relevant) or _mention_requirements(read)
        named = set(_words(relevant)) | set(_words(_setup_cfg(read)))
        if "setup.py" in files:  # which may import what lies beside it
            named.update(path for path in files if path.endswith(".py") and "/" not in path)
        inputs["pyproject"] = repr(sorted(relevant.items()))
        inputs["files"] = sorted(
            (path, blob)
            for path, blob in files.items()
            if (path != "pyproject.toml" or not pyproject)  # its relevant part is hashed instead
            and (
                _is_input(path, backends)
                or (path in named and not _PROSE.match(path.rpartition("/")[2]))
                or (requirements and _REQUIREMENTS.search(path))
            )
        )
    return digest(inputs, 32)


def _asked(spec: EnvironmentSpec) -> list[object]:
    return [spec.family, spec.interpreter.path, sorted(spec.dependencies), sorted(spec.variables.items())]


def _relevant(pyproject: Table) -> Table:
    kept = {name: value for name, value in pyproject.items() if name not in {"tool", "dependency-groups"}}
    tools = table(pyproject, "tool")
    return kept | {"tool": sorted((name, value) for name, value in tools.items() if name not in _NO_BUILD_TOOLS)}


def _setup_cfg(read: Read) -> dict[str, dict[str, str]]:
    """Return the sections of setup.cfg that a build may read."""
    sections = read_ini(read("setup.cfg") or b"") or {}
    unread = _NO_BUILD_TOOLS | {"tool"}
    return {name: section for name, section in sections.items() if re.split("[:-]", name)[0] not in unread}


def _words(value: object) -> Iterator[str]:
    """Yield what may be a path in a configuration: every word in it, but for what says where prose is."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in _PROSE_KEYS:
                yield from _words([key, inner])
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _words(inner)
    elif isinstance(value, str):
        for word in (value, *re.split(r"[\s,;:]+", value)):
            yield word.removeprefix("./").removeprefix("/")  # of the project


def _mention_requirements(read: Read) -> bool:
    """Tell whether a script or setup.cfg may read the requirements files, which otherwise serve developers."""
    return any(b"requirements" in (read(name) or b"") for name in ("setup.py", "setup.cfg", "hatch_build.py"))


@lru_cache(maxsize=1 << 16)  # neighbouring commits have the same paths
def _is_input(path: str, backends: tuple[str, ...]) -> bool:
    if any(path.startswith(f"{backend.strip('./')}/") for backend in backends if backend.strip("./")):
        return True
    name = PurePosixPath(_TEMPLATE.sub("", path))
    return path.rpartition("/")[2] in _PACKAGING or name.suffix.lower() in _NATIVE
