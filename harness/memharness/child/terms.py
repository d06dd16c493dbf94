"""The terms of a measurement: what is measured of a case, and the limits of each pass."""

from memharness.model.metrics import METRICS, PassName
from memharness.model.values import Value


class Terms(Value):
    """How a case is measured. All figures of the passes that `metrics` need count.

    `explain` names metrics whose lines are wanted with their callers, which takes further passes; a note says why some
    are missing. `calls` None: as many calls in the growth pass as take `growth_budget` seconds of CPU time. A
    pass, all its processes together, may take `timeout` seconds of CPU time, `wall_seconds` by the clock, and
    `memory_limit` bytes.
    """

    metrics: tuple[str, ...]
    growth_budget: float
    timeout: float
    wall_seconds: float
    explain: frozenset[str] = frozenset()
    calls: int | None = None
    memory_limit: int | None = None

    def metrics_of(self, name: PassName) -> tuple[str, ...]:
        """Return those of the metrics that a pass measures."""
        return tuple(metric for metric in self.metrics if METRICS[metric].measured_in == name)
