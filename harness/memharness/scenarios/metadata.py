"""The metadata block of a scenario file: TOML in comments, as defined by PEP 723."""

import keyword
import math
import re
from pathlib import Path
from typing import Any, Final

from memharness.config import readers
from memharness.config.document import Document, Location, check_keys, inside
from memharness.errors import MemharnessError
from memharness.model.metrics import METRICS
from memharness.model.values import Scalar

CALLS: Final = (15, 31, 63, 127)
MOST_CASES: Final = 1000

_MOST_CHARACTERS: Final = 1 << 16  # of a block
_BEGIN = re.compile(r"# /// [a-zA-Z0-9-]+")
_SCRIPT = "# /// script"
_END = "# ///"


def read_metadata(file: Path, text: str) -> dict[str, Any]:
    """Return the fields of Scenario that the block of a file's `text` sets, by name; empty without a block."""
    block = _block(file, text)
    if block is None:
        return {}
    check_keys(block.table, ("dependencies", "requires-python", "tool"), block.location())
    fields = _fields(block, (), {"dependencies": readers.requirements, "requires-python": _requires_python})
    if block.get("tool", "memharness") is None:
        return fields
    check_keys(block.get("tool", "memharness"), _READERS, block.location("tool", "memharness"))
    return fields | _fields(block, ("tool", "memharness"), _READERS)


def without_metadata(text: str) -> str:
    """Return a file's text without its block."""
    lines = text.split("\n")
    kept = [f"{line}\n" for line in lines[:-1]] + lines[-1:]
    for begin, end in reversed(_blocks(lines)):
        if lines[begin] == _SCRIPT:
            del kept[begin : end + 1]
    return "".join(kept)


def _blocks(lines: list[str]) -> list[tuple[int, int]]:
    """Return the first and the last line of each block, as the expression in the PEP finds them, in linear time.

    That is, of successive comments, all from the first line that begins a block to the last one that ends one.
    """
    found: list[tuple[int, int]] = []
    begin: int | None = None
    end: int | None = None
    for number, line in enumerate([*lines, ""]):
        if line != "#" and not line.startswith("# "):
            if begin is not None and end is not None:
                found.append((begin, end))
            begin = end = None
        elif begin is None:
            begin = number if _BEGIN.fullmatch(line) else None
        elif line == _END and number > begin + 1:
            end = number
    return found


def _block(file: Path, text: str) -> Document | None:
    lines = text.split("\n")
    begins = [number for number, line in enumerate(lines, 1) if line == _SCRIPT]
    if len(begins) > 1:
        raise MemharnessError(
            f"{file}:{begins[1]}: a second metadata block; the first is on line {begins[0]}", hint="Merge the two."
        )
    block = next((block for block in _blocks(lines) if lines[block[0]] == _SCRIPT), None)
    if block is not None:
        content = [line.removeprefix("#").removeprefix(" ") for line in lines[block[0] + 1 : block[1]]]
        if (length := sum(map(len, content))) > _MOST_CHARACTERS:
            raise MemharnessError(
                f"{file}:{begins[0]}: {length:,} characters of metadata, the most is {_MOST_CHARACTERS:,}",
                hint="Leave something out.",
            )
        return Document(file, "\n" * begins[0] + "\n".join([*content, ""]), indent=2)
    if begins:
        raise MemharnessError(
            f"{file}:{begins[0]}: a metadata block that does not end",
            hint='Begin each of its lines with "# ", and write "# ///" as the last.',
        )
    return None


def _fields(block: Document, table: tuple[str, ...], known: dict[str, readers.Reader]) -> dict[str, Any]:
    return {
        key.replace("-", "_"): known[key](value, block.location(*table, key))
        for key, value in block.get(*table).items()
        if key in known
    }


def _requires_python(value: object, where: Location) -> str:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # here, as few scenarios need it

    text = readers.text(value, where)
    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        raise MemharnessError(f'{where}: "{text}" is no version specifier', hint='Write it like ">=3.9".') from None
    return text


def _params(value: object, where: Location) -> dict[str, tuple[Scalar, ...]]:
    table = readers.typed(value, dict[str, Any], where)
    params = {name: _values(name, given, inside(where, name)) for name, given in table.items()}
    count = math.prod(len(values) for values in params.values())
    if count > MOST_CASES:
        raise MemharnessError(
            f"{where}: {count:,} combinations, the most is {MOST_CASES:,}",
            hint="Leave values out, or split the scenario.",
        )
    return params


def _values(name: str, given: object, where: Location) -> tuple[Scalar, ...]:
    if not name.isidentifier() or keyword.iskeyword(name):
        raise MemharnessError(f"{where}: not a parameter's name", hint="Write a Python identifier.")
    values = tuple(_scalar(item, where) for item in (given if isinstance(given, list) else [given]))
    if not values:
        raise MemharnessError(f"{where}: no values", hint="Write at least one, such as [100].")
    if len({(type(item), item) for item in values}) < len(values):
        raise MemharnessError(f"{where}: a value stands twice", hint="Leave one out.")
    return values


def _scalar(value: object, where: Location) -> Scalar:
    if not isinstance(value, bool | int | float | str):
        kind = type(value).__name__
        raise MemharnessError(f"{where}: a value is a {kind}", hint="Use texts, numbers, true and false.")
    if not isinstance(value, str) and not readers.finite(value):
        raise MemharnessError(f"{where}: {value} cannot be stored", hint="Use finite numbers of up to 64 bits.")
    return value


def _calls(value: object, where: Location) -> int:
    calls = readers.typed(value, int, where)
    if calls not in CALLS:
        raise MemharnessError(
            f"{where}: {calls} is no number of calls that the leak rule has windows for",
            hint=f"Use one of {', '.join(map(str, CALLS))}, or leave the key out: memharness then finds it.",
        )
    return calls


def _limits(value: object, where: Location) -> dict[str, int]:
    check_keys(value, METRICS, where)
    table = readers.typed(value, dict[str, Any], where)
    return {name: readers.size(limit, inside(where, name)) for name, limit in table.items()}


_READERS: dict[str, readers.Reader] = {
    "params": _params,
    "calls": _calls,
    "fresh-setup": readers.truth,
    "timeout": readers.duration,
    "memory-limit": readers.positive_size,
    "limits": _limits,
    "thresholds": readers.thresholds,
    "since": readers.text,
    "tags": readers.texts,
    "metrics": readers.metrics,
}
