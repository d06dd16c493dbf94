"""Addresses of workloads, such as `call:package.module:function`, into scenarios."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from memharness.config.document import Location, suggest
from memharness.config.workloads import WorkloadConfig
from memharness.errors import MemharnessError
from memharness.model.scenarios import Scenario
from memharness.workloads.collections import is_collection
from memharness.workloads.functions import function_scenario
from memharness.workloads.scripts import script_scenario

Reader = Callable[[WorkloadConfig, str, str], Scenario]  # of a workload, what follows the kind, and a repository
_READERS: Final[Mapping[str, Reader]] = {"call": function_scenario, "script": script_scenario}


def load_workloads(
    workloads: Sequence[WorkloadConfig],
    repo: str,
    taken: Mapping[str, str] | None = None,
    listed: Mapping[str, Sequence[Scenario]] = MappingProxyType({}),
) -> tuple[Scenario, ...]:
    """Return the scenarios of workloads that measure the repository `repo`, a path or a URL.

    `taken` are names that others have, each with where; `listed` has the scenarios of suites, by where their
    addresses stand. Raise MemharnessError where an address leads to nothing, and where two have one name.
    """
    known: dict[str, Location] = dict(taken or {})
    scenarios = []
    for workload in workloads:
        suite = is_collection(workload)
        for scenario in listed.get(workload.where, ()) if suite else (_scenario(workload, repo),):
            if scenario.name in known:
                raise MemharnessError(
                    f'{workload.where}: a second scenario named "{scenario.name}"; the first is {known[scenario.name]}',
                    hint="Rename one.",
                )
            known[scenario.name] = workload.where
            scenarios.append(scenario)
    return tuple(scenarios)


def _scenario(workload: WorkloadConfig, repo: str) -> Scenario:
    kind, colon, rest = workload.address.partition(":")
    if not colon or kind not in _READERS:
        raise MemharnessError(
            f'{workload.where}: "{workload.address}" is no address of a workload',
            hint=suggest(kind, _READERS) + " Write it like call:package.module:function.",
        )
    return _READERS[kind](workload, rest.strip(), repo)
