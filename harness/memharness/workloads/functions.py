"""`call:package.module:function`: a function of the project, called without arguments."""

import re
from typing import Final

from memharness.config.workloads import WorkloadConfig
from memharness.errors import MemharnessError
from memharness.model.scenarios import Scenario
from memharness.workloads.scenario import make_scenario

_DOTTED: Final = r"[^\W\d]\w*(?:\.[^\W\d]\w*)*"


def function_scenario(workload: WorkloadConfig, text: str, _repo: str) -> Scenario:
    """Return the scenario of `module:function`; raise MemharnessError where that is not how it is written."""
    found = re.fullmatch(rf"({_DOTTED}):({_DOTTED})", text)
    if found is None:
        raise MemharnessError(
            f'{workload.where}: "{text}" names no function', hint="Write it like call:package.module:function."
        )
    target = {"module": found[1], "function": found[2]}
    return make_scenario(workload, "call", target, summary=f"calls {found[1]}.{found[2]}()")
