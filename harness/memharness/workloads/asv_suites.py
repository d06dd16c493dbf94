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
    folder, written = _folders((workload.folder / text).resolve())
    if not text or not folder.is_dir():
        raise MemharnessError(
            f"{workload.where}: {f'there is no folder {folder} with' if text else 'names no folder of'} asv benchmarks",
            hint=f"Relative paths start in {workload.folder}. Write it like asv:benchmarks, or asv:asv.conf.json.",
        )
    return SuiteFiles(folder=folder, files=files_below(folder, written), packages=(_RUNNER,))


def _folders(given: Path) -> tuple[Path, set[Path]]:
    """Return the folder of the benchmarks, and those that asv writes, of a folder or an asv.conf.json."""
    files = [given, *(given / name for name in CONFIGURATIONS)]
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        return given, set()
    settings = read_configuration(file)
    written = {(file.parent / str(settings[name])).resolve() for name in _WRITTEN if name in settings}
    return (file.parent / str(settings.get("benchmark_dir", "benchmarks"))).resolve(), written


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
