"""Imports: which modules cost more or less to import than before."""

from msgspec.structs import replace

from memharness.findings import ModuleChange
from memharness.model import ModuleCost, Profile


def module_changes(before: Profile, after: Profile, *, most: int = 10) -> tuple[ModuleChange, ...]:
    """Return the modules whose costs differ, by name, the greatest difference first."""
    old = {module.name: module for module in before.modules}
    new = {module.name: module for module in after.modules}
    changes = [_change(old.get(name), new.get(name)) for name in old | new]
    changed = (change for change in changes if change.module.size)
    return tuple(sorted(changed, key=lambda change: (-abs(change.module.size), change.module.name)))[:most]


def _change(old: ModuleCost | None, new: ModuleCost | None) -> ModuleChange:
    """Return the difference; the module is as it is after, or as it was where it is gone."""
    before, after = old.size if old else 0, new.size if new else 0
    module = new or old
    assert module is not None
    return ModuleChange(module=replace(module, size=after - before), before=before, after=after)
