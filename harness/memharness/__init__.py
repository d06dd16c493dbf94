"""Track the memory of Python workloads across the commits of a git repository.

    import memharness
    from pathlib import Path

    config = memharness.load_config(Path("path/of/project"))
    results = memharness.run(config, memharness.Selection(since="v1.0"))  # measures what is missing
    for change in memharness.find_changes(results):
        print(change.commit, change.metric, change.after - change.before, change.blame[0].path)

The commands are made of the same functions. Value types are in `memharness.model` and `memharness.findings`;
faults of the input are raised as `MemharnessError`. Names are imported when they are first used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memharness.config import Config, load_config
    from memharness.errors import MemharnessError
    from memharness.findings import BlamedLine, Change, Report
    from memharness.model import Case, Commit, Measured, Profile, Scenario
    from memharness.pipeline.describing import find_changes
    from memharness.pipeline.measuring import run
    from memharness.pipeline.project import Selection
    from memharness.pipeline.reports import make_report
    from memharness.pipeline.results import Results, load_results

_HOMES = {
    "memharness.config": ("Config", "load_config"),
    "memharness.errors": ("MemharnessError",),
    "memharness.findings": ("BlamedLine", "Change", "Report"),
    "memharness.model": ("Case", "Commit", "Measured", "Profile", "Scenario"),
    "memharness.pipeline.describing": ("find_changes",),
    "memharness.pipeline.measuring": ("run",),
    "memharness.pipeline.project": ("Selection",),
    "memharness.pipeline.reports": ("make_report",),
    "memharness.pipeline.results": ("Results", "load_results"),
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
