"""Makes scenarios of what a project has already: a function or a script, named by its address."""

from memharness.workloads.addresses import load_workloads
from memharness.workloads.files import copy_files

__all__ = ["copy_files", "load_workloads"]
