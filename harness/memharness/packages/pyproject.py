"""Packaging files of a commit, written by anyone: contents -> values of the types that are asked for. Pure.

pyproject.toml and its like may hold anything at any place. What cannot be read is None, what is of another type than
asked for counts as absent; the build will say what is wrong with it.
"""

import configparser
import tomllib
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

Table = dict[str, Any]

_MOST_BYTES: Final = 1 << 20  # parsing takes about a second for each MB
_MOST_LEVELS: Final = 100
_INTEGERS: Final = range(-(1 << 63), 1 << 63)  # those of TOML; others cannot even be printed


@lru_cache(maxsize=64)  # asked for several times at every commit
def read_toml(content: bytes) -> Table | None:
    """Return a TOML document; None where it is not one that everybody can read: too large, too deep, damaged."""
    if len(content) > _MOST_BYTES:
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
    if len(content) > _MOST_BYTES:
        return None
    try:
        parser.read_string(content.decode("utf-8-sig", errors="replace"))
        return {name: dict(parser[name]) for name in parser.sections()}
    except configparser.Error:
        return None


def table(value: object, *keys: str) -> Table:
    """Return the table below `keys`; an empty one where there is none."""
    found = _get(value, keys)
    return found if isinstance(found, dict) else {}


def text(value: object, *keys: str) -> str | None:
    """Return the text below `keys`; None where there is none."""
    found = _get(value, keys)
    return found if isinstance(found, str) else None


def texts(value: object, *keys: str) -> tuple[str, ...]:
    """Return the texts in the array below `keys`; other items of it are left out."""
    found = _get(value, keys)
    return tuple(item for item in found if isinstance(item, str)) if isinstance(found, list) else ()


def _get(value: object, keys: Iterable[str]) -> object:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _is_plain(document: Table) -> bool:
    """Tell whether a document is no deeper than anyone writes by hand, and its numbers are those of TOML."""
    level: list[object] = [document]
    for _ in range(_MOST_LEVELS):
        if any(isinstance(value, int) and value not in _INTEGERS for value in level):
            return False
        holders = [value for value in level if isinstance(value, dict | list)]
        level = [inner for holder in holders for inner in (holder.values() if isinstance(holder, dict) else holder)]
        if not level:
            return True
    return False
