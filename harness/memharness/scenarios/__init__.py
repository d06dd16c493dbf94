"""Reads scenario files without importing them, and chooses among their cases."""

from memharness.scenarios.folder import load_scenarios, skipped_entries
from memharness.scenarios.selection import all_cases, select_cases

__all__ = ["all_cases", "load_scenarios", "select_cases", "skipped_entries"]
