"""Quantities as people write them: "20 KiB", "60s", "1%"."""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Final

from memharness.errors import MemharnessError

_SIZES: Final = {
    "": 1,
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
}
_SECONDS: Final[Mapping[str, int | Fraction]] = {"ms": Fraction(1, 1000), "s": 1, "m": 60, "min": 60, "h": 3600}
_QUANTITY: Final = re.compile(r"\s{0,9}([0-9]{1,18}(?:\.[0-9]{1,18})?)\s{0,9}([A-Za-z%]{0,9})\s{0,9}", re.ASCII)


def parse_size(text: str, *, where: object) -> int:
    """Parse "20 KiB" into bytes; raise with `where`, printed with str, in the message otherwise."""
    size = round(_quantity(text, _SIZES, where, "size", 'such as "20 KiB" or "8 MiB"'))
    if size >= 1 << 63:
        raise MemharnessError(f"{where}: {text!r} is larger than any memory", hint="Write less than 8 EiB.")
    return size


def parse_duration(text: str, *, where: object) -> float:
    """Parse "60s", "2m" or "500ms" into seconds; raise with `where` in the message otherwise."""
    return float(_quantity(text, _SECONDS, where, "duration", 'such as "60s", "2m" or "500ms"'))


def parse_percent(text: str, *, where: object) -> float:
    """Parse "1%" into 0.01; raise with `where` in the message otherwise."""
    return float(_quantity(text, {"%": Fraction(1, 100)}, where, "percentage", 'such as "1%"'))


def _quantity(text: str, units: Mapping[str, int | Fraction], where: object, kind: str, example: str) -> Fraction:
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2] not in units:
        raise MemharnessError(
            f"{where}: {text!r} is not a {kind}",
            hint=f"Write a number and one of the units {', '.join(filter(None, units))}, {example}.",
        )
    return Fraction(match[1]) * units[match[2]]
