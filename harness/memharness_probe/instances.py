"""Objects that were allocated while tracing was on, by their type and the stack that allocated them."""

from __future__ import annotations

import sys
from _thread import allocate_lock, start_new_thread
from gc import disable, enable, get_referents, is_tracked, isenabled
from itertools import chain, compress, filterfalse

from memharness_probe import tracing
from memharness_probe.allocation import is_odd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    Instances = dict[tuple[tracing.Frames, str], int]  # (frames, name of the type) -> number
    Examples = dict[tuple[Any, int], object]  # (frames or None, identity of the type) -> the newest object

_CHARACTERS = 300
_AT_ONCE = 1000  # objects whose referents are asked for in one go
# As `type` itself answers: what a metaclass of the workload's puts in the way is not run.
module_of = type.__dict__["__module__"].__get__
_name_of = type.__dict__["__qualname__"].__get__
_FRAME = type(sys._getframe())


def type_name(kind: type) -> str:
    """Return module and qualified name of a type, cut to a length, without running its code."""
    name = bare_name(kind)
    try:
        module = module_of(kind)
    except Exception:  # noqa: BLE001  (deleted, or among keys that cannot be compared)
        return "?"
    return f"{module[:_CHARACTERS]}.{name}" if type(module) is str else name


def bare_name(kind: type) -> str:
    """Return the qualified name of a type; it may be a text whose methods are the workload's."""
    return str.__str__(_name_of(kind))[:_CHARACTERS]


def traced_instances(
    objects: list[object], allocated_at: Callable[[object], Any], examples: Examples | None = None
) -> Instances:
    """Count `objects`, all that the collector tracks, and the untracked ones (numbers, text) that they refer to.

    Only what was allocated since tracing started, not by the probe, and no frames, which the interpreter makes for
    trace functions. Runs no code of the workload: automatic collection, which calls finalizers, is off. Make the list
    before traces are taken, which are a million tuples themselves; it is emptied. `allocated_at` comes from
    `allocation.finder`, called before tracing began. `examples` are filled, also with what untracked containers hold.
    """
    enabled = isenabled()
    disable()
    inner = _untracked(objects)
    objects += inner
    types = list(map(type, objects))
    kinds: dict[int, type] = {}
    _apart(kinds.update, zip(map(tracing.identity, types), types))  # noqa: B905  (3.10)
    odd = {number for number, kind in kinds.items() if is_odd(kind)}
    odd_ones: list[object] = []
    if odd:
        _apart(odd_ones.extend, compress(objects, map(odd.__contains__, map(tracing.identity, types))))
    counts: dict[tuple[Any, int], int] = {}  # by the type's identity: a metaclass may have a hash of its own
    while examples is not None and inner:
        _add_examples(examples, tracing.allocated_at, inner)
        inner = _untracked(list(filter(is_plain_container, inner)))
    for some, find in ((objects, tracing.allocated_at), (odd_ones, allocated_at)):
        if examples is not None:
            _add_examples(examples, find, some)
        # all in C: a function of Python's for each object, most of which were there before, would take most of the time
        _apart(tracing.count_elements, zip(map(find, some), map(tracing.identity, map(type, some))), counts)  # noqa: B905  (3.10)
        some.clear()
    found = _by_name(counts, kinds)
    if enabled:
        enable()
    return found


def _untracked(objects: list[object]) -> list[object]:
    """Return what some objects refer to and the collector does not track, each once."""
    untracked: dict[int, object] = {}
    referents: list[object] = []
    for start in range(0, len(objects), _AT_ONCE):
        referents += filterfalse(is_tracked, get_referents(*objects[start : start + _AT_ONCE]))
    _apart(untracked.update, zip(map(tracing.identity, referents), referents))  # noqa: B905  (3.10)
    return list(untracked.values())


def _add_examples(examples: Examples, find: Callable[[object], Any], some: list[object]) -> None:
    _apart(examples.update, zip(zip(map(find, some), map(tracing.identity, map(type, some))), some))  # noqa: B905  (3.10)


def is_plain_container(thing: object) -> bool:
    """Tell whether an object is one that the collector may not track, although it holds others."""
    return type(thing) is dict or type(thing) is tuple


def _by_name(counts: dict[tuple[Any, int], int], kinds: dict[int, type]) -> Instances:
    """Sum (frames or None, identity of a type) -> number by name; leave out the probe's objects and frames."""
    found: Instances = {}
    for (frames, kind), number in counts.items():
        if frames is not None and kinds[kind] is not _FRAME and not tracing.is_own(frames[0][0]):
            key = frames, type_name(kinds[kind])
            found[key] = found.get(key, 0) + number
    return found


def _apart(consume: Callable[..., object], things: Iterator[object], *first: object) -> None:
    """Let a function that is written in C consume `things` in a thread, whose stack is empty.

    Its allocations are traced, and recording the stack of every little tuple would take most of the time.
    """
    done = allocate_lock()
    done.acquire()
    start_new_thread(consume, (*first, chain(things, iter(done.release, None))))
    done.acquire()
