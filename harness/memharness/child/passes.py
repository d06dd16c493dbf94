"""One case at one commit, measured: a fresh child process for each pass that its metrics need.

In: a case, a checkout, an environment and a work folder. Out: an `Observation` that merges the figures and profiles of
all passes, or holds the first failure where no pass succeeded before it. Linux only: the kernel's pidfd, prlimit,
subreaper, personality and /proc keep children in check and figures repeatable.
"""

import sys
import threading
from collections.abc import Callable
from pathlib import Path

from memharness.child.children import Children, Hold
from memharness.child.exchange import Delivered
from memharness.child.explanation import explain
from memharness.child.merging import MergedPasses
from memharness.child.opened_files import OpenedFiles
from memharness.child.setup_cache import SetupCache
from memharness.child.terms import Terms
from memharness.errors import MemharnessError
from memharness.model.environments import Environment
from memharness.model.history import Checkout
from memharness.model.measurements import Observation
from memharness.model.metrics import PASSES, Stage
from memharness.model.scenarios import Case


def observe(
    case: Case,
    checkout: Checkout,
    environment: Environment,
    workdir: Path,
    scenarios: Path,
    terms: Terms,
    *,
    cancel: threading.Event | None = None,
    before_pass: Callable[[Stage], None] | None = None,
    hold: Hold | None = None,
    opened: OpenedFiles | None = None,
    cache: SetupCache | None = None,
) -> Observation:
    """Measure `case` at `checkout`; `workdir` is emptied, `scenarios` is the copy of the scenario folder to use.

    `before_pass` is called with the name of the pass before each child starts, to undo what the one before changed in
    the checkout. `hold` holds the environment during each pass, and says afterwards whether the result counts; where it
    does not, the pass is run again. `opened` tells what native code opens, `cache` what was
    prepared for the case.
    Raises Cancelled when `cancel` is set, MemharnessError where no child can start.
    """
    if sys.platform != "linux":
        raise MemharnessError("Measuring needs Linux", hint="Run it in a container, or on a CI runner with Linux.")
    children = Children(
        case, checkout, environment, workdir, scenarios, terms, cancel, before_pass, hold, opened, cache
    )
    merged = MergedPasses(environment.notes)
    for name in PASSES:
        if metrics := terms.metrics_of(name):
            result = children.run(name, metrics)
            if not (merged.delivered or isinstance(result.outcome, Delivered)):
                return Observation(outcome=result.outcome)
            merged.add(name, result)  # also a later failure: a workload that can be called but once still has a peak
    if terms.explain and "first" in merged.delivered:
        explain(children, merged)
    return merged.observation()
