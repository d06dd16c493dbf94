"""The pass "setup_cache": prepares what several workloads of a suite share; nothing is measured.

A driver takes part by a function `make_setup_cache(request)`, which leaves its work in the current folder, and by
"setup_cache" in the targets that it lists: a text, the same for those that share. Each pass then begins with a copy of
the folder.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from memharness_probe.workload import Workload


def measure(work: Workload, _request: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the response."""
    work.make_setup_cache()
    return {"metrics": {}}
