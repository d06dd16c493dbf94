"""The table [workloads], and addresses given on the command line."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from memharness.config import readers
from memharness.config.document import Document, Location, check_keys, inside
from memharness.config.scenario_keys import SCENARIO_KEYS, requires_python
from memharness.errors import MemharnessError
from memharness.model.values import Value

SECTION: Final = "workloads"
_OF_FILES: Final = ("params", "fresh-setup")  # keys of SCENARIO_KEYS that describe functions of a scenario file
_KEYS: Final[Mapping[str, readers.Reader]] = {
    **{name: read for name, read in SCENARIO_KEYS.items() if name not in _OF_FILES},
    "dependencies": readers.requirements,
    "requires-python": requires_python,
}


At = Literal["worktree", "commit"]  # of the working tree, or of each commit


class WorkloadConfig(Value):
    """A workload by its address. `name` is "" where none was given; relative paths in the address start in `folder`.

    `settings` are fields of Scenario, by name. `at` says whose tests are measured. `where` is the location of the
    address, for messages.
    """

    address: str
    folder: Path
    where: Any  # Location, a union with a class, which msgspec does not convert to
    name: str = ""
    at: At = "worktree"
    settings: dict[str, Any] = {}


def read_workloads(document: Document, table: tuple[str, ...]) -> tuple[WorkloadConfig, ...]:
    """Read the table [workloads] of a configuration: a name each, with an address or a table that holds one."""
    section, where = document.get(*table, SECTION), document.location(*table, SECTION)
    given = readers.typed({} if section is None else section, dict[str, Any], where)
    return tuple(_workload(name, value, inside(where, name), document.file.parent) for name, value in given.items())


def given_workloads(addresses: Sequence[str], folder: Path) -> tuple[WorkloadConfig, ...]:
    """Return the workloads of addresses given on the command line, each once."""
    return tuple(
        WorkloadConfig(address=address, folder=folder, where=f"-w {address}") for address in dict.fromkeys(addresses)
    )


def _workload(name: str, value: object, where: Location, folder: Path) -> WorkloadConfig:
    if not re.fullmatch(r"[\w.-]+", name):
        raise MemharnessError(f'{where}: "{name}" cannot name a workload', hint="Use letters, digits, ., _ and -.")
    if isinstance(value, str):
        return WorkloadConfig(address=readers.text(value, where), folder=folder, where=where, name=name)
    check_keys(value, ("address", "at", *_KEYS), where)
    keys = readers.typed(value, dict[str, Any], where)
    if "address" not in keys:
        raise MemharnessError(
            f"{where}: no address", hint='Write one, such as address = "call:package.module:function".'
        )
    return WorkloadConfig(
        address=readers.text(keys["address"], inside(where, "address")),
        folder=folder,
        where=where,
        name=name,
        at=_at(keys["at"], keys["address"], inside(where, "at")) if "at" in keys else "worktree",
        settings={key.replace("-", "_"): _KEYS[key](keys[key], inside(where, key)) for key in keys if key in _KEYS},
    )


def _at(value: object, address: str, where: Location) -> At:
    if not address.startswith("pytest:"):
        raise MemharnessError(f"{where}: {address} is no address of tests", hint="Take the key out.")
    if value not in ("worktree", "commit"):
        raise MemharnessError(f"{where}: {value!r} is no place of tests", hint='Write "worktree" or "commit".')
    return "commit" if value == "commit" else "worktree"
