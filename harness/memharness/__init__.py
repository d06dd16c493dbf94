"""Track the memory of Python workloads across the commits of a git repository.

    import memharness
    from pathlib import Path

    config = memharness.load_config(Path("path/of/project"))
    results = memharness.run(config, memharness.Selection(since="v1.0"))  # measures what is missing
    for change in memharness.find_changes(results):
        print(change.commit, change.metric, change.after - change.before, change.blame[0].path)

The commands are made of the same functions. Value types are in `memharness.model`;
faults of the input are raised as `MemharnessError`. Names are imported when they are first used.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from memharness.config.configuration import Config, load_config
    from memharness.errors import MemharnessError
    from memharness.findings.describe import find_changes
    from memharness.findings.project import Selection
    from memharness.findings.report import make_report
    from memharness.findings.results import Results, load_results
    from memharness.model.findings import BlamedLine, Change, Report
    from memharness.model.history import Commit
    from memharness.model.measurements import Measured, Profile
    from memharness.model.scenarios import Case, Scenario
    from memharness.run.session import run

_HOMES = {
    "memharness.config.configuration": ("Config", "load_config"),
    "memharness.errors": ("MemharnessError",),
    "memharness.findings.describe": ("find_changes",),
    "memharness.findings.project": ("Selection",),
    "memharness.findings.report": ("make_report",),
    "memharness.findings.results": ("Results", "load_results"),
    "memharness.model.findings": ("BlamedLine", "Change", "Report"),
    "memharness.model.history": ("Commit",),
    "memharness.model.measurements": ("Measured", "Profile"),
    "memharness.model.scenarios": ("Case", "Scenario"),
    "memharness.run.session": ("run",),
}
__all__ = [
    "BlamedLine",
    "Case",
    "Change",
    "Commit",
    "Config",
    "Measured",
    "MemharnessError",
    "Profile",
    "Report",
    "Results",
    "Scenario",
    "Selection",
    "find_changes",
    "load_config",
    "load_results",
    "make_report",
    "run",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
