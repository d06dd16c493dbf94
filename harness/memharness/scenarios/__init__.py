"""Scenario files into Scenario values, parsed and never imported; their cases; selection with -k and tags."""

from memharness.scenarios.folder import load_scenarios
from memharness.scenarios.selection import expand, select

__all__ = ["expand", "load_scenarios", "select"]
