"""memharness.toml, or [tool.memharness] in pyproject.toml, into one frozen Config.

A value comes from the first of: command line, MEMHARNESS_* variable, file, default. Paths in a file are
relative to its folder, paths from elsewhere to the folder where memharness was started.
"""

import os
import platform
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

import msgspec

from memharness.config import readers
from memharness.config.document import Document, Location, check_keys, inside, read_text, suggest
from memharness.config.workloads import SECTION, WorkloadConfig, given_workloads, read_workloads
from memharness.errors import MemharnessError
from memharness.model.environments import Install
from memharness.model.metrics import COMMON
from memharness.model.scenarios import Thresholds
from memharness.model.values import Value

FILE: Final = "memharness.toml"
_DEFAULT: Final = "default"  # the location of a value that nobody gave
_BUILD_SECONDS: Final = 600.0
_OTHER_VARIABLES: Final = ("MEMHARNESS_CACHE", "MEMHARNESS_TOKEN")  # the cache's folder; set for measured code


class ProjectConfig(Value):
    """The repository under measurement. `repo` is an absolute path or a URL; what is None is detected.

    `directory` is the folder of the project in it, `import_root` is relative to that.
    """

    repo: str
    directory: str | None = None
    import_root: str | None = None


class EnvironmentConfig(Value):
    """What to measure in: `python` holds versions or absolute paths, `variables` are set for measured code.

    `before_build` is a shell command, "" for none; `keep` is the number of built environments that stay in the cache.
    """

    python: tuple[str, ...]
    install: Install
    dependencies: tuple[str, ...]
    variables: dict[str, str]
    before_build: str = ""
    build_requires: tuple[str, ...] = ()
    build_timeout: float = _BUILD_SECONDS
    keep: int = 8


class RunConfig(Value):
    """What to measure and where to keep it: `machine` names this machine's folder below `results`."""

    scenarios: Path
    results: Path
    workers: int
    metrics: tuple[str, ...]
    growth_budget: float  # CPU seconds
    timeout: float  # seconds
    machine: str
    memory_limit: int | None = None  # bytes
    reuse: bool = True  # results of commits that look the same to a scenario


class PublishConfig(Value):
    """The site: where it goes, the address it will have, and links to the forge in place of recognised ones."""

    folder: Path
    url: str | None = None
    line_link: str | None = None
    commit_link: str | None = None


class Config(Value):
    """The whole configuration. `source` is the file used, `folder` its folder or else the git root.

    `only_workloads`: the scenario folder is left out, as workloads were chosen by their addresses.
    """

    folder: Path
    project: ProjectConfig
    environment: EnvironmentConfig
    run: RunConfig
    thresholds: Thresholds
    publish: PublishConfig
    workloads: tuple[WorkloadConfig, ...] = ()
    only_workloads: bool = False
    source: Path | None = None
    notes: tuple[str, ...] = ()


class RawValue(NamedTuple):
    """A value as it was given, where, and the folder that a relative path in it starts from."""

    value: Any
    where: Location
    folder: Path


def load_config(
    start: Path,
    *,
    file: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    overrides: Mapping[str, object] | None = None,
    addresses: Sequence[str] = (),
) -> Config:
    """Return the configuration of a command started in `start`; every fault in it is a MemharnessError.

    `file` is read instead of searching upward to the git root. `overrides` holds the command line's values by
    key, such as "run.workers": a text, or a value as it would stand in a file; None is not given. Where there are
    `addresses`, their workloads take the place of all others.
    """
    start = start.resolve()
    document, table, notes = _open(start / file) if file else _find(start)
    folder = document.file.parent if document else _git_root(start)
    given = {
        **{name: RawValue(key.default(), _DEFAULT, folder) for name, key in KEYS.items() if key.default},
        **(_from_file(document, table) if document else {}),
        **_from_environment(environment, start),
        **_from_overrides(overrides or {}, start),
    }
    listed = read_workloads(document, table) if document else ()
    fields = {
        "folder": folder,
        "source": document.file if document else None,
        "notes": notes + _unknown_variables(environment),
        "workloads": given_workloads(addresses, start) or listed,
        "only_workloads": bool(addresses),
    }
    return msgspec.convert({**fields, **_sections(given)}, Config)


def _sections(given: Mapping[str, RawValue]) -> dict[str, dict[str, Any]]:
    """Return the fields of each section, from raw values by key."""
    values: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for name, raw in given.items():
        section, _, key = name.partition(".")
        values[section][key.replace("-", "_")] = KEYS[name].read(raw)
    thresholds = values["thresholds"]
    thresholds["metrics"] = {name: thresholds.pop(name) for name in readers.THRESHOLDS if name in thresholds}
    values["environment"].setdefault("build_timeout", min(_BUILD_SECONDS, 10 * values["run"]["timeout"]))
    return values


def variable_name(name: str) -> str:
    """Return the variable of a key: MEMHARNESS_TIMEOUT for run.timeout, MEMHARNESS_PUBLISH_URL for publish.url."""
    section, _, key = name.partition(".")
    key = f"{section}_{key}" if section in {"thresholds", "publish"} else key
    return f"MEMHARNESS_{key.upper().replace('-', '_')}"


# --- where values come from ------------------------------------------------------------------------------

_Found = tuple[Document | None, tuple[str, ...], tuple[str, ...]]  # with the key of the table, and notes


def _find(start: Path) -> _Found:
    for folder in (start, *start.parents):
        own, shared = folder / FILE, folder / "pyproject.toml"
        if os.path.lexists(own):
            return _open(own)
        if shared.exists():
            document = Document(shared, read_text(shared))
            if document.get("tool", "memharness") is not None:
                return document, ("tool", "memharness"), ()
        if (folder / ".git").exists():
            break
    return None, (), ()


def _open(file: Path) -> _Found:
    document = Document(file, read_text(file))
    if file.name == "pyproject.toml":
        if document.get("tool", "memharness") is None:
            raise MemharnessError(f"{file}: no table [tool.memharness]", hint="Add one, or name another file.")
        return document, ("tool", "memharness"), ()
    shared = file.with_name("pyproject.toml")
    note = f"{FILE} is used; [tool.memharness] in {shared} beside it is not."
    return document, (), (note,) if has_table(shared) else ()


def has_table(pyproject: Path) -> bool:
    """Tell whether a pyproject.toml holds a configuration; one that is absent or broken does not."""
    try:
        return Document(pyproject, read_text(pyproject)).get("tool", "memharness") is not None
    except MemharnessError:
        return False


def _git_root(start: Path) -> Path:
    return next((folder for folder in (start, *start.parents) if (folder / ".git").exists()), start)


def _from_file(document: Document, table: tuple[str, ...]) -> dict[str, RawValue]:
    given = {}
    _check_known(document.get(*table), [*SECTIONS, SECTION], document.location(*table))
    for section, values in document.get(*table).items():
        if section == SECTION:
            continue
        location = document.location(*table, section)
        _check_known(values, [name.partition(".")[2] for name in KEYS if name.startswith(f"{section}.")], location)
        for key, value in values.items():
            given[f"{section}.{key}"] = RawValue(value, location.at(key), document.file.parent)
    return given


def _check_known(table: object, known: list[str], where: Location) -> None:
    """Check as `check_keys` does, and for a key of another section say which."""
    for key in table if isinstance(table, dict) else ():
        sections = [section for section in SECTIONS if f"{section}.{key}" in KEYS and key not in known]
        if sections:
            raise MemharnessError(f"{inside(where, key)}: unknown key", hint=f"It belongs in [{sections[0]}].")
    check_keys(table, known, where)


def _from_environment(environment: Mapping[str, str], start: Path) -> dict[str, RawValue]:
    return {
        name: RawValue(key.split(text), variable_name(name), start)
        for name, key in KEYS.items()
        if key.split and (text := environment.get(variable_name(name)))
    }


def _unknown_variables(environment: Mapping[str, str]) -> tuple[str, ...]:
    known = [*(variable_name(name) for name, key in KEYS.items() if key.split), *_OTHER_VARIABLES]
    unknown = sorted(name for name in environment if name.startswith("MEMHARNESS_") and name not in known)
    return tuple(f"{name} is no variable of memharness and has no effect. {suggest(name, known)}" for name in unknown)


def _from_overrides(overrides: Mapping[str, object], start: Path) -> dict[str, RawValue]:
    given = {}
    for name, value in overrides.items():
        split = KEYS[name].split
        raw = split(value) if split and isinstance(value, str) else value
        if raw is not None:
            given[name] = RawValue(raw, f"command line, {name}", start)
    return given


# --- what the values are ---------------------------------------------------------------------------------


class KeySpec(NamedTuple):
    """How a key is read, its default as it would stand in a file, and how one text becomes such a value."""

    read: Callable[[RawValue], object]
    default: Callable[[], object] | None = None
    split: Callable[[str], object] | None = str  # None: a table, which no variable can hold


def _plain(read: Callable[[Any, Location], object]) -> Callable[[RawValue], object]:
    return lambda raw: read(raw.value, raw.where)


def _folder(raw: RawValue) -> Path:
    return (raw.folder / Path(readers.text(raw.value, raw.where)).expanduser()).resolve()


def _written_folder(raw: RawValue) -> Path:
    """Read a folder that memharness writes into.

    A folder that a file or the default names may have come with a clone: then links on the way to it must not lead out
    of the folder of the file. One that the user names may lie anywhere.
    """
    folder, start = _folder(raw), raw.folder
    named = Path(os.path.normpath(start / Path(readers.text(raw.value, raw.where)).expanduser()))
    given = isinstance(raw.where, str) and raw.where != _DEFAULT
    if not given and named.is_relative_to(start) and not folder.is_relative_to(start.resolve()):
        raise MemharnessError(
            f"{named} leads to {folder} by a symbolic link, which is not followed",
            hint="Name the folder itself, in the configuration, by a variable or on the command line.",
        )
    return folder


def _repo(raw: RawValue) -> str:
    text = readers.text(raw.value, raw.where)
    folder = _folder(raw)
    return text if re.match(r"[^/]+:", text) and not folder.exists() else str(folder)


def _inner_folder(value: object, where: Location) -> str:
    text = readers.text(value, where)
    path = Path(text)
    if path.is_absolute() or ".." in path.parts:
        raise MemharnessError(f'{where}: "{text}" is not inside the project', hint='Write a folder such as "src".')
    return path.as_posix()


def _python(raw: RawValue) -> tuple[str, ...]:
    requests = readers.distinct(raw.value, raw.where)
    paths = (raw.folder / Path(request).expanduser() for request in requests)
    return tuple(str(path) if "/" in text else text for text, path in zip(requests, paths, strict=True))


def _install(value: object, where: Location) -> str:
    text, known = readers.text(value, where), get_args(Install)
    if text not in known:
        raise MemharnessError(f'{where}: unknown way to install "{text}"', hint=suggest(text, known))
    return text


def _variables(value: object, where: Location) -> dict[str, str]:
    variables = readers.typed(value, dict[str, str], where)
    for name, text in variables.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or "\0" in text:
            raise MemharnessError(f"{inside(where, name)}: not a variable", hint="Names hold letters, digits and _.")
    return variables


def _command(value: object, where: Location) -> str:
    return readers.typed(value, str, where).strip()


def _count(value: object, where: Location) -> int:
    return readers.positive(readers.typed(value, int, where), where)


def _url(value: object, where: Location) -> str:
    address = readers.text(value, where)
    if not re.fullmatch(r"https?://[^\s<>\"']+", address):
        raise MemharnessError(f'{where}: "{address}" is not an address', hint="It begins with https:// or http://.")
    if not address.isprintable():  # controls, and what turns the direction of text
        raise MemharnessError(
            f"{where}: {address!a} holds an invisible character", hint="Leave it out, or write it as %xx."
        )
    return address.rstrip("/")


def _link(*fields: str) -> Callable[[object, Location], str]:
    def read(value: object, where: Location) -> str:
        template = _url(value, where)
        found = re.findall(r"\{([^{}]*)\}", template)
        unknown = [name for name in found if name not in fields]
        stray = re.search(r"[{}]", re.sub(r"\{[^{}]*\}", "", template))
        if unknown or stray or "commit" not in found:
            known = ", ".join(f"{{{name}}}" for name in fields)
            raise MemharnessError(
                f'{where}: "{template}" does not lead to a commit',
                hint=f"Write {{commit}} into it, and no fields but {known}.",
            )
        return template

    return read


def _machine(value: object, where: Location) -> str:
    text = readers.text(value, where)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", text):
        raise MemharnessError(f'{where}: "{text}" cannot name a folder', hint="Use letters, digits, ., _ and -.")
    return text


def _items(text: str) -> list[str]:
    """Split at commas, but not within "numpy>=1,<2" or "dask[array,bag]"."""
    parts = re.split(r",(?!\s*[<>=!~])(?![^\[]{0,200}\])", text)
    return [part.strip() for part in parts if part.strip()]


def _number(text: str) -> object:
    return int(text) if re.fullmatch(r"-?[0-9]{1,9}", text) else text


def _truth(text: str) -> object:
    return {"true": True, "false": False}.get(text, text)


SECTIONS: Final = ["project", "environment", "run", "thresholds", "publish"]
KEYS: Final[Mapping[str, KeySpec]] = {
    "project.repo": KeySpec(_repo, lambda: "."),
    "project.directory": KeySpec(_plain(_inner_folder)),
    "project.import-root": KeySpec(_plain(_inner_folder)),
    "environment.python": KeySpec(_python, lambda: ["{}.{}".format(*sys.version_info)], _items),
    "environment.install": KeySpec(_plain(_install), lambda: "auto"),
    "environment.dependencies": KeySpec(_plain(readers.requirements), list, _items),
    "environment.variables": KeySpec(_plain(_variables), dict, None),
    "environment.before-build": KeySpec(_plain(_command), lambda: ""),
    "environment.build-requires": KeySpec(_plain(readers.requirements), list, _items),
    "environment.build-timeout": KeySpec(_plain(readers.duration)),
    "environment.keep": KeySpec(_plain(_count), split=_number),
    "run.scenarios": KeySpec(_folder, lambda: "scenarios"),
    "run.results": KeySpec(_written_folder, lambda: "results"),
    "run.workers": KeySpec(_plain(_count), lambda: len(os.sched_getaffinity(0)), _number),
    "run.metrics": KeySpec(_plain(readers.metrics), lambda: list(COMMON), _items),
    "run.growth-budget": KeySpec(_plain(readers.duration), lambda: "1s"),
    "run.timeout": KeySpec(_plain(readers.duration), lambda: "60s"),
    "run.memory-limit": KeySpec(_plain(readers.positive_size)),
    "run.reuse": KeySpec(_plain(readers.truth), lambda: True, _truth),
    "run.machine": KeySpec(_plain(_machine), lambda: f"{platform.system()}-{platform.machine()}".lower()),
    "thresholds.relative": KeySpec(_plain(readers.percent)),
    "thresholds.absolute": KeySpec(_plain(readers.size)),
    **{f"thresholds.{name}": KeySpec(_plain(readers.size)) for name in readers.THRESHOLDS},
    "publish.folder": KeySpec(_written_folder, lambda: "site"),
    "publish.url": KeySpec(_plain(_url)),
    "publish.line-link": KeySpec(_plain(_link("commit", "path", "line"))),
    "publish.commit-link": KeySpec(_plain(_link("commit"))),
}
