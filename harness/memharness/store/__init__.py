"""Keeps results on disk, laid out as results/README.md says.

In: observations. Out: records. Nothing is printed; what a person should know is in `Store.notices`.
"""

from memharness.store.ledger import is_same_change
from memharness.store.results import CaseObservation, Store, machines

__all__ = ["CaseObservation", "Store", "is_same_change", "machines"]
