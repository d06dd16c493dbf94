"""Imports from the checkout: of its import root, the project's own names alone are found.

A script beside the packages that is called like a module of the standard library or of a dependency hides nothing, and
a folder that is installed without its `__init__.py` is a namespace package here too.
"""

from __future__ import annotations

import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import FileFinder, _get_supported_file_loaders  # type: ignore[attr-defined]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class ConfinedFinder(FileFinder):
    """Finds those of the modules in a folder that are among `names`; of `namespaces` only where they lie."""

    names: frozenset[str] | None = None
    namespaces: frozenset[str] = frozenset()

    def find_spec(self, fullname: str, target: Any = None) -> Any:
        """Return what FileFinder does, where that may be found."""
        if self.names is not None and fullname not in self.names:
            return None
        if fullname in self.namespaces:
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [self.path + "/" + fullname.rpartition(".")[2]]
            return spec
        return super().find_spec(fullname, target)


def confine(folders: list[str], project: dict[str, Any]) -> None:
    """Have imports from `folders` find what the `project` of a request consists of."""
    for folder in folders:
        _confine(folder, frozenset(project["packages"]), frozenset(project["namespaces"]))
        for name in project["namespaces"]:
            _confine(folder + "/" + name.replace(".", "/"), None, frozenset(project["namespaces"]))


def _confine(folder: str, names: frozenset[str] | None, namespaces: frozenset[str]) -> None:
    """Put a finder in the place of the one that the first import from a folder would make."""
    finder = ConfinedFinder(folder, *_get_supported_file_loaders())
    finder.names, finder.namespaces = names, namespaces
    sys.path_importer_cache[folder] = finder
    finder.find_spec("")  # its frame is there up to 3.10 from the first call on
