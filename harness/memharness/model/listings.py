"""Listings: the workloads that a driver of the probe found in a suite, such as asv's benchmarks or pytest's tests."""

from memharness.model.scenarios import TargetValue
from memharness.model.values import CommitId, Scalar, Value


class ListedParam(Value, array_like=True):
    """A parameter and its values, in the order of the positions by which the driver chooses among them."""

    name: str
    values: tuple[Scalar, ...]


class ListedCase(Value):
    """One workload of a suite, with all combinations of its parameters.

    `target` is what its driver loads it by, beside the target of the suite. `files` define it: paths below the folder
    of the suite. `version` stands for their contents where the suite gives it one. The host sets `identity`.
    """

    name: str  # within the suite, the same wherever that lies
    target: dict[str, TargetValue]
    files: tuple[str, ...] = ()
    params: tuple[ListedParam, ...] = ()
    version: str | None = None
    identity: str = ""
    summary: str = ""
    timeout: float | None = None  # seconds
    limits: dict[str, int | str] = {}  # by metric, as they are written
    tags: tuple[str, ...] = ()
    unit: str | None = None  # of the number that it tracks, if it is a benchmark that does
    has_setup: bool = False
    has_teardown: bool = False
    fresh_setup: bool = False  # before every call


class Omission(Value, array_like=True):
    """What a driver passed over: a module or a workload, and the reason in one line."""

    what: str
    reason: str


class Listed(Value):
    """What a driver listed."""

    cases: tuple[ListedCase, ...]
    omitted: tuple[Omission, ...] = ()


class Listing(Value):
    """What the suite of `address` held in the environment of `commit`; `state` is a hash of its files and driver."""

    address: str
    state: str
    commit: CommitId
    listed: Listed
