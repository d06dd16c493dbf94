"""Scenario files into Scenario values, parsed and never imported; their cases; selection with -k and tags."""

from memharness.scenarios.folder import left_out, load_scenarios
from memharness.scenarios.selection import expand, select

__all__ = ["expand", "left_out", "load_scenarios", "select"]
