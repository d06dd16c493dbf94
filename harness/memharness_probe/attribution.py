"""Attributes what libraries allocate to the line of the project, else of the scenario, that called into them."""

from __future__ import annotations

from memharness_probe import tracing
from memharness_probe.locator import unfrozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from memharness_probe.instances import Instances
    from memharness_probe.locator import Locator

    LineType = tuple[str, int, str, int]
    Place = tuple[str, int, str]  # file, line, library that allocates on its behalf or ""

_IMPORTER = "importlib"
_MOST_STACKS = 100  # callers are looked up in them
_MOST_TYPES = 50


class LineAttribution:
    """Finds the line to which a stack is attributed."""

    def __init__(self, locator: Locator) -> None:
        self.locator = locator
        self._files: dict[str, tuple[str, str]] = {}  # path -> owner, library

    def profile(self, stacks: tracing.Stacks, types: list[LineType], limit: int = _MOST_STACKS) -> dict[str, Any]:
        """Return the lines, the `limit` biggest stacks, whole, the outermost call first, and `types`."""
        return {
            "lines": self._lines(stacks),
            "stacks": [
                [size, number, [self.locator.frame(*frame) for frame in frames]]
                for size, number, frames in tracing.biggest_stacks(stacks, limit)
            ],
            "types": types,
        }

    def _lines(self, stacks: tracing.Stacks) -> list[tuple[Any, ...]]:
        """[path, line, function, source, size, count, library] per line and library, the biggest first."""
        sums: dict[Place, list[int]] = {}
        for frames, (size, number) in stacks.items():
            entry = sums.setdefault(self._place(frames), [0, 0])
            entry[0] += size
            entry[1] += number
        rows = [
            (*self.locator.frame(path, line), size, number, library)
            for (path, line, library), (size, number) in sums.items()
        ]
        return sorted(rows, key=lambda row: (-row[4], row[0], row[1], row[6]))

    def types(self, instances: Instances) -> list[LineType]:
        """[path, line, type, number] per line and type, the greatest numbers first; keeps nothing of the instances."""
        sums: dict[tuple[str, int, str], int] = {}
        for (frames, name), number in instances.items():
            path, line, _ = self._place(frames)
            key = (self.locator.label(path), line, name)
            sums[key] = sums.get(key, 0) + number
        rows = [(*key, number) for key, number in sums.items()]
        return sorted(rows, key=lambda row: (-row[3], row))[:_MOST_TYPES]

    def line_of(self, frames: tracing.Frames) -> tracing.Line:
        """Return file and line to which a block is attributed that was allocated under `frames`."""
        return self._place(frames)[:2]

    def _place(self, frames: tracing.Frames) -> Place:
        """Return the line to which a block is attributed that was allocated under `frames`, the innermost first.

        That is the innermost frame in the project, else in a scenario, else where it was allocated. The library is the
        innermost one: not generated code, which belongs to none, and importlib only where there is no other.
        """
        scenario: Place | None = None
        library, importer = "", ""
        for path, line in tracing.workload_frames(frames):
            owner, name = self._file(path)
            if owner == "project":
                return unfrozen(path), line, library or importer
            if owner == "scenario" and scenario is None:
                scenario = unfrozen(path), line, library or importer
            if name == _IMPORTER:
                importer = name
            elif not library:
                library = name
        return scenario or (unfrozen(frames[0][0]), frames[0][1], "")

    def _file(self, path: str) -> tuple[str, str]:
        if path not in self._files:
            if tracing.is_own(path):
                self._files[path] = "", ""
            else:
                owner, label = self.locator.owned(unfrozen(path))
                self._files[path] = owner, _library(label)
        return self._files[path]


def _library(label: str) -> str:
    """Top-level module of a labelled file; "" for code that was generated and lies in none."""
    if label.startswith("<"):
        folder, found, below = label.partition(">/")
        return below.partition("/")[0].partition(".")[0] if found else ""
    return label.rpartition("/")[2].partition(".")[0]
