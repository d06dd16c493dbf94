"""The keys that say how a workload is measured, for scenario files and for the table [workloads]."""

import keyword
import math
from typing import Any, Final

from memharness.config import readers
from memharness.config.document import Location, check_keys, inside
from memharness.errors import MemharnessError
from memharness.model.metrics import COMMON
from memharness.model.values import Scalar

CALLS: Final = (15, 31, 63, 127)
MOST_CASES: Final = 1000


def requires_python(value: object, where: Location) -> str:
    """Read a version specifier as PEP 440 has it."""
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
    check_keys(value, COMMON, where)
    table = readers.typed(value, dict[str, Any], where)
    return {name: readers.size(limit, inside(where, name)) for name, limit in table.items()}


SCENARIO_KEYS: Final[dict[str, readers.Reader]] = {
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
