"""What a holder is called, and the line that made it one. Runs no code of the workload."""

from __future__ import annotations

import sys
from _thread import _local
from gc import get_referents

from memharness_probe.allocation import flags_of
from memharness_probe.assignments import Assignments
from memharness_probe.instances import bare_name, module_of
from memharness_probe.locator import unfrozen
from memharness_probe.workload import Workload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from memharness_probe.locator import Locator

    Holder = tuple[str, int, str]  # path, line (0 where none is known), what it is
    Step = tuple[Any, str, int]

_HEAP_TYPE = 1 << 9  # of a type's flags; others are written in C, and their attributes say little
_CHARACTERS = 200
_MOST = 8  # holders of a chain that are shown
_FIRST = 3  # of them from its beginning
_OTHERS = ("<scenarios>/", "<site-packages>/", "<stdlib>/", "<", "/")  # begin paths outside the project
_LRU_CACHE = "_functools", "_lru_cache_wrapper"
CONTEXT_VARIABLE = "_contextvars", "ContextVar"
_modules = sys.modules
_dict_of = type.__dict__["__dict__"].__get__
_bases_of = type.__dict__["__mro__"].__get__
_MODULE, _FRAME, _FUNCTION = type(sys), type(sys._getframe()), type(bare_name)
_METHOD = type(bare_name.__get__(0))
_GETTER, _MEMBER = type(_FUNCTION.__dict__["__code__"]), type(_FUNCTION.__dict__["__closure__"])
_CELL = type(_FUNCTION.__dict__["__closure__"].__get__((lambda cell: lambda: cell)(0))[0])


def namespace(thing: Any) -> Any:
    """Return the dictionary with the attributes of an object, None where it has none."""
    kind = type(thing)
    if kind is _local:
        return thing.__dict__
    if issubclass(kind, type):
        return get_referents(_dict_of(thing))[0]
    for name, member in _members(kind):
        if name == "__dict__":
            return member.__get__(thing)
    return None


def loaded(module: str, name: str) -> Any:
    """Return an attribute of a module, None where that is not loaded: importing it ahead would hide it from figures."""
    return value_of(namespace(_modules.get(module)), name)


def _members(kind: type) -> Iterator[tuple[str, Any]]:
    """Yield names and descriptors of what instances have by a place of their own, such as slots."""
    for base in _bases_of(kind):
        for name, member in _dict_of(base).items():
            if type(name) is str and (type(member) is _GETTER or type(member) is _MEMBER):
                yield name, member


def value_of(names: Any, wanted: str) -> Any:
    """Return what a namespace holds under a name; None where it does not."""
    found = [value for name, value in dict.items(names or {}) if type(name) is str and name == wanted]
    return found[0] if found else None


def _name_in(names: Any, thing: Any) -> str:
    """Return the name under which a namespace holds an object, "" where it does not."""
    found = [name for name, value in dict.items(names or {}) if value is thing and type(name) is str]
    return found[0] if found else ""


def module_with(kind: type) -> Any:
    """Return the module that has a class under its own name, None where none has."""
    module = _module_of(kind)
    found = module
    for part in bare_name(kind).split("."):
        found = value_of(namespace(found), part)
    return module if found is kind else None


def code_of(thing: Any) -> Any:
    """Return the code that a function, a method, a cache of one or a generator runs; None of other objects."""
    kind = type(thing)
    if kind is _METHOD:
        return code_of(thing.__func__)
    if kind is loaded(*_LRU_CACHE):
        return code_of(value_of(namespace(thing), "__wrapped__"))
    if kind is _FUNCTION:
        return thing.__code__
    return None


class Namer:
    """Describes chains of holders."""

    def __init__(self, locator: Locator) -> None:
        self._locator = locator
        self._assignments = Assignments()

    def chain(self, things: list[Any]) -> list[Holder]:
        """Return the holders of the first of some objects, each of which the next one refers to.

        Dictionaries of attributes, cells and the like stand for the object to which they belong. An object whose
        attribute was named just before is not named again, and the middle of a long chain is left out.
        """
        entries: list[Holder] = []
        at, named = 0, True
        while at + 1 < len(things):
            holder, name, used = _step(things[at], things[at + 1 : at + 4])
            if name or not named:
                entries.append(self._entry(things[at], holder, name, itself=at == 0))
            named = bool(name) or namespace(holder) is things[at]
            at += used
        end = self._end(things[at]) or (None if named else self._entry(things[at], None, "", itself=False))
        chain = _without_repeats([*entries, end] if end else entries)
        if len(chain) > _MOST:
            chain[_FIRST : _FIRST + 1 - _MOST] = [("", 0, "...")]
        return [(path, line, text[:_CHARACTERS]) for path, line, text in chain]

    def _entry(self, thing: Any, holder: Any, name: str, *, itself: bool) -> Holder:
        """Describe an object that `holder` has under a name, or one that has a name of its own, such as a function.

        Of one that has neither the line is that of its class.
        """
        title = _title(thing)
        if title and (name[:2] in ("", "__") or issubclass(type(holder), (type, _MODULE))):
            path, line = self._definition(thing)
            return path, line, title
        what = "" if itself else _type_name(type(thing))
        if not name:
            return (*self._definition(type(thing)), what)
        code = code_of(holder)
        if code is not None:
            return (*self._label(code.co_filename, code.co_firstlineno), f"{what} {name} of {_title(holder)}".lstrip())
        return (*self._assignment(holder, name), f"{what} {_owner(holder)}{name}".lstrip())

    def _end(self, thing: Any) -> Holder | None:
        """Describe what needs no holder itself; None of other objects."""
        kind = type(thing)
        if issubclass(kind, _MODULE):
            space = namespace(thing)
            return self._label(_file(thing), 0)[0], 0, f"module {_text(value_of(space, '__name__'))}"
        if kind is Workload:
            return "", 0, "the state of the scenario"
        if kind is _FRAME:
            code = thing.f_code
            return (*self._label(code.co_filename, thing.f_lineno or 0), f"frame of {_text(code.co_name)}")
        if kind is loaded(*CONTEXT_VARIABLE):
            return (*self._variable_of_module(thing), f"context variable {_text(thing.name)}")
        return None

    def _definition(self, thing: Any) -> tuple[str, int]:
        """Return where a function, or what a decorator made of one, or a class is defined."""
        if issubclass(type(thing), type):
            module = module_with(thing)
            return self._line(module, *_parts(bare_name(thing))) if module else ("", 0)
        code = code_of(value_of(namespace(thing), "__wrapped__")) or code_of(thing)
        return self._label(code.co_filename, code.co_firstlineno) if code else ("", 0)

    def _assignment(self, holder: Any, name: str) -> tuple[str, int]:
        """Return where a name of a module, or an attribute of a class or an instance, is assigned first."""
        if issubclass(type(holder), _MODULE):
            return self._line(holder, "", name)
        if type(holder) is _FRAME:
            return "", 0
        for base in _bases_of(holder if issubclass(type(holder), type) else type(holder)):
            path, line = self._line(_module_of(base), bare_name(base), name)
            if line:
                return path, line
        return "", 0

    def _variable_of_module(self, thing: Any) -> tuple[str, int]:
        """Return where the first module that has an object as a variable, and the source for it, assigns that."""
        for module in list(_modules.values()):
            name = _name_in(namespace(module), thing)
            path, line = self._line(module, "", name) if name else ("", 0)
            if line:
                return path, line
        return "", 0

    def _line(self, module: Any, owner: str, name: str) -> tuple[str, int]:
        path = _file(module)
        line = self._assignments.line(path, owner, name) if path else 0
        return self._label(path, line) if line else ("", 0)

    def _label(self, path: str, line: int) -> tuple[str, int]:
        return self._locator.label(unfrozen(path)), line


def rank(chain: list[Holder]) -> tuple[int, int, int]:
    """Return what is less for the better of two chains: the last line in the project, and in the module that ends it.

    A name without a line was imported from elsewhere.
    """
    path, line, _ = next((holder for holder in reversed(chain) if not holder[2].startswith("module ")), chain[-1])
    other = next((n for n, begin in enumerate(_OTHERS, 1) if path.startswith(begin)), 0) if line else len(_OTHERS) + 1
    return other, chain[-1][0] != path, len(chain)


def _step(thing: Any, above: list[Any]) -> Step:
    """Return the next holder that is worth a name, the name that it has for `thing`, and how many objects up it is."""
    first, second, third = (*above, None, None)[:3]
    if type(first) is _CELL and type(third) is _FUNCTION:
        return third, _variable(third, first), 3
    if type(second) is _FUNCTION and _is_one_of(first, second.__defaults__, second.__kwdefaults__):
        return second, _default(second, thing), 2
    if type(first) is dict and second is not None:
        if namespace(second) is first:
            return second, _name_in(first, thing), 2
        if type(second) is loaded(*_LRU_CACHE):
            return second, "", 2
    return first, _attribute(first, thing), 1


def _is_one_of(thing: Any, *others: Any) -> bool:
    return any(thing is other for other in others)


def _variable(function: Any, cell: Any) -> str:
    """Return the name of the variable of a closure that a cell is."""
    pairs = zip(function.__code__.co_freevars, function.__closure__ or ())  # noqa: B905  (3.10)
    return next((name for name, other in pairs if other is cell), "")


def _default(function: Any, thing: Any) -> str:
    """Return the name of the parameter whose default a thing is."""
    code, values = function.__code__, function.__defaults__ or ()
    names = code.co_varnames[code.co_argcount - len(values) : code.co_argcount]
    found = [name for name, value in zip(names, values) if value is thing]  # noqa: B905  (3.10)
    return found[0] if found else _name_in(function.__kwdefaults__, thing)


def _attribute(holder: Any, thing: Any) -> str:
    """Return the name of the variable, attribute or slot in which a holder has an object, "" where it is none."""
    kind = type(holder)
    if kind is _FRAME:
        return next((name for name, value in holder.f_locals.items() if value is thing and type(name) is str), "")
    if not flags_of(kind) & _HEAP_TYPE or kind is Workload or _title(holder):
        return ""
    return _name_in(namespace(holder), thing) or _slot(holder, thing)


def _slot(holder: Any, thing: Any) -> str:
    for name, member in _members(type(holder)):
        try:
            if type(member) is _MEMBER and member.__get__(holder) is thing:
                return name
        except AttributeError:  # empty
            continue
    return ""


def _title(thing: Any) -> str:
    """Return "function f", "class C" or the like, "" for what has no name of its own."""
    kind = type(thing)
    if issubclass(kind, type):
        return f"class {bare_name(thing)}"
    if kind is _FUNCTION:
        return f"function {_text(thing.__qualname__)}"
    if kind is _METHOD:
        return _title(thing.__func__).replace("function", "method", 1)
    if kind is loaded(*_LRU_CACHE):
        return f"lru_cache of {_title(value_of(namespace(thing), '__wrapped__')).partition(' ')[2]}"
    return ""


def _owner(holder: Any) -> str:
    """Return what goes before an attribute: the name of the class and a dot, nothing before the name of a module's."""
    kind = type(holder)
    if issubclass(kind, _MODULE) or kind is _FRAME:
        return ""
    return f"{bare_name(holder) if issubclass(kind, type) else _type_name(kind)}."


def _type_name(kind: type) -> str:
    return "threading.local" if kind is _local else bare_name(kind)


def _module_of(kind: type) -> Any:
    try:
        return _modules.get(module_of(kind))
    except Exception:  # noqa: BLE001  (deleted, or among keys that cannot be compared)
        return None


def _file(module: Any) -> str:
    file = value_of(namespace(module), "__file__") if issubclass(type(module), _MODULE) else None
    return file if type(file) is str else ""


def _parts(name: str) -> tuple[str, str]:
    owner, _, own = name.rpartition(".")
    return owner, own


def _text(name: Any) -> str:
    return str.__str__(name) if issubclass(type(name), str) else "?"


def _without_repeats(chain: list[Holder]) -> list[Holder]:
    """Leave out what is the same as the holder before, or stands at the same line."""
    return [
        (path, line, text)
        for i, (path, line, text) in enumerate(chain)
        if not i or (text != chain[i - 1][2] and (not line or (path, line) != chain[i - 1][:2]))
    ]
