"""An asv.conf.json -> the keys of a configuration, and remarks on what has no counterpart."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from memharness.errors import MemharnessError
from memharness.model.values import Value
from memharness.workloads.asv_suites import CONFIGURATIONS, read_configuration

_FOLDERS: Final = (".", "benchmarks", "asv_bench", "benchmark", "asv")
_BUILDS: Final = re.compile(r"pip wheel|-mpip wheel|-m build|pip install|-mpip install|setup\.py (build|bdist_wheel)$")
_UNUSED: Final = {  # key -> why it is not taken over
    "install_command": "memharness installs what it builds itself",
    "uninstall_command": "each environment is built anew",
    "include": "memharness measures with one list of dependencies; combinations are not tried",
    "exclude": "memharness measures with one list of dependencies; combinations are not tried",
    "conda_channels": "dependencies are installed from PyPI",
    "conda_environment_file": "dependencies are installed from PyPI",
    "regressions_thresholds": "see [thresholds] of the configuration",
    "regressions_first_commits": "see --since",
    "plugins": "asv's plug-ins do nothing for memory",
}
_ENVIRONMENTS: Final = ("", "virtualenv", "uv", "existing")


class AsvConfiguration(Value):
    """What an asv.conf.json asks for. `settings` are keys of the configuration, such as "environment.variables".

    `repo` is the repository under measurement: a URL, or a path that starts in the folder of the file.
    """

    repo: str = "."
    pythons: tuple[str, ...] = ()
    settings: dict[str, Any] = {}
    notes: tuple[str, ...] = ()


def find_configuration(folder: Path, given: str) -> Path:
    """Return the asv.conf.json that is `given`, else the one of a project's folder; raise MemharnessError without."""
    if given:
        file = folder / given
        found = [file] if file.is_file() else [file / name for name in CONFIGURATIONS]
    else:
        found = [folder / place / name for place in _FOLDERS for name in CONFIGURATIONS]
    existing = next((file for file in found if file.is_file()), None)
    if existing is None:
        raise MemharnessError(
            f"{folder / given if given else folder}: no asv.conf.json",
            hint="Name it: memharness init --from-asv PATH.",
        )
    return existing.resolve()


def convert(file: Path) -> AsvConfiguration:
    """Read an asv.conf.json; raise MemharnessError where that is not what it is."""
    given = read_configuration(file)
    notes = [f"{key} is not taken over: {why}" for key, why in _UNUSED.items() if given.get(key)]
    requirements, variables = _matrix(_table(given, "matrix"), notes)
    if variables:
        notes.append("the variables of the matrix are set for the measured code, not for its build")
    settings = {
        "environment.dependencies": requirements,
        "environment.variables": variables,
        "environment.before-build": _before_build(given.get("build_command"), notes),
        "environment.build-timeout": _seconds(given.get("install_timeout")),
        "run.timeout": _seconds(given.get("default_benchmark_timeout")),
        "project.directory": str(given.get("repo_subdir") or ""),
    }
    return AsvConfiguration(
        repo=str(given.get("repo") or "."),
        pythons=tuple(str(one) for one in _list(given.get("pythons"))),
        settings={key: value for key, value in settings.items() if value},
        notes=(*notes, *_other_notes(given)),
    )


def _seconds(value: object) -> str:
    return f"{value:g}s" if isinstance(value, int | float) and value > 0 else ""


def _other_notes(given: Mapping[str, Any]) -> Iterator[str]:
    kind = str(given.get("environment_type") or "").partition(":")[0]
    if kind not in _ENVIRONMENTS:
        yield f"environment_type {kind} is not taken over: environments are built with uv, from PyPI"
    branches = [str(one) for one in _list(given.get("branches"))]
    if branches:
        named = " and ".join(f"`memharness run --until {branch}`" for branch in branches)
        yield f"branches: without more, the branch that is checked out is measured; {named} does that for yours"


def _matrix(matrix: Mapping[str, Any], notes: list[str]) -> tuple[list[str], dict[str, str]]:
    """Return the requirements and the variables of a matrix, of each the last value; it may be of asv before 0.5."""
    parted = not matrix.keys() - {"req", "env", "env_nobuild", "@env", "@env_nobuild"}
    wanted = _table(matrix, "req") if parted else matrix
    variables = {**_table(matrix, "env"), **_table(matrix, "env_nobuild")} if parted else {}
    requirements = []
    for name, values in wanted.items():
        value = _last(name, values, notes)
        name = name.removeprefix("pip+")
        if value is not None:
            requirements.append(f"{name}=={value}" if re.fullmatch(r"[\w.*]+", value) else f"{name}{value}")
    found = {name: _last(name, values, notes) for name, values in variables.items()}
    return requirements, {name: value for name, value in found.items() if value is not None}


def _last(name: str, values: object, notes: list[str]) -> str | None:
    """Return the last of the values that a matrix has for a name; None where that is not to be there."""
    several = _list(values)
    if len(several) > 1:
        shown = ", ".join("none" if value is None else str(value) or "the newest" for value in several)
        notes.append(f"{name}: of {shown} the last was taken, as memharness measures with one list of dependencies")
    last = several[-1] if several else ""
    return None if last is None else str(last)


def _before_build(commands: object, notes: list[str]) -> str:
    """Return what of the commands that build is to be run before; memharness builds by itself."""
    kept = []
    for command in map(str, _list(commands)):
        if _BUILDS.search(command):
            continue
        if "{" in command:
            notes.append(f"build_command is not taken over in part: {command}")
        else:
            kept.append(command)
    return " && ".join(kept)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _table(given: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = given.get(key)
    return value if isinstance(value, dict) else {}
