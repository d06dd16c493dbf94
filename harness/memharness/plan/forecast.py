"""What tasks will cost, from the seconds that a case took a worker before. Pure."""

from collections.abc import Mapping, Sequence

from memharness.model.metrics import PassName
from memharness.model.scenarios import Case
from memharness.model.values import digest
from memharness.plan.tasks import Task


def duration_key(family: str, case: Case, passes: frozenset[PassName]) -> str:
    """Return what the time depends on that some passes of a case take."""
    return digest([family, case.name, case.scenario.identity, sorted(passes)], 16)


def seconds_of(
    tasks: Sequence[Task], passes_of: Mapping[str, frozenset[PassName]], known: Mapping[str, float], *, workers: int
) -> float | None:
    """Return how long `workers` take for first measurements; None where that is not known of a case.

    `passes_of` are the passes that each case needs, by its name; `known` are seconds by `duration_key`.
    """
    total = 0.0
    for task in tasks:
        for case in task.cases:
            seconds = known.get(duration_key(task.spec.family, case, passes_of[case.name].intersection(task.passes)))
            if seconds is None:
                return None
            total += seconds
    return total / max(1, min(workers, len(tasks)))
