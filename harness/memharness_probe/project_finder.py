"""Imports from the checkout: in its import root only the project's own names are found.

So a script beside the packages hides no module of the standard library or of a dependency with the same name, and a
folder that is installed without its `__init__.py` is a namespace package here too.
"""

from __future__ import annotations

import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import FileFinder, _get_supported_file_loaders  # type: ignore[attr-defined]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class ProjectFinder(FileFinder):
    """Finds only the modules in a folder that are among `names`; those of `namespaces` as namespace packages.

    With `names` it does not list the folder, so that what else lies there has no influence on the memory of an import.
    """

    names: frozenset[str] | None = None
    namespaces: frozenset[str] = frozenset()
    entries: frozenset[str] = frozenset()  # what may be in the folder

    def find_spec(self, fullname: str, target: Any = None) -> Any:
        """Return the spec that FileFinder finds, if the name is among those allowed."""
        if self.names is not None and fullname not in self.names:
            return None
        if fullname in self.namespaces:
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [self.path + "/" + fullname.rpartition(".")[2]]
            return spec
        return super().find_spec(fullname, target)

    def _fill_cache(self) -> None:
        if self.names is None:
            super()._fill_cache()  # type: ignore[misc]
        else:
            self._path_cache = self.entries


def confine(folders: list[str], project: dict[str, Any]) -> None:
    """Let imports from `folders` find only what belongs to the `project` of a request."""
    for folder in folders:
        _confine(folder, frozenset(project["packages"]), frozenset(project["namespaces"]))
        for name in project["namespaces"]:
            _confine(folder + "/" + name.replace(".", "/"), None, frozenset(project["namespaces"]))


def _confine(folder: str, names: frozenset[str] | None, namespaces: frozenset[str]) -> None:
    """Register the finder that the first import from a folder would make otherwise."""
    loaders = _get_supported_file_loaders()
    finder = ProjectFinder(folder, *loaders)
    finder.names, finder.namespaces = names, namespaces
    endings = ["", *[ending for _, kinds in loaders for ending in kinds]]
    finder.entries = frozenset([name + ending for name in names or () for ending in endings])
    sys.path_importer_cache[folder] = finder
    finder.find_spec("")  # up to 3.10 a function has a frame from its first call on
    finder._fill_cache()
