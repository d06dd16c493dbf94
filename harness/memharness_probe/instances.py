"""Objects that were allocated while tracing was on, by their type and the stack that allocated them."""

from __future__ import annotations

import gc
from gc import get_objects, get_referents, is_tracked

from memharness_probe import tracing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    Instances = dict[tuple[tracing.Frames, str], int]  # (frames, name of the type) -> number

_AT_ONCE = 1000  # objects whose referents are asked for in one go
# As `type` itself answers: what a metaclass of the workload's puts in the way is not run.
_module_of = type.__dict__["__module__"].__get__
_name_of = type.__dict__["__qualname__"].__get__


def type_name(kind: type) -> str:
    """Return module and qualified name of a type without running any code of it."""
    try:
        module, name = _module_of(kind), _name_of(kind)
    except AttributeError:  # the class deleted its __module__
        return "?"
    return f"{module}.{name}" if type(module) is str else name


def traced_instances() -> Instances:
    """Count the objects that the collector tracks, and the untracked ones (numbers, text) that these refer to.

    Only what was allocated since tracing started and not by the probe. Runs no code of the workload's: automatic
    collection, and with it finalizers, is held off.
    """
    enabled = gc.isenabled()
    gc.disable()
    counts: dict[tuple[Any, int], int] = {}
    kinds: dict[int, type] = {}
    objects = get_objects()
    _count(objects, counts, kinds)
    _count(_untracked(objects), counts, kinds)
    del objects
    found: Instances = {}
    for (frames, kind), number in counts.items():
        key = frames, type_name(kinds[kind])
        found[key] = found.get(key, 0) + number
    if enabled:
        gc.enable()
    return found


def _count(things: Iterable[object], counts: dict[tuple[Any, int], int], kinds: dict[int, type]) -> None:
    """Count by stack and the type's id: a metaclass may have a hash of its own."""
    for thing in things:
        frames = tracing.allocated_at(thing)
        if frames is not None and not tracing.is_own(frames[0][0]):
            kind = type(thing)
            key = frames, id(kind)
            if key in counts:
                counts[key] += 1
            else:
                counts[key] = 1
                kinds[id(kind)] = kind


def _untracked(objects: list[object]) -> Iterator[object]:
    """Yield each object once that the collector does not track and one of `objects` refers to."""
    seen: set[int] = set()
    for start in range(0, len(objects), _AT_ONCE):
        for thing in get_referents(*objects[start : start + _AT_ONCE]):
            if not is_tracked(thing) and id(thing) not in seen:
                seen.add(id(thing))
                yield thing
