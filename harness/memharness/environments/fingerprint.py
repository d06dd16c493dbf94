"""Fingerprints: a commit -> a hash of what a build of its project depends on. Pure."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from memharness.environments.build_inputs import find_build_inputs, find_compiled_modules, is_native, relevant
from memharness.environments.commit_files import CommitFiles
from memharness.model.environments import EnvironmentSpec
from memharness.model.values import digest
from memharness.packages.layout import prefix_of

_PACKAGING_FILES: Final = frozenset(
    """setup.py setup.cfg MANIFEST.in pyproject.toml hatch.toml hatch_build.py build.py versioneer.py Cargo.toml
    Cargo.lock Makefile""".split()  # noqa: SIM905  (a list of words)
)
_REQUIREMENTS: Final = re.compile(r"(^|/)(requirements[^/]*|constraints[^/]*)(/[^/]+)?\.(txt|in)$")


def fingerprint(spec: EnvironmentSpec, commit: CommitFiles) -> str:
    """Hash what an environment depends on; commits that share it need one build. 32 hex digits.

    With install "path" that is the interpreter, the dependencies, and where modules are declared that it leaves
    uncompiled; with "wheel" every file; with "auto" packaging files and what they name (`find_build_inputs`), native
    sources, build scripts, of pyproject.toml what a build reads, requirements that one of these mentions, and the
    layout. Lock files and dependency groups are no input: installing a project never reads them; nor are readme and
    licence.
    """
    asked = [spec.family, spec.interpreter.path, sorted(spec.dependencies), sorted(spec.variables.items())]
    inputs: dict[str, object] = {"spec": asked}
    if spec.install == "wheel":
        inputs["files"] = sorted(commit.ids.items())
    elif spec.install == "auto":
        inputs |= _auto_inputs(spec, commit)
    elif where := find_compiled_modules(commit):
        inputs["compiled"] = where  # measurements say so
    return digest(inputs, 32)


def path_digests(files: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Return what a commit has at each of `names`: of a file its id, of a folder a digest of all in it, "" for nothing.

    Names of folders have a slash at their end; "./" is the tree. "box/*" stands for the names of what lies in a folder
    and is or has modules. `files` maps the paths of the commit to their blob ids.
    """
    return {name: _path_digest(files, name) for name in names}


def _path_digest(files: Mapping[str, str], name: str) -> str:
    if not name.endswith(("/", "*")):
        return files.get(name, "")
    start = prefix_of(name.rstrip("*").rstrip("/") or ".")
    paths = sorted(path for path in files if path.startswith(start))
    if name.endswith("*"):
        modules = {path.removeprefix(start).partition("/")[0] for path in paths if path.endswith(".py")}
        return digest(sorted(modules), 32)
    return digest([[path, files[path]] for path in paths], 32) if paths else ""


def _auto_inputs(spec: EnvironmentSpec, commit: CommitFiles) -> dict[str, object]:
    layout, pyproject = commit.layout, commit.pyproject
    kept = relevant(pyproject)
    # a script or setup.cfg may read the requirements files, which otherwise serve developers
    contents = map(commit.content, ("setup.py", "setup.cfg", "hatch_build.py"))
    requirements = "requirements" in repr(kept) or any(b"requirements" in content for content in contents)
    found = find_build_inputs(commit, command=spec.before_build).paths(commit)
    hashed = commit.path("pyproject.toml") if pyproject else None  # of which the relevant part is
    return {
        "layout": [layout.directory, layout.import_root, layout.installable],
        "pyproject": repr(sorted(kept.items())),
        "files": sorted(
            (path, id_)
            for path, id_ in commit.ids.items()
            if path != hashed and (path in found or _is_input(path) or (requirements and _REQUIREMENTS.search(path)))
        ),
    }


@lru_cache(maxsize=1 << 16)  # neighbouring commits have the same paths
def _is_input(path: str) -> bool:
    return path.rpartition("/")[2] in _PACKAGING_FILES or is_native(path)
