"""`asv:benchmarks`: an asv suite of the working tree, by its folder or by an asv.conf.json."""

from pathlib import Path
from typing import Any, Final

from memharness.config.workloads import WorkloadConfig
from memharness.errors import MemharnessError
from memharness.workloads.suite_files import SuiteFiles, files_below

CONFIGURATIONS: Final = ("asv.conf.json", "asv.conf.jsonc")
_RUNNER: Final = "asv_runner"
_WRITTEN: Final = ("env_dir", "results_dir", "html_dir")  # by asv


def find_asv_suite(workload: WorkloadConfig, text: str) -> SuiteFiles:
    """Return the files of a suite; raise MemharnessError where there is none."""
    given = (workload.folder / text).resolve()
    files = [given, *(given / name for name in CONFIGURATIONS)]
    configured = next((file for file in files if file.is_file()), None)
    settings = read_configuration(configured) if configured else {}
    base = configured.parent if configured else given
    folder = (base / str(settings.get("benchmark_dir", "benchmarks"))).resolve() if configured else given
    if not folder.is_dir():
        raise MemharnessError(
            f"{workload.where}: there is no folder {folder} with asv benchmarks",
            hint=f"Relative paths start in {workload.folder}. Write it like asv:benchmarks, or asv:asv.conf.json.",
        )
    written = {(base / str(settings[name])).resolve() for name in _WRITTEN if name in settings}
    return SuiteFiles(folder=folder, files=files_below(folder, written), packages=(_RUNNER,))


def read_configuration(file: Path) -> dict[str, Any]:
    """Read an asv.conf.json, which may hold comments, as asv does."""
    from asv.util import UserError, load_json  # type: ignore[import-untyped]  # asv has no annotations

    try:
        settings = load_json(str(file), js_comments=True)
    except (UserError, ValueError, RecursionError) as error:
        raise MemharnessError(f"{file}: {error}", hint="asv cannot read it either.") from None
    except OSError as error:
        raise MemharnessError(f"{file}: cannot be read: {error.strerror}") from None
    if not isinstance(settings, dict):
        raise MemharnessError(f"{file}: not a configuration of asv", hint="It should hold an object.")
    return settings
