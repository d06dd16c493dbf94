"""Listeners, which are told how a run goes on."""

from collections.abc import Mapping
from typing import Protocol

from memharness.model.history import Commit
from memharness.model.measurements import Activity, Forecast, Outcome


class Listener(Protocol):
    """Is told how a run goes on, by the thread that started it unless stated otherwise."""

    def planned(self, tasks: int, *, purpose: str) -> None:
        """Take note of how much is to do from here on: a task is one commit in one environment."""

    def expected(self, forecast: Forecast) -> None:
        """Take note of what all this will cost: before it begins, or once the first commit has shown it."""

    def working(self, worker: int, activity: Activity | None) -> None:
        """Take note of what a worker does now; None when it is done with a task. Called by the worker's own thread."""

    def finished(self, commit: Commit, family: str, outcomes: Mapping[str, Outcome], *, reused: int) -> None:
        """Take note that a task is stored: what was measured, by case, and how many results were reused."""


class Silent:
    """A listener that says nothing."""

    def planned(self, tasks: int, *, purpose: str) -> None:
        """Say nothing."""

    def expected(self, forecast: Forecast) -> None:
        """Say nothing."""

    def working(self, worker: int, activity: Activity | None) -> None:
        """Say nothing."""

    def finished(self, commit: Commit, family: str, outcomes: Mapping[str, Outcome], *, reused: int) -> None:
        """Say nothing."""
