"""The names of modules for people, and of what costs memory at an import but is in no module. Pure."""

from typing import Final

from memharness.model.findings import ModuleChange
from memharness.model.measurements import ModuleCost

REMAINDER: Final = "(freed later, or in no module)"  # the probe's name for what the sum of all modules lacks


def module_name(row: ModuleCost | ModuleChange) -> str:
    """Return the name of a module, or what the remainder of all modules stands for."""
    module = row.module if isinstance(row, ModuleChange) else row
    if module.name != REMAINDER:
        return module.name
    sizes = (row.before, row.after) if isinstance(row, ModuleChange) else (row.size,)
    if max(sizes) <= 0:
        return "freed again after the import"
    return "in no module" if min(sizes) >= 0 else REMAINDER.strip("()")
