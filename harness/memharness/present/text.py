"""Text that a person reads: sizes that claim nothing false, and foreign text that cannot hide anything."""

import unicodedata
from typing import Final

_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_JOINERS: Final = "\u200c\u200d"  # shape letters and emoji; they hide nothing


def visible(text: str) -> str:
    r"""Return text with control, escape, bidirectional and other invisible characters as `\x1b`, `\u202e`."""
    return text if text.isprintable() else "".join(map(_visible_character, text))


def bytes_text(size: int) -> str:
    """Return a readable size: "12 B", "1.5 KiB", "2.12 MiB"; "1 MiB" is exact and "1.00 MiB" rounded.

    Two decimals, rounded to the nearest; but what is less than a unit is never shown as the whole of it
    ("1023.99 KiB" for one byte less than 1 MiB).
    """
    if size < 0:
        return f"-{bytes_text(-size)}"
    power = min(max(size.bit_length() - 1, 0) // 10, len(_UNITS) - 1)
    unit = 1 << (10 * power)
    hundredths, rest = divmod(size * 100, unit)
    if rest == 0:
        whole, part = divmod(hundredths, 100)
        decimals = f".{part:02}".rstrip("0") if part else ""
        return f"{whole}{decimals} {_UNITS[power]}"
    if 2 * rest >= unit and hundredths + 1 < 1024 * 100:
        hundredths += 1
    return f"{hundredths // 100}.{hundredths % 100:02} {_UNITS[power]}"


def difference_text(size: int) -> str:
    """Return a readable difference with its sign: "+2.12 MiB", "-12 B", "0 B"."""
    return f"+{bytes_text(size)}" if size > 0 else bytes_text(size)


def _visible_character(character: str) -> str:
    kept = character.isprintable() or character in _JOINERS or unicodedata.category(character) == "Zs"
    return character if kept else character.encode("unicode_escape").decode()
