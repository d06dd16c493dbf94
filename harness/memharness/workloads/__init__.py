"""Makes scenarios of what a project has already: a function, a script or a suite, named by its address."""

from memharness.workloads.addresses import load_workloads
from memharness.workloads.collections import Collection, copy_collections, read_collections
from memharness.workloads.files import copy_files

__all__ = ["Collection", "copy_collections", "copy_files", "load_workloads", "read_collections"]
