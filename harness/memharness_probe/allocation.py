"""Where an object was allocated, also on CPython 3.11."""

from __future__ import annotations

from sys import version_info

from memharness_probe import tracing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_ODD = version_info[:2] == (3, 11)
_MANAGED_DICT = 1 << 4  # of a type's flags
_HEADERS = 4 * 8  # bytes before such an object: two words of the collector, two for dict and values
flags_of = type.__dict__["__flags__"].__get__


def is_odd(kind: type) -> bool:
    """Tell whether only the function that `finder` returns knows where instances of a type were allocated."""
    return _ODD and bool(flags_of(kind) & _MANAGED_DICT)


def finder() -> Callable[[object], Any]:
    """Return a function that returns the frames that allocated an object, None for one that is not traced.

    CPython 3.11 finds no trace of instances with a `__dict__`, because it forgets the two more words before them. There
    the function asks tracemalloc by address, which imports ctypes: take figures before.
    """
    if not _ODD:
        return tracing.allocated_at
    try:
        from ctypes import c_size_t, c_uint, py_object, pythonapi

        look_up = pythonapi._PyTraceMalloc_GetTraceback
    except Exception:  # noqa: BLE001  (a build without it, or a workload that replaced what importing needs)
        return tracing.allocated_at
    look_up.argtypes, look_up.restype = (c_uint, c_size_t), py_object

    def allocated_at(thing: object) -> Any:
        frames = tracing.allocated_at(thing)
        if frames is None and is_odd(type(thing)):
            frames = look_up(0, id(thing) - _HEADERS)
        return frames

    return allocated_at
