"""A sample of the objects that the later calls left alive: where they were allocated, and their repr.

It holds addresses only: while there are calls to come, a reference would keep alive what a cache is about to drop.
"""

from __future__ import annotations

import sys
from gc import get_objects, get_referents, is_tracked
from itertools import compress, filterfalse, islice

from memharness_probe import safe_reprs, tracing
from memharness_probe.allocation import finder
from memharness_probe.instances import is_plain_container, type_name
from memharness_probe.tracing import identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from memharness_probe.locator import Locator

    Sampled = tuple[tracing.Line, int, int]  # allocated there, address of the object, of its type

_FRAME = type(sys._getframe())
_SAMPLE = 10
_FEWEST = 3  # at a line, of a type: one alone may be what the latest call put in the place of another
_LOOKED_AT = 30_000  # objects at most: to ask where one was allocated takes 5 microseconds, and the time-out is near
_AT_ONCE = 10_000  # objects whose addresses are taken
_FEW = 100  # objects that are looked at together
_SPARE = 10  # more of them, as some may be gone when they are to be shown


def addresses() -> dict[int, None]:
    """Return those of all objects that are alive now, to tell them from later ones.

    Unlike a set, the collector does not track a dictionary of numbers: it looks at them neither at each reading nor
    when asked for all objects.
    """
    found: dict[int, None] = {}
    for some in _all_objects(found):
        found.update(dict.fromkeys(map(identity, some)))
    return found


def _all_objects(hidden: dict[int, Any]) -> Iterator[list[Any]]:
    """Yield all objects, some at a time and some more than once; what `hidden` holds only if others do."""
    containers = get_objects()
    yield containers
    while containers:
        inner: list[Any] = []
        for i in range(0, len(containers), _AT_ONCE):
            held = list(filterfalse(is_tracked, get_referents(*containers[i : i + _AT_ONCE])))
            yield held
            inner += [thing for thing in filter(is_plain_container, held) if thing is not hidden]
        containers = inner


def find(lines: dict[tracing.Line, list[int]], earlier: dict[int, None]) -> list[Sampled]:
    """Return some objects allocated at `lines` (-> [bytes, blocks]) that are alive now, while tracing is on.

    None is at an address of `earlier`: lines of generated code have the same name wherever it is made. Runs no code of
    the workload.
    """
    groups = [group for group in _grouped(lines, earlier) if len(group) >= _FEWEST]
    return in_turn(groups, {line: size for line, (size, _) in lines.items()})


def in_turn(groups: Iterable[list[Sampled]], sizes: dict[tracing.Line, int]) -> list[Sampled]:
    """Return some objects of groups that each have one line and type: one of each before the second of any.

    Those of the lines with most bytes come first, and the first of each group.
    """
    ranked = sorted(groups, key=lambda group: (-sizes.get(group[0][0], 0), group[0][0]))
    turns = [group[turn] for turn in range(_SAMPLE + _SPARE) for group in ranked if turn < len(group)]
    return turns[: _SAMPLE + _SPARE]


def _grouped(lines: dict[tracing.Line, list[int]], earlier: dict[int, None]) -> list[list[Sampled]]:
    """Return the newest objects allocated at `lines`, at no address of `earlier`, in one list per line and type."""
    groups: dict[tuple[tracing.Line, int], list[Sampled]] = {}
    seen: set[int] = set()
    allocated_at = finder()
    later = (thing for thing in _later(get_objects(), earlier) if identity(thing) not in seen)
    for thing in islice(later, _LOOKED_AT):
        seen.add(identity(thing))
        frames = allocated_at(thing)
        if frames is None or frames[0] not in lines:
            continue
        group = groups.setdefault((frames[0], identity(type(thing))), [])
        if len(group) < _SAMPLE + _SPARE:
            group.append((frames[0], identity(thing), identity(type(thing))))
    return list(groups.values())


def _later(objects: list[Any], earlier: dict[int, None]) -> Iterator[Any]:
    """Yield objects at no address of `earlier`, the newest first, without looking at each where there are none."""
    for end in range(len(objects), 0, -_FEW):
        some = objects[max(end - _FEW, 0) : end]
        if not set(map(identity, some)) <= earlier.keys() or _hold_later(some, earlier):
            yield from (thing for thing in _newest_first(some) if identity(thing) not in earlier)


def _hold_later(containers: list[Any], earlier: dict[int, None]) -> bool:
    while containers:
        held = list(filterfalse(is_tracked, get_referents(*containers)))
        if not set(map(identity, held)) <= earlier.keys():
            return True
        containers = list(filter(is_plain_container, held))
    return False


def show(
    sample: list[Sampled], alive: dict[int, Any], locator: Locator
) -> tuple[list[tuple[str, int, str, str]], list[str]]:
    """Return [path, line, type, repr] of those that are still alive, and notes on what could not be shown.

    Runs code of the workload's, in other processes.
    """
    shown = [(entry[0], alive[entry[1]]) for entry in sample if entry[1] in alive][:_SAMPLE]
    texts, notes = safe_reprs.make([thing for _, thing in shown])
    rows = []
    for i, text in enumerate(texts):
        line, thing = shown[i]
        rows.append((locator.frame(*line)[0], line[1], type_name(type(thing)), text))
    return rows, notes


def still_alive(sample: list[Sampled]) -> dict[int, Any]:
    """Find objects by address; one of another type took the place of one that is gone."""
    wanted = {address: kind for _, address, kind in sample}
    found: dict[int, Any] = {}
    for some in _all_objects(found):
        for thing in compress(some, map(wanted.__contains__, map(identity, some))):
            if wanted[identity(thing)] == identity(type(thing)):
                found[identity(thing)] = thing
    return found


def _newest_first(objects: list[Any]) -> Iterator[Any]:
    """Yield each object that the collector tracks, and with it those untracked (numbers, text) that it holds.

    The collector lists objects in the order of their age, but those behind that only newer ones refer to. What they
    refer to comes by place; lists and tuples from the end on.
    """
    for thing in reversed(objects):
        yield thing
        for held, _ in untracked_in(thing):
            yield held


def untracked_in(thing: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the untracked objects that one holds, each with its container: the object, or what it holds untracked.

    The collector does not track dictionaries and tuples that hold but numbers, text and the like. What the probe holds
    in its variables is left out.
    """
    if type(thing) is _FRAME and tracing.is_own(thing.f_code.co_filename):
        return
    containers = [thing]
    for container in containers:
        held = [other for other in get_referents(container) if not is_tracked(other)]
        for other in held if issubclass(type(container), (list, tuple)) else reversed(held):
            yield other, container
            if is_plain_container(other):
                containers.append(other)
