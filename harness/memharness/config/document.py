"""A TOML text and where it came from, so that every error names file, line and key.

Configuration files, metadata blocks of scenario files and the ledger are read through it.
"""

import difflib
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from memharness.errors import MemharnessError

KeyPath = tuple[str, ...]

_SYNTAX_ERROR = re.compile(r"(?P<reason>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)")


class Document:
    """A parsed TOML text. `indent` is the width of the comment signs that were cut off the front of every line."""

    def __init__(self, file: Path, text: str, *, indent: int = 0) -> None:
        self.file = file
        self.text = text.replace("\r\n", "\n")
        try:
            self.table: dict[str, Any] = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            raise self._syntax_error(str(error), indent) from None
        except RecursionError:
            raise MemharnessError(f"{file}: nested too deeply", hint="Write it flatter.") from None
        except ValueError as error:  # of a number with thousands of digits
            raise MemharnessError(f"{file}: not valid TOML: {error}", hint="Use numbers of up to 64 bits.") from None

    def _syntax_error(self, error: str, indent: int) -> MemharnessError:
        match = _SYNTAX_ERROR.fullmatch(error)
        reason = match["reason"] if match else error
        if match and match["line"]:
            location = f"{match['line']}:{int(match['column']) + indent}"
        else:
            location = f"{self.text.rstrip().count(chr(10)) + 1}"
        return MemharnessError(
            f"{self.file}:{location}: not valid TOML: {reason}", hint="See https://toml.io for the syntax."
        )

    def get(self, *key: str) -> Any:
        """Return the raw value of a key, None where it or a table above it is absent."""
        return _get(self.table, key)

    def location(self, *key: str) -> "KeyLocation":
        """Return the location of a key."""
        return KeyLocation(self, key)

    def line(self, key: KeyPath, item: str | None = None) -> int:
        """Return the line (from 1) on which a key's value begins, or that of a list's text `item` within it.

        The key stands in the first block of lines that parses with it and does not without; tomllib decides,
        so strings, comments and nested brackets cannot mislead. For error messages only: it parses each prefix.
        """
        lines = self.text.split("\n")
        begin = 0
        for end in range(1, len(lines) + 1):
            try:
                table = tomllib.loads("\n".join(lines[:end]))
            except tomllib.TOMLDecodeError:
                continue
            if _get(table, key) is not None:
                quoted = (number for number in range(begin, end) if item is not None and item in lines[number])
                return next(quoted, begin) + 1
            begin = end
        return begin


class KeyLocation:
    """The location of a key, or of an item of its list; prints as `file:line: key`, looking up the line only then."""

    def __init__(self, document: Document, key: KeyPath, item: str | None = None) -> None:
        self._document = document
        self._key = key
        self._item = item

    def __str__(self) -> str:
        name = ".".join(part if part.replace("-", "_").isidentifier() else repr(part) for part in self._key)
        return f"{self._document.file}:{self._document.line(self._key, self._item)}: {name}"

    def at(self, key_or_item: str) -> "KeyLocation":
        """Return the location of a key of this table, or of an item of this list."""
        if isinstance(self._document.get(*self._key), dict):
            return KeyLocation(self._document, (*self._key, key_or_item))
        return KeyLocation(self._document, self._key, key_or_item)


Location = KeyLocation | str


def _get(table: Any, key: KeyPath) -> Any:
    for part in key:
        table = table.get(part) if isinstance(table, dict) else None
    return table


def read_text(file: Path) -> str:
    """Read a UTF-8 file, with or without a byte order mark; raise MemharnessError where that fails."""
    try:
        content = file.read_bytes()
        return content.decode("utf-8-sig")
    except OSError as error:
        raise MemharnessError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise MemharnessError(f"{file}:{line}: not UTF-8", hint="Save the file as UTF-8.") from None


def inside(where: Location, part: str) -> Location:
    """Return the location of a key or item of the value at `where`."""
    return where.at(part) if isinstance(where, KeyLocation) else where


def check_keys(table: object, known: Iterable[str], where: Location) -> None:
    """Raise where `table` is no table, or at its first key that is not known, with the nearest known one."""
    names = sorted(known)
    if not isinstance(table, dict):
        raise MemharnessError(f"{where}: expected a table", hint=f"Its keys are {', '.join(names)}.")
    for key in table:
        if key not in names:
            raise MemharnessError(f"{inside(where, key)}: unknown key", hint=suggest(key, names))


def suggest(word: str, known: Iterable[str]) -> str:
    """Return a hint: the word probably meant, and all known ones."""
    names = list(known)
    near = difflib.get_close_matches(word, names, n=1)
    return "".join(f'Did you mean "{name}"? ' for name in near) + f"Known are {', '.join(names)}."
