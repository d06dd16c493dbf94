"""How long a run may go on, by the clock."""

from collections.abc import Iterable
from time import monotonic
from typing import Final

from memharness.model.history import Commit
from memharness.plan.tasks import Task
from memharness.wording.text import number_text

_FIRST: Final = 0.8  # of the time; the rest is for what confirms and explains findings


class Budget:
    """Tells whether a task may still begin. What began is finished; what did not is `left`."""

    def __init__(self, seconds: float | None) -> None:
        self._begun, self._seconds = monotonic(), seconds
        self.left: tuple[Task, ...] = ()

    def allows(self, task: Task) -> bool:
        """Tell whether there is time for a task: for first measurements until four fifths of the budget are spent."""
        if self._seconds is None:
            return True
        share = 1 if task.round or task.explain else _FIRST
        return monotonic() - self._begun < share * self._seconds

    def leave(self, tasks: Iterable[Task]) -> None:
        """Note tasks for which there was no time."""
        self.left += tuple(tasks)

    def lacks(self, commit: Commit) -> bool:
        """Tell whether there was no time for a first measurement at a commit."""
        return any(task.commit.id == commit.id and not task.round for task in self.left)

    def notice(self) -> str:
        """Say what is left, and how to have it measured; "" where nothing is."""
        first = len({task.commit.id for task in self.left if not (task.round or task.explain)})
        repeats = sum(bool(task.round or task.explain) for task in self.left)
        parts = [number_text(number, word) for number, word in ((first, "commit"), (repeats, "repeat")) if number]
        return f"the budget is spent: {' and '.join(parts)} left; the same command goes on" if parts else ""
