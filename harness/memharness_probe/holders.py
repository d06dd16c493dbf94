"""What keeps sampled objects alive: the chains of objects that refer to them, up to what needs no explanation.

That is a module, a class of one, a function that runs, a context variable or the state of the scenario. The search
goes backwards, level by level, as the collector knows referrers; it is bounded, and runs no code of the workload.
"""

from __future__ import annotations

import sys
from _thread import _local, get_ident
from gc import disable, enable, get_objects, get_referents, get_referrers, isenabled
from time import process_time

from memharness_probe import survivors, tracing
from memharness_probe.holder_names import CONTEXT_VARIABLE, Namer, loaded, module_with, namespace, rank, value_of
from memharness_probe.instances import is_plain_container
from memharness_probe.survivors import untracked_in
from memharness_probe.tracing import identity
from memharness_probe.workload import Workload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from memharness_probe.attribution import LineAttribution
    from memharness_probe.holder_names import Holder
    from memharness_probe.instances import Examples
    from memharness_probe.locator import Locator
    from memharness_probe.survivors import Sampled

    Row = tuple[str, int, int, list[Holder]]  # allocated there, so many of the sample, from them up to the root

_SECONDS = 2.0  # of CPU time
_SECONDS_UNTRACKED = 1.0  # to look at what the collector does not track
_LOOKED_AT = 1000  # objects before the clock is read again
_LEVELS = 60
_MORE_LEVELS = 2  # after every object has a root, as that of the project may be further up
_WIDE_LEVELS = 6
_MOST_AT_LEVEL, _MOST_ABOVE = 40, 12  # the collector compares every reference with each of them
_MOST_PER_OBJECT = 4
_MOST_OBJECTS = 10
_FRAME = type(sys._getframe())
_MODULE = type(sys)
_BUILTIN_FUNCTION = type(process_time)


def find(sample: list[Sampled], alive: dict[int, Any], locator: Locator) -> list[Row]:
    """Return the chains of holders of a sample, equal ones of a line once, with their number.

    `alive` maps addresses to the objects of the sample that still exist. There are no chains where the workload left
    the interpreter in a state in which they cannot be found.
    """
    if not alive:
        return []
    enabled = isenabled()
    disable()
    try:
        lines = {address: line for line, address, _ in sample if address in alive}
        search = _Referrers(list(lines)[:_MOST_OBJECTS], alive)
        search.run()
        namer = Namer(locator)
        rows: dict[tuple[tracing.Line, tuple[Holder, ...]], int] = {}
        for address in search.wanted:
            key = lines[address], tuple(search.chain(address, namer))
            rows[key] = rows.get(key, 0) + 1
        found = [(*locator.frame(*line)[:2], number, list(chain)) for (line, chain), number in rows.items() if chain]
    except Exception:  # noqa: BLE001  (a class or module that was taken apart)
        found = []
    finally:
        if enabled:
            enable()
    return found


def find_retained(examples: Examples, stacks: tracing.Stacks, attribution: LineAttribution) -> list[Row]:
    """Return the chains of holders of what was allocated under `stacks`, by the lines that called for it.

    `examples` are objects that are alive; they are emptied.
    """
    alive: dict[int, Any] = {}
    groups: list[list[Sampled]] = []
    for (frames, kind), thing in examples.items():
        if frames is not None and type(thing) is not _FRAME and not tracing.is_own(frames[0][0]):
            alive[identity(thing)] = thing
            groups.append([(attribution.line_of(frames), identity(thing), kind)])
    examples.clear()
    sizes: dict[tracing.Line, int] = {}
    for frames, (size, _) in stacks.items():
        line = attribution.line_of(frames)
        sizes[line] = sizes.get(line, 0) + size
    return find(survivors.in_turn(groups, sizes), alive, attribution.locator)


class _Referrers:
    """Looks for what refers to some objects, and to that, and so on."""

    def __init__(self, wanted: list[int], alive: dict[int, Any]) -> None:
        self.wanted = wanted
        self._nodes = {address: alive[address] for address in wanted}  # all objects seen, by address
        self._holders: dict[int, list[int]] = {}  # of each object that was looked at
        modules = [module for module in list(sys.modules.values()) if issubclass(type(module), _MODULE)]
        self._modules = {identity(namespace(module)): module for module in modules}
        self._frames = list(_running_frames())
        self._implied: dict[int, list[int]] = {}  # holders of an object of which the collector does not know
        self._implied_nodes: dict[int, Any] = {}
        self._hidden = {identity(alive), identity(self._nodes), identity(self._implied_nodes)}
        self._prepare()

    def _prepare(self) -> None:
        """Find what the interpreter holds without the collector's knowledge, and what of the probe's to hide."""
        for value, holder in _variables(self._frames):
            self._imply(holder, value)
        for thing in get_objects():
            if type(thing) is _local:
                self._imply(thing, namespace(thing))
            elif type(thing) is Workload:
                self._hidden.add(identity(value_of(namespace(thing), "_scope")))
            elif type(thing) is _MODULE and _is_own(value_of(namespace(thing), "__file__")):
                self._hidden.update((identity(thing), identity(namespace(thing))))

    def _imply(self, holder: Any, held: Any) -> None:
        if identity(holder) not in self._hidden:
            self._implied.setdefault(identity(held), []).append(identity(holder))
            self._implied_nodes[identity(holder)] = holder

    def run(self) -> None:
        """Look at levels until all is found or the time is up."""
        deadline = process_time() + _SECONDS
        level, more = self.wanted, _MORE_LEVELS
        for number in range(_LEVELS):
            begun = process_time()
            level = self._look_at(level)[: _MOST_AT_LEVEL if number < _WIDE_LEVELS else _MOST_ABOVE]
            more -= all(self._root_paths(address) for address in self.wanted)
            if not level or more < 0 or 2 * process_time() - begun > deadline:
                break

    def _look_at(self, level: list[int]) -> list[int]:
        """Enter what refers to the objects of a level; return the next level, the oldest holder of each object first.

        That is more often the container than one of its parts that refers back to it.
        """
        above: list[tuple[int, int]] = []
        self._holders.update({address: [] for address in level})
        for holder, held in self._referrers(level):
            self._enter(holder, held, above)
        if level is self.wanted and not all(self._holders[address] for address in level):
            self._look_into_untracked()
        for address in level:
            for implied in self._implied.get(address, ()):
                self._enter(self._implied_nodes[implied], {address}, above)
        above.sort(key=lambda entry: entry[0])
        return [address for _, address in above]

    def _referrers(self, level: list[int]) -> Iterator[tuple[Any, set[int]]]:
        """Yield what refers to the objects of a level, and to which of them."""
        wanted, things = set(level), tuple([self._nodes[address] for address in level])
        for holder in get_referrers(*things):
            own = type(holder) is _FRAME and _is_own(holder.f_code.co_filename)
            if identity(holder) not in self._hidden and holder is not things and not own:
                yield holder, wanted.intersection(map(identity, get_referents(holder)))

    def _look_into_untracked(self) -> None:
        """Find containers that the collector does not track, and therefore not what they refer to."""
        wanted, until = set(self.wanted), process_time() + _SECONDS_UNTRACKED
        for i, thing in enumerate(get_objects()):
            for held, container in untracked_in(thing):
                if container is not thing and (identity(held) in wanted or is_plain_container(held)):
                    self._imply(container, held)
            if not i % _LOOKED_AT and process_time() > until:
                break

    def _enter(self, holder: Any, held: set[int], above: list[tuple[int, int]]) -> None:
        root = self._is_root(holder)
        for address in held:
            holders = self._holders[address]
            if root or len(holders) < _MOST_PER_OBJECT:
                if identity(holder) not in self._nodes:
                    self._nodes[identity(holder)] = holder
                    above += [] if root else [(len(holders), identity(holder))]
                holders.append(identity(holder))

    def _is_root(self, thing: Any) -> bool:
        kind = type(thing)
        if issubclass(kind, type):
            return module_with(thing) is not None
        known = identity(thing) in self._modules or any(thing is frame for frame in self._frames)
        return known or kind is Workload or kind is loaded(*CONTEXT_VARIABLE) or issubclass(kind, _MODULE)

    def _root_paths(self, address: int) -> list[list[int]]:
        """Return the shortest path from an object to each root found, the nearest first."""
        paths, seen = [[address]], {address}
        found: list[list[int]] = []
        for path in paths:
            for holder in self._holders.get(path[-1], ()):
                if holder not in seen:
                    seen.add(holder)
                    (found if self._is_root(self._nodes[holder]) else paths).append([*path, holder])
        return found

    def chain(self, address: int, namer: Namer) -> list[Holder]:
        """Return the holders of an object: of the chains found, the one that ends in the project, else the shortest."""
        chains = [namer.chain(self._objects(path)) for path in self._root_paths(address)]
        if chains:
            return min(chains, key=rank)
        path = self._dead_end(address)
        if len(path) == 1 and type(self._nodes[address]) is dict:
            return []  # attributes of an instance, whose values the collector sees in their place since 3.13
        end = "..." if self._holders.get(path[-1], path) else "an object of C code"
        return [*namer.chain(self._objects(path)), ("", 0, end)]

    def _dead_end(self, address: int) -> list[int]:
        """Return the shortest path to an object to which none refers that the collector knows, else the longest."""
        paths, seen = [[address]], {address}
        for path in paths:
            if self._holders.get(path[-1]) == []:
                return path
            for holder in self._holders.get(path[-1], ()):
                if holder not in seen:
                    seen.add(holder)
                    paths.append([*path, holder])
        return paths[-1]

    def _objects(self, path: list[int]) -> list[Any]:
        """Return the objects of a path, with the module behind its namespace or its class."""
        things = [self._nodes[address] for address in path]
        last = things[-1]
        module = module_with(last) if issubclass(type(last), type) else self._modules.get(identity(last))
        return things if module is None else [*things, module]


def _is_own(file: Any) -> bool:
    return type(file) is str and tracing.is_own(file)


def _variables(frames: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield the values of the variables of running functions and of context variables, with what holds them."""
    for frame in frames:
        for value in frame.f_locals.values():
            yield value, frame
    variables = loaded("_contextvars", "copy_context")
    if type(variables) is _BUILTIN_FUNCTION:
        context: Any = variables()
        for variable, value in context.items():
            yield value, variable


def _running_frames() -> Iterator[Any]:
    """Yield the frames of the other threads; this one runs the probe."""
    own = get_ident()
    for thread, innermost in sys._current_frames().items():
        frame: Any = innermost if thread != own else None
        while frame is not None:
            yield frame
            frame = frame.f_back
