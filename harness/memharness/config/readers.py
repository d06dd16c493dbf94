"""Readers of single values of configuration and metadata: a TOML value in, a typed one out.

Each raises a MemharnessError that begins with the location `where` the value stands.
"""

import math
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, Final, TypeVar

import msgspec

from memharness.config.document import Location, check_keys, inside, suggest
from memharness.errors import MemharnessError
from memharness.model.metrics import COMMON, FLAGGING
from memharness.model.scenarios import Thresholds

THRESHOLDS: Final = tuple(name for name in FLAGGING if name in COMMON)  # metrics with a floor that may be set
T = TypeVar("T")
N = TypeVar("N", int, float)
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

Reader = Callable[[Any, Location], object]


def typed(value: object, kind: type[T], where: Location) -> T:
    """Convert strictly, without guessing: "4" is no number."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        message = re.sub("`([a-z]+)`", lambda match: _KINDS.get(match[1], match[1]), str(error))
        raise MemharnessError(f"{where}: {message[0].lower()}{message[1:]}", hint=_hint(message)) from None


def _hint(message: str) -> str:
    expected = message.lower().partition(", got")[0]
    return next((hint for kind, hint in _HINTS.items() if expected.endswith(kind)), "Change its value.")


_HINTS = {
    "a list": 'Write a list, such as ["one"].',
    "a text": 'Write it in quotes; a quantity has its unit: "60s", "1%", "20 KiB".',
    "a whole number": "Write a whole number without quotes.",
}
_KINDS = {"object": "a table", "array": "a list", "str": "a text", "int": "a whole number", "bool": "true or false"}


def text(value: object, where: Location) -> str:
    """Read a text that is not blank."""
    result = typed(value, str, where)
    if not result.strip():
        raise MemharnessError(f"{where}: empty", hint="Write a text, or leave the key out.")
    return result


def truth(value: object, where: Location) -> bool:
    """Read true or false."""
    return typed(value, bool, where)


def texts(value: object, where: Location) -> tuple[str, ...]:
    """Read a list of texts."""
    return tuple(text(item, where) for item in typed(value, list[Any], where))


def distinct(value: object, where: Location) -> tuple[str, ...]:
    """Read a list of texts, at least one and each once."""
    names = texts(value, where)
    for name in names:
        if names.count(name) > 1:
            raise MemharnessError(f'{inside(where, name)}: "{name}" stands twice', hint="Leave one out.")
    if not names:
        raise MemharnessError(f"{where}: empty", hint="Name at least one, or leave the key out.")
    return names


def size(value: object, where: Location) -> int:
    """Read bytes: a whole number from 0, or a text such as "8 MiB"."""
    written = str(value) if isinstance(value, int) and not isinstance(value, bool) else text(value, where)
    found = round(_quantity(written, _SIZES, where, "size", 'such as "20 KiB" or "8 MiB"'))
    if found >= 1 << 63:
        raise MemharnessError(f"{where}: {written!r} is larger than any memory", hint="Write less than 8 EiB.")
    return found


def positive_size(value: object, where: Location) -> int:
    """Read bytes, more than none."""
    return positive(size(value, where), where)


def duration(value: object, where: Location) -> float:
    """Read seconds, more than none, from a text such as "60s", "2m" or "500ms"."""
    seconds = _quantity(text(value, where), _SECONDS, where, "duration", 'such as "60s", "2m" or "500ms"')
    return positive(float(seconds), where)


def positive(number: N, where: Location) -> N:
    """Return the number, unless it is zero or less."""
    if number <= 0:
        raise MemharnessError(f"{where}: must be more than zero", hint="Leave the key out for the default.")
    return number


def metrics(value: object, where: Location) -> tuple[str, ...]:
    """Read a list of metrics, at least one and each once."""
    names = distinct(value, where)
    for name in names:
        if name not in COMMON:
            raise MemharnessError(f'{inside(where, name)}: unknown metric "{name}"', hint=suggest(name, COMMON))
    return names


def requirements(value: object, where: Location) -> tuple[str, ...]:
    """Read a list of dependencies as PEP 508 has them."""
    # here, since importing it takes longer than all the rest of a configuration, which rarely has any
    from packaging.requirements import InvalidRequirement, Requirement

    names = texts(value, where)
    for name in names:
        try:
            Requirement(name)
        except InvalidRequirement as error:
            reason = str(error).splitlines()[0]
            raise MemharnessError(
                f'{inside(where, name)}: "{name}" is not a dependency: {reason}', hint='Write it like "numpy>=1.26".'
            ) from None
    return names


def thresholds(value: object, where: Location) -> Thresholds:
    """Read a table of `relative`, `absolute` and the names of metrics."""
    check_keys(value, ("relative", "absolute", *THRESHOLDS), where)
    table = typed(value, dict[str, Any], where)
    relative, absolute = table.get("relative"), table.get("absolute")
    return Thresholds(
        relative=None if relative is None else percent(relative, inside(where, "relative")),
        absolute=None if absolute is None else size(absolute, inside(where, "absolute")),
        metrics={name: size(table[name], inside(where, name)) for name in table if name in THRESHOLDS},
    )


def percent(value: object, where: Location) -> float:
    """Read a fraction from a text such as "1%"."""
    return float(_quantity(text(value, where), {"%": Fraction(1, 100)}, where, "percentage", 'such as "1%"'))


def _quantity(written: str, units: Mapping[str, int | Fraction], where: Location, kind: str, example: str) -> Fraction:
    match = _QUANTITY.fullmatch(written)
    if match is None or match[2] not in units:
        raise MemharnessError(
            f"{where}: {written!r} is not a {kind}",
            hint=f"Write a number and one of the units {', '.join(filter(None, units))}, {example}.",
        )
    return Fraction(match[1]) * units[match[2]]


def finite(value: float) -> bool:
    """Tell whether a number can be stored: JSON has no inf or nan, and 64 bits for a whole number."""
    return -(1 << 63) <= value < 1 << 63 if isinstance(value, int) else math.isfinite(value)
