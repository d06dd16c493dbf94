"""Text for people: figures that never round to a false claim, and foreign text that cannot hide anything. Pure.

It imports no package, so that a broken installation can be told of.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Final

_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_MOST_NAMES: Final = 5
_JOINERS: Final = "\u200c\u200d"  # shape letters and emoji; they hide nothing
_COMMAND: Final = re.compile(r"##(?=\w*\[)")  # anywhere in a line, "##[" and "##vso[" are commands to CI runners


def visible(text: str) -> str:
    r"""Return text with control, escape, bidirectional and other invisible characters as `\x1b`, `\u202e`.

    What a CI runner would take for a command has its second sign as `\x23`.
    """
    text = text if text.isprintable() else "".join(map(_visible_character, text))
    return _COMMAND.sub(r"#\\x23", text) if "##" in text else text


def bytes_text(size: int) -> str:
    """Return a readable size: "12 B", "1.5 KiB", "2.12 MiB"; "1 MiB" is exact and "1.00 MiB" rounded.

    Two decimals, rounded to the nearest, but never up to a whole of the next unit: one byte less than 1 MiB is
    "1023.99 KiB".
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


def value_text(value: int | None, unit: str) -> str:
    """Return the value of a metric in its unit: "2.12 MiB", "8 B/call", "10,102", "-" where there is none."""
    if value is None:
        return "-"
    if unit == "millionths":
        return _millionths_text(value)
    return f"{value:,}" if unit == "objects" else bytes_text(value) + ("/call" if "call" in unit else "")


def delta_text(value: int, unit: str) -> str:
    """Return the difference of two values of a metric: "+2.12 MiB", "-3", "=" where there is none."""
    if value == 0:
        return "="
    if unit == "millionths":
        return "+" * (value > 0) + _millionths_text(value)
    return f"{value:+,}" if unit == "objects" else difference_text(value)


def _millionths_text(value: int) -> str:
    """Return a number of millionths as what it is: "42", "-0.5", "1,234.000001"."""
    whole, rest = divmod(abs(value), 10**6)
    return f"{'-' * (value < 0)}{whole:,}" + f".{rest:06}".rstrip("0").rstrip(".")


def average_text(size: int, count: int) -> str:
    """Return the average size of `count` blocks to the byte; nothing unless size and count have the same sign."""
    if size * count <= 0:
        return ""
    return bytes_text(round(size / count)) if round(size / count) else "< 1 B"


def percent_text(before: int, after: int) -> str:
    """Return the change from `before` (more than 0) to `after`, rounded towards none: "-0.3%", "+99.8%", "12.3 x"."""
    share = Fraction(after - before, before)
    sign = "-" if share < 0 else "+"
    if abs(share) >= 10:
        tenths = int((share + 1) * 10)
        return f"{tenths // 10:,}.{tenths % 10} x"
    tenths = int(abs(share) * 1000)
    return f"{sign}{tenths // 10}.{tenths % 10}%" if tenths or not share else f"{sign}<0.1%"


def share_text(share: float) -> str | None:
    """Return a share that falls short of the whole in whole per cents, rounded down; None from 99.5 % on."""
    if share >= 0.995:
        return None
    percents = int(round(share * 100, 6))
    return f"{percents} %" if percents > 0 else "less than 1 %"


def number_text(count: int, noun: str) -> str:
    """Return "1 commit" or "1,200 commits"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _visible_character(character: str) -> str:
    kept = character.isprintable() or character in _JOINERS or unicodedata.category(character) == "Zs"
    return character if kept else character.encode("unicode_escape").decode()


def names_text(names: Sequence[str]) -> str:
    """Return "a, b, c, d, e and 3 more": the first names, made visible, and how many more there are."""
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(map(visible, names[:_MOST_NAMES])) + more


def on_cases(remarks: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield "a, b: remark" for each remark on cases, given as (case, remark)."""
    grouped: dict[str, dict[str, None]] = {}
    for case, remark in remarks:
        grouped.setdefault(remark, {})[case] = None
    for remark, cases in grouped.items():
        yield f"{names_text([*cases])}: {remark}"


def and_text(words: Sequence[str]) -> str:
    """Return "a, b and c"."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
