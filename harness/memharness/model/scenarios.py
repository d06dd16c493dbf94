"""Scenarios: workloads as values, their cases, calls and thresholds."""

import json
from functools import cached_property
from typing import Literal

from memharness.model.values import Scalar, Value

Driver = Literal["file", "call", "script", "asv", "pytest"]  # the module of the probe that loads a workload

TargetValue = str | int | tuple[str, ...]


class Call(Value):
    """How one function of a scenario is called: the state first if it has room for it, then parameters by name.

    `function` is its name where that is not `setup`, `run` or `teardown`. A coroutine function `is_async`.
    """

    takes_state: bool
    params: tuple[str, ...]
    function: str | None = None
    is_async: bool = False


class Thresholds(Value):
    """When a difference is reported: at least `relative` of the old value and at least `absolute` bytes.

    `metrics` overrides `absolute` for single metrics; what is None or absent is decided by the next level.
    """

    relative: float | None = None
    absolute: int | None = None
    metrics: dict[str, int] = {}


class Scenario(Value):
    """One workload: of a file, which is parsed and never imported, or of an address.

    `identity` is the hash of all that defines the workload, `text_identity` the one that it had when comments and
    formatting counted, and results were stored under it. `driver` loads the workload that `target` describes.
    """

    name: str
    path: str  # absolute, of the file; of another driver's, what to show in its place
    summary: str
    identity: str
    run: Call = Call(takes_state=False, params=())
    driver: Driver = "file"
    target: dict[str, TargetValue] = {}
    text_identity: str = ""
    setup: Call | None = None
    teardown: Call | None = None
    params: dict[str, tuple[Scalar, ...]] = {}
    tags: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    requires_python: str | None = None
    metrics: tuple[str, ...] | None = None
    calls: int | None = None
    fresh_setup: bool = False  # before every call
    timeout: float | None = None  # seconds
    memory_limit: int | None = None  # bytes
    limits: dict[str, int] = {}
    thresholds: Thresholds = Thresholds()
    flagged: tuple[str, ...] | None = None  # the metrics whose changes are reported; None: all that can flag
    since: str | None = None


class Case(Value, dict=True, gc=True):
    """A scenario with one combination of its parameters."""

    scenario: Scenario
    params: dict[str, Scalar] = {}

    @property
    def positions(self) -> tuple[int, ...]:
        """The position of each parameter's value among those of the scenario: values may be alike but in their type."""
        return tuple(
            [(type(one), one) for one in values].index((type(self.params[name]), self.params[name]))
            for name, values in self.scenario.params.items()
        )

    @cached_property
    def name(self) -> str:
        """`waste_memory[cols=100,rows=100]`, or the scenario's name where there are no parameters."""
        if not self.params:
            return self.scenario.name
        inner = ",".join(f"{key}={_shown(self.params[key])}" for key in sorted(self.params))
        return f"{self.scenario.name}[{inner}]"


def _shown(value: Scalar) -> str:
    plain = isinstance(value, str) and value.isidentifier() and value not in {"true", "false"}
    return str(value) if plain else json.dumps(value, ensure_ascii=False)
