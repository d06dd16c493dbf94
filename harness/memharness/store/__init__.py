"""Keeps results on disk, laid out as results/README.md says.

In: observations. Out: records. Nothing is printed; what a person should know is in `Store.notices`.
"""

from memharness.store.ledger import is_same_change
from memharness.store.results import CaseObservation, Store, machines
from memharness.store.working_tree import StoreWithWorkingTree

__all__ = ["CaseObservation", "Store", "StoreWithWorkingTree", "is_same_change", "machines"]
