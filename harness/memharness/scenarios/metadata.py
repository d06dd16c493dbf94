"""The metadata block of a scenario file: TOML in comments, as defined by PEP 723."""

import re
from pathlib import Path
from typing import Any, Final

from memharness.config import readers
from memharness.config.document import Document, check_keys
from memharness.config.scenario_keys import SCENARIO_KEYS, requires_python
from memharness.errors import MemharnessError

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
    fields = _fields(block, (), {"dependencies": readers.requirements, "requires-python": requires_python})
    if block.get("tool", "memharness") is None:
        return fields
    check_keys(block.get("tool", "memharness"), SCENARIO_KEYS, block.location("tool", "memharness"))
    return fields | _fields(block, ("tool", "memharness"), SCENARIO_KEYS)


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
