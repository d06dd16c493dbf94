"""The plan: which cases to measure at which commits, in what order, and what is there already. Pure."""

from memharness.plan.adaptive import AdaptiveSearch, Found, Interval, Request
from memharness.plan.ranges import (
    Completed,
    MeasurementKey,
    Repeat,
    Suite,
    Task,
    key_of,
    make_suites,
    plan_range,
    plan_repeats,
    runs_on,
)
from memharness.plan.reuse import CommitTree, ReusableResults, ReuseKey

__all__ = [
    "AdaptiveSearch",
    "CommitTree",
    "Completed",
    "Found",
    "Interval",
    "MeasurementKey",
    "Repeat",
    "Request",
    "ReusableResults",
    "ReuseKey",
    "Suite",
    "Task",
    "key_of",
    "make_suites",
    "plan_range",
    "plan_repeats",
    "runs_on",
]
