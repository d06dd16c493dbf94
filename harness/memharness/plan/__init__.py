"""The plan: which cases to measure at which commits, in what order, and what is there already. Pure."""

from memharness.plan.adaptive import AdaptiveSearch, Found, Interval, Request
from memharness.plan.ranges import (
    Key,
    Known,
    Repeat,
    Suite,
    Task,
    key_of,
    make_suites,
    plan_range,
    plan_repeats,
    runs_on,
)
from memharness.plan.reuse import Place, Sources, Tree

__all__ = [
    "AdaptiveSearch",
    "Found",
    "Interval",
    "Key",
    "Known",
    "Place",
    "Repeat",
    "Request",
    "Sources",
    "Suite",
    "Task",
    "Tree",
    "key_of",
    "make_suites",
    "plan_range",
    "plan_repeats",
    "runs_on",
]
