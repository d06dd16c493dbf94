"""Suites whose workloads a driver lists in the environment of a commit: see `memharness_probe/discovery.py`.

The suite is that of the working tree, the same for all commits. Its files are copied beside the scenario files.
To add a kind: a function in `_FINDERS` that returns the files of a suite, and a driver of that name with `discover`.
"""

import shutil
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from memharness.config.scenario_keys import SCENARIO_KEYS
from memharness.config.workloads import WorkloadConfig
from memharness.errors import MemharnessError
from memharness.files.copies import copy_folder
from memharness.model.listings import Listed, ListedCase, Listing
from memharness.model.scenarios import Call, Driver, Scenario, TargetValue
from memharness.model.values import Value, digest
from memharness.scenarios.identity import identity, reached_sources
from memharness.scenarios.source import Source, read_source
from memharness.workloads.asv_suites import find_asv_suite
from memharness.workloads.pytest_tests import find_tests
from memharness.workloads.scenario import make_scenario
from memharness.workloads.scripts import COPIES
from memharness.workloads.suite_files import SuiteFiles, content_digest

PACKAGES: Final = f"{COPIES}/packages"  # folder in the copy of the scenario folder: what drivers need of this Python's
_FLAGGED: Final = ("warm_peak", "retained", "growth", "result")  # the first call of foreign code is mostly lazy set-up
_BESIDE: Final = ("folder", "packages", "paths", "selection")  # of a target: how a workload was found, not what it is
_TRACKED: Final = ("track",)
_CALL: Final = Call(takes_state=False, params=())

Finder = Callable[[WorkloadConfig, str], SuiteFiles]  # of a workload and what follows the kind
_FINDERS: Final[Mapping[Driver, Finder]] = {"asv": find_asv_suite, "pytest": find_tests}


class Collection(Value):
    """A suite by its address; `state` is a hash of its files and of what its driver is told."""

    workload: WorkloadConfig
    driver: Driver
    suite: SuiteFiles
    state: str

    @property
    def copy(self) -> str:
        """The path of the copied folder below the copy of the scenario folder."""
        return f"{COPIES}/{digest(self.workload.address, 8)}/{self.suite.copied_as or self.suite.folder.name}"

    @property
    def target(self) -> dict[str, TargetValue]:
        """What the driver is told of the suite."""
        return {"folder": self.copy, "packages": PACKAGES, **self.suite.target}

    @property
    def scenario(self) -> Scenario:
        """The whole suite, for its driver to list."""
        return make_scenario(self.workload, self.driver, self.target, summary="")

    def scenarios(self, listing: Listing) -> tuple[Scenario, ...]:
        """Return the workloads that were listed, each named for the address's name or kind and by its own."""
        prefix = self.workload.name or self.driver
        return tuple(_scenario(self, f"{prefix}:{case.name}", case) for case in listing.listed.cases)

    def identified(self, listed: Listed, scenarios: Path) -> Listed:
        """Return what a driver listed with the identity of each workload; `scenarios` holds the copy of the suite.

        Where it has no version, the code of the files that define it decides, with those that they import.
        """
        folder, read = scenarios / self.copy, cache(read_source)
        codes = {files: _code(folder, files, read) for files in {case.files for case in listed.cases}}
        cases = [replace(case, identity=digest(case.version or codes[case.files], 16)) for case in listed.cases]
        return replace(listed, cases=tuple(cases))


def is_collection(workload: WorkloadConfig) -> bool:
    """Tell whether a workload is a suite."""
    return workload.address.partition(":")[0] in _FINDERS


def read_collections(workloads: Iterable[WorkloadConfig]) -> tuple[Collection, ...]:
    """Return those of the workloads that are suites; raise MemharnessError where an address leads to none."""
    return tuple(_collection(workload) for workload in workloads if is_collection(workload))


def copy_collections(collections: Iterable[Collection], into: Path) -> None:
    """Copy the files of suites below `into`; raise MemharnessError where some were changed since they were read."""
    for collection in collections:
        suite, target = collection.suite, into / collection.copy
        try:
            for name in suite.files:
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(suite.folder / name, target / name)
            for package in suite.packages:
                _copy_package(package, into / PACKAGES)
        except OSError as error:
            raise MemharnessError(f"{error.filename}: cannot be copied: {error.strerror}") from None
        if _state(collection.driver, suite, target) != collection.state:
            raise MemharnessError(f"{suite.folder} was changed while the run began", hint="Run the same command again.")


def _collection(workload: WorkloadConfig) -> Collection:
    kind, _, rest = workload.address.partition(":")
    driver = next(name for name in _FINDERS if name == kind)
    suite = _FINDERS[driver](workload, rest.strip())
    if suite.dependencies:
        dependencies = (*workload.settings.get("dependencies", ()), *suite.dependencies)
        workload = replace(workload, settings={**workload.settings, "dependencies": dependencies})
    return Collection(workload=workload, driver=driver, suite=suite, state=_state(driver, suite, suite.folder))


def _state(driver: Driver, suite: SuiteFiles, folder: Path) -> str:
    return digest([driver, suite.target, content_digest(folder, suite.files)], 16)


def _copy_package(name: str, into: Path) -> None:
    spec = find_spec(name)
    if not (into / name).exists() and spec is not None and spec.submodule_search_locations:
        into.mkdir(parents=True, exist_ok=True)
        copy_folder(Path(spec.submodule_search_locations[0]), into / name)


def _code(folder: Path, files: Iterable[str], read: Callable[[Path], Source]) -> str:
    """Return a hash of what files of a suite do, with those that they import; of their text where that is unreadable.

    The folder that the copy lies in holds nothing else that could be imported.
    """
    reached: dict[Path, Source] = {}
    try:
        for name in files:
            reached |= reached_sources(read(folder / name), folder.parent, read)
    except MemharnessError:  # of another version of Python
        return content_digest(folder, tuple(files))
    return identity(tuple(reached.values()), folder.parent, {})


def _scenario(collection: Collection, name: str, case: ListedCase) -> Scenario:
    limits = SCENARIO_KEYS["limits"](case.limits, f"{name}: limits")
    settings = {"timeout": case.timeout, "limits": limits, "tags": case.tags} | collection.workload.settings
    scenario = make_scenario(
        replace(collection.workload, name=name, settings=settings),
        collection.driver,
        case.target | collection.target,  # a listing may be a stranger's, and says nothing of what is copied or run
        summary=case.summary if case.unit is None else f"{case.summary} (in {case.unit})".strip(),
        content=case.identity,
        beside=_BESIDE,
    )
    return replace(
        scenario,
        params={param.name: param.values for param in case.params},
        setup=_CALL if case.has_setup else None,
        teardown=_CALL if case.has_teardown else None,
        fresh_setup=case.fresh_setup,
        flagged=_FLAGGED if case.unit is None else _TRACKED,
        metrics=scenario.metrics if case.unit is None else _TRACKED,
    )
