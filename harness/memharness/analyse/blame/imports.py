"""Imports: which modules cost more or less to import than before."""

from collections import Counter

from msgspec.structs import replace

from memharness.model.findings import ModuleChange
from memharness.model.measurements import ModuleCost, Profile

_LEAST_SHARE = 1000  # a module that differs by less than a thousandth of the total and
_LEAST_BYTES = 1024  # by less than this is not worth a name


def module_changes(*pairs: tuple[Profile, Profile], most: int = 100) -> tuple[ModuleChange, ...]:
    """Return the modules whose costs differ over all pairs (before, after), by name, the greatest difference first.

    At most `most` of them, and none that differs by next to nothing. A module is shown as it is after the last pair
    that has it, or as it was where it is gone.
    """
    known: dict[str, ModuleCost] = {}
    start: Counter[str] = Counter()
    gained: Counter[str] = Counter()
    for number, (before, after) in enumerate(pairs):
        for sign, profile in ((-1, before), (1, after)):
            for module in profile.modules:
                known[module.name] = module
                gained[module.name] += sign * module.size
        if number == 0:
            start.update({module.name: module.size for module in before.modules})
    least = min(_LEAST_BYTES, abs(sum(gained.values())) / _LEAST_SHARE)
    changes = (
        ModuleChange(module=replace(known[name], size=size), before=start[name], after=start[name] + size)
        for name, size in gained.items()
        if size and abs(size) >= least
    )
    return tuple(sorted(changes, key=lambda change: (-abs(change.module.size), change.module.name)))[:most]
