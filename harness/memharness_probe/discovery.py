"""The pass "discover": the driver lists the workloads of a suite, and nothing is measured.

A driver takes part by a function `discover(request)` beside its `load`. `request["target"]` describes the suite, whose
copy lies below `request["scenarios"]`. It returns
  {"cases": [{"name": text, unique in the suite and the same on every machine,
              "target": {..}, what `load` finds the workload by; there `request["target"]` has it beside the suite's,
              "files": [paths of what defines the workload, below the copied folder; what they import there counts too],
              "params": [[name, [values]], ..]: texts, true, false or finite numbers of 64 bits, no two alike; `load`
                        finds the position of each in `request["positions"]`, in this order,
              "version": text in place of a hash of the files' code, where the suite gives it one,
              "unit": of the number that it measures itself, if it does: what `load` returns then has this number as
                      `tracked`, in millionths, and `notes` on it, once `run` was called,
              "summary": one line, "timeout": seconds, "tags": [texts],
              "limits": {metric: bytes, or a text such as "8 MiB"},
              "has_setup", "has_teardown": whether what `load` returns has these functions,
              "fresh_setup": whether setup is called before every call}, ..],
   "omitted": [[module or workload, reason], ..]  what it passed over, such as a module that cannot be imported}
All but "name" and "target" may be left out. An exception fails the whole suite.
In this and every other pass `prepare(request)` of the driver, where it has one, is called before anything is measured,
to import what the driver itself needs.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from memharness_probe.workload import Workload


def measure(work: Workload, _request: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the response."""
    return {"metrics": {}, "listed": work.discover()}
