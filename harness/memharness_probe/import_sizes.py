"""What each imported module keeps alive, and which import statement loaded it first."""

from __future__ import annotations

import _frozen_importlib as importer
import sys
from _thread import get_ident
from sys import _getframe, modules

from memharness_probe import tracing
from memharness_probe.locator import unfrozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType, ModuleType
    from typing import Any

    from memharness_probe.locator import Locator

    Row = list[Any]  # name, origin, path, line, size

_LEAST_BYTES = 1 << 10
_MOST_ROWS = 100
_DEEPEST = 2000  # imports within one another; the stack ends before
_BEFORE, _START, _END, _NESTED, _FIELDS = range(5)
_OTHERS, _NOWHERE = "(other modules)", "(freed later, or in no module)"


class ImportSizes:
    """Measures the traced bytes of every import while it is `open`, less those of the imports within.

    All import statements call `_frozen_importlib._find_and_load`, which Python looks up each time. The function put in
    its place pretends to be importlib's: the interpreter takes such frames out of tracebacks, and `warnings` skips
    them. Readings go to cells, so that the numbers do not count as memory of the modules.
    """

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}
        self._places: dict[str, tuple[str, int]] = {}
        self._cells = tracing.cells(_FIELDS * _DEEPEST)
        self._depth = 0
        self._thread = get_ident()
        self._original = importer._find_and_load  # type: ignore[attr-defined]
        self._hook = self._make_hook()

    def open(self, name: str) -> None:
        """Start to measure, the scenario `name` itself first."""
        self._enter(name, "", 0)
        importer._find_and_load = self._hook  # type: ignore[attr-defined]

    def close(self, name: str) -> None:
        """Finish the scenario and stop. Where something else wraps imports by now, they only pass through."""
        if importer._find_and_load is self._hook:  # type: ignore[attr-defined]
            importer._find_and_load = self._original  # type: ignore[attr-defined]
        self._leave(name)
        self._thread = 0

    def rows(self, locator: Locator, total: int, packages: list[str]) -> list[Row]:
        """Return the rows of the modules, the biggest first, then the rest of the `total`."""
        order = sorted(self._sizes.items(), key=lambda item: (-item[1], item[0]))
        shown = [item for item in order if item[1] >= _LEAST_BYTES][:_MOST_ROWS]
        rows: list[Row] = []
        for name, size in shown:
            path, line = self._places[name]
            origin = "scenario" if not line else _origin(name, locator, packages)
            rows.append([name, origin, locator.label(unfrozen(path)), line, size])
        measured = sum(self._sizes.values())
        others = measured - sum([size for _, size in shown])
        rows += [[name, "", "", 0, size] for name, size in ((_OTHERS, others), (_NOWHERE, total - measured)) if size]
        return rows

    def _make_hook(self) -> Any:
        original, enter, leave = self._original, self._enter, self._leave

        def _find_and_load(name: str, import_: Any) -> Any:
            if get_ident() != self._thread:
                return original(name, import_)
            frame = (
                _importing_frame()
            )  # makes frame objects, which end with the function that imports: not measured here
            enter(name, frame.f_code.co_filename, frame.f_lineno)
            del frame
            try:
                return original(name, import_)
            finally:
                leave(name)

        code = original.__code__
        _find_and_load.__code__ = _find_and_load.__code__.replace(
            co_filename=code.co_filename, co_firstlineno=code.co_firstlineno
        )
        return _find_and_load

    def _enter(self, name: str, path: str, line: int) -> None:
        cells, at = self._cells, self._depth * _FIELDS
        cells[at + _BEFORE] = tracing.traced()[0]
        self._depth += 1
        self._places.setdefault(name, (path, line))
        cells[at + _NESTED] = 0
        cells[at + _START] = tracing.traced()[0]

    def _leave(self, name: str) -> None:
        cells, at = self._cells, (self._depth - 1) * _FIELDS
        cells[at + _END] = tracing.traced()[0]
        self._depth -= 1
        own = cells[at + _END] - cells[at + _START] - cells[at + _NESTED]
        self._sizes[name] = self._sizes.get(name, 0) + own
        del own
        if at:
            cells[at - _FIELDS + _NESTED] += tracing.traced()[0] - cells[at + _BEFORE]


def _importing_frame() -> FrameType:
    """Return the nearest frame that is neither importlib's nor the probe's."""
    frame = outer = _getframe(2)
    while outer.f_back is not None and _is_importers(outer.f_code.co_filename):
        outer = outer.f_back
    return frame if tracing.is_own(outer.f_code.co_filename) else outer


def _is_importers(path: str) -> bool:
    return path.startswith("<frozen importlib") or path.endswith("/importlib/__init__.py")


def _origin(name: str, locator: Locator, packages: list[str]) -> str:
    """Return whose a module is, by its file; without a file, or when it is gone by now, by its name."""
    if name.partition(".")[0] in packages:
        return "project"
    file = _file(modules.get(name))
    if file is None:
        return "stdlib" if name in sys.builtin_module_names else "library"
    return locator.owned(file)[0] or "library"


def _file(module: ModuleType | None) -> str | None:
    """Return a module's file without running its code, which would load a lazy module."""
    if not issubclass(type(module), type(sys)):
        return None
    found = object.__getattribute__(module, "__dict__").get("__file__")
    return found if type(found) is str else None
