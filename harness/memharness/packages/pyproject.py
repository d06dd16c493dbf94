"""Packaging files of a commit, which anyone may have written: their contents -> values of the type asked for. Pure.

A document that cannot be read is None, and a value of another type counts as absent: the build will say what is wrong.
"""

import configparser
import tomllib
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

Table = dict[str, Any]

_MAX_BYTES: Final = 1 << 20  # parsing takes about a second for each MB
_MAX_DEPTH: Final = 100
_TOML_INTEGERS: Final = range(-(1 << 63), 1 << 63)  # others cannot even be printed


@lru_cache(maxsize=64)  # every commit is asked several times
def read_toml(content: bytes) -> Table | None:
    """Return a TOML document; None where it is too large, too deep or damaged."""
    if len(content) > _MAX_BYTES:
        return None
    try:
        document = tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return document if _is_plain(document) else None


@lru_cache(maxsize=64)
def read_ini(content: bytes) -> dict[str, dict[str, str]] | None:
    """Return the sections of a file such as setup.cfg; None where it cannot be read."""
    parser = configparser.RawConfigParser(strict=False)
    if len(content) > _MAX_BYTES:
        return None
    try:
        parser.read_string(content.decode("utf-8-sig", errors="replace"))
        return {name: dict(parser[name]) for name in parser.sections()}
    except configparser.Error:
        return None


def table(value: object, *keys: str) -> Table:
    """Return the table below `keys`, empty where there is none."""
    found = _get(value, keys)
    return found if isinstance(found, dict) else {}


def tables(value: object, *keys: str) -> list[Table]:
    """Return the tables in the array below `keys`."""
    found = _get(value, keys)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def text(value: object, *keys: str) -> str | None:
    """Return the text below `keys`, None where there is none."""
    found = _get(value, keys)
    return found if isinstance(found, str) else None


def texts(value: object, *keys: str) -> tuple[str, ...]:
    """Return the texts in the array below `keys`."""
    found = _get(value, keys)
    return tuple(item for item in found if isinstance(item, str)) if isinstance(found, list) else ()


def text_or_texts(value: object, *keys: str) -> tuple[str, ...]:
    """Return the text below `keys` alone, or those of the array there."""
    one = text(value, *keys)
    return texts(value, *keys) if one is None else (one,)


def _get(value: object, keys: Iterable[str]) -> object:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _is_plain(document: Table) -> bool:
    """Tell whether a document is no deeper than anyone writes by hand, and its numbers are those of TOML."""
    level: list[object] = [document]
    for _ in range(_MAX_DEPTH):
        if any(isinstance(value, int) and value not in _TOML_INTEGERS for value in level):
            return False
        level = [inner for value in level for inner in _inner(value)]
        if not level:
            return True
    return False


def _inner(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
