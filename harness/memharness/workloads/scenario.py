"""The scenario of a workload with an address."""

from collections.abc import Container
from typing import Final

from memharness.config.workloads import WorkloadConfig
from memharness.model.scenarios import Driver, Scenario, TargetValue
from memharness.model.values import digest

_MEASURING: Final = ("calls", "dependencies")  # settings that may change a figure


def make_scenario(
    workload: WorkloadConfig,
    driver: Driver,
    target: dict[str, TargetValue],
    *,
    summary: str,
    path: str = "",
    content: object = None,
    beside: Container[str] = (),
) -> Scenario:
    """Return a scenario that `driver` loads; `content` is what defines it beside the target, but for what is `beside`.

    `path` is that of the file that holds the workload, for messages; the address stands for it where there is none.
    """
    settings = workload.settings
    measuring = {name: settings[name] for name in _MEASURING if name in settings}
    defining = {name: value for name, value in target.items() if name not in beside}
    return Scenario(
        name=workload.name or workload.address,
        path=path or workload.address,
        summary=summary,
        identity=digest([driver, defining, content, measuring], 16),
        driver=driver,
        target=target,
        **settings,
    )
