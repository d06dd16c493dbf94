"""Loads the probe's modules with a copy of the built-in functions, because the workload may replace the others."""

from __future__ import annotations

import builtins
import sys
from _frozen_importlib_external import SourceFileLoader, spec_from_file_location

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

_PACKAGE = "memharness_probe."
_FOLDER = __file__[: -len("loading.py")]
_BUILTINS = dict(vars(builtins))


class _Loader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__builtins__"] = _BUILTINS
        super().exec_module(module)


class _Finder:
    @staticmethod
    def find_spec(name: str, _path: Any = None, _target: Any = None) -> Any:
        if not name.startswith(_PACKAGE):
            return None
        path = f"{_FOLDER}{name[len(_PACKAGE) :]}.py"
        return spec_from_file_location(name, path, loader=_Loader(name, path))


def load(*names: str) -> Any:
    """Import the package with the modules of these names and return it."""
    sys.meta_path.insert(0, _Finder)
    try:
        return __import__(_PACKAGE[:-1], fromlist=names)
    finally:
        sys.meta_path.remove(_Finder)
