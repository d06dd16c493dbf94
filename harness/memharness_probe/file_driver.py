"""Loads a scenario file as a module."""

from __future__ import annotations

import sys
from _frozen_importlib import module_from_spec
from _frozen_importlib_external import PathFinder, SourceFileLoader, spec_from_file_location
from os.path import dirname, splitext
from os.path import split as split_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any


def load(request: dict[str, Any]) -> ModuleType:
    """Import the scenario and return its module."""
    path = request["scenario"]
    name = module_name(path)
    loader = SourceFileLoader(name, path)
    folders = [dirname(path)] if split_path(path)[1] == "__init__.py" else None
    spec = spec_from_file_location(name, path, loader=loader, submodule_search_locations=folders)
    assert spec is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    loader.exec_module(module)
    return module


def module_name(path: str) -> str:
    """Name the scenario's module for its file, unless an import of that name would find another file.

    A scenario may thus be called like the package it measures. Processes that the workload spawns can import
    the module by this name, because the scenario folder is on the path.
    """
    name = file_stem(path)
    if name not in sys.modules:
        found = PathFinder.find_spec(name)
        if found is None or found.origin == path:
            return name
    return "scenario_" + name


def file_stem(path: str) -> str:
    """Return the name of a module or package by its file."""
    folder, file = split_path(path)
    return split_path(folder)[1] if file == "__init__.py" else splitext(file)[0]
