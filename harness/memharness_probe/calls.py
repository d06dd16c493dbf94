"""Calls the workload again and again: bytes and blocks after each call, and the time that a call takes."""

from __future__ import annotations

from os import times
from sys import getallocatedblocks
from time import monotonic, process_time

from memharness_probe import leak_rule, signals, tracing
from memharness_probe.delivery import leave_if_forked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from memharness_probe.workload import Workload

NUMBERS = (127, 63, 31, 15)  # of calls after the first: one less than a power of two, for whole windows
LEAST = NUMBERS[-1]
TIMED = 8  # calls timed for the calibration, the first of which does not count
_CALIBRATED = 8  # parts of the time-out, one of which the calibrated calls may take
_OFFSET, _BASE, _BLOCKS = range(3)  # places in the scratch cells
_SPARE = 0.2  # of the time-out, which pursuing a leak must leave
_PURSUIT = 3  # times the budget: what a leak may cost


def _spent() -> float:
    """CPU seconds of this process, and of those that it has waited for."""
    passed = times()
    return process_time() + passed.children_user + passed.children_system


# Where the limits count from, seconds by the clock (the host's began some milliseconds before) and CPU seconds; and the
# CPU seconds before any call.
_since = [monotonic(), 0.0, _spent()]


def count_from_now() -> None:
    """Let the limits count from now on, not from the start of this process."""
    spent = _spent()
    _since[:] = monotonic(), spent, spent


class Calls:
    """Calls one after the other, with a reading after each.

    All memory that the calls need is allocated before tracing starts, also the numbers of the calls, and readings go to
    cells at once, so that every reading includes the same memory of the probe.
    """

    call: Callable[[], Any]
    marker: bytes  # traced since the start
    note: Callable[[int], None] | None = None  # called with the number of each call after it, from when it is set

    def __init__(self, limit: int, timeout: float, wall: float, budget: float, fresh: Workload | None = None) -> None:
        self.made = 0
        self.settled = False  # the readings tell that there is no leak
        self.fresh = fresh  # that wants a state of its own for each call; it is dropped before the reading
        self.setup = (0.0, 0.0)  # bytes and blocks that each `setup` leaves, which are in no reading
        self.near = ""  # the limit that further calls do not fit into
        self._timeout = timeout  # CPU seconds
        self._patience = wall  # seconds by the clock
        self._budget = budget  # CPU seconds
        self.readings = tracing.cells(limit)  # size after each call
        self.blocks = tracing.cells(limit)  # blocks of memory in use then; a reading takes 0.1 ms for a GB of them
        self._cpu = tracing.cells(TIMED, "d")  # CPU seconds at the start of the first calls
        self._wall = tracing.cells(TIMED, "d")  # and wall seconds
        self._begun = tracing.cells(2, "d")  # wall and CPU seconds at the begin of the latest run
        self._pace = tracing.cells(2, "d")  # wall and CPU seconds per call of the latest run, readings included
        self._scratch = tracing.cells(3)
        self._successors = [i + 1 for i in range(limit)]
        self._begin()  # once ahead: up to 3.10 the first call of a function allocates its frame
        tracing.hook_trace(None)  # and the first of these prepares what it would report
        tracing.hook_profile(None)
        leak_rule.is_settled(self.readings, 1, 4)

    def run(self, end: int, judged: int = 0) -> None:
        """Make the calls up to the one numbered `end` (excluded), dropping the result of each at once.

        Where the leak rule is to judge `judged` calls, no more are made once its verdict is settled.
        What was allocated or freed since the last reading is the probe's and left out. Nothing is allocated between a
        collection, which empties the free lists, and the reading after it.
        """
        call, readings, blocks, scratch = self.call, self.readings, self.blocks, self._scratch
        successors, note, fresh = self._successors, self.note, self.fresh
        i = self.made
        tracing.settle()
        if i:
            scratch[_BLOCKS] = getallocatedblocks() - blocks[i - 1]
            scratch[_OFFSET] = tracing.traced()[0] - readings[i - 1]
            self._begin()
        else:
            scratch[_BASE] = tracing.traced()[0]
        while i < end and not self.settled:
            if i < TIMED:
                self._cpu[i] = process_time()
                self._wall[i] = monotonic()
            if fresh is not None:
                fresh.renew()
            signals.release()
            call()
            tracing.hook_trace(None)
            tracing.hook_profile(None)
            signals.hold()
            leave_if_forked()
            if fresh is not None:
                fresh.drop()
            if note is not None:
                note(i)
            tracing.settle()
            blocks[i] = getallocatedblocks() - scratch[_BLOCKS]
            readings[i] = tracing.traced()[0] - scratch[_OFFSET]
            if judged:
                self.settled = leak_rule.is_settled(readings, i, judged)
            i = successors[i]
        self._keep_pace(i)
        tracing.check(self.marker)

    def try_setup(self, number: int) -> None:
        """Learn what `setup` alone leaves in so many calls; it is subtracted from the readings from now on."""
        assert self.fresh is not None
        tracing.settle()
        before = tracing.traced()[0], getallocatedblocks()
        for _ in range(number):
            self.fresh.renew()
            self.fresh.drop()
        tracing.settle()
        size, blocks = tracing.traced()[0] - before[0], getallocatedblocks() - before[1]
        self.setup = size / number, blocks / number

    def without_setup(self, calls: range) -> tuple[list[int], list[int]]:
        """Return the readings after `calls`, bytes and blocks, less what `setup` leaves by itself."""
        size, blocks = self.setup
        return [self.readings[i] - round(size * i) for i in calls], [self.blocks[i] - round(blocks * i) for i in calls]

    def run_untraced(self, number: int) -> None:
        """Make so many calls without readings; tracing is off."""
        call, fresh = self.call, self.fresh
        self._begin()
        for _ in range(number):
            if fresh is not None:
                fresh.renew()
            signals.release()
            call()
            tracing.hook_trace(None)
            tracing.hook_profile(None)
            signals.hold()
            leave_if_forked()
            if fresh is not None:
                fresh.drop()
        tracing.settle()
        self._keep_pace(self.made + number)

    def _begin(self) -> None:
        self._begun[0], self._begun[1] = monotonic(), _spent()

    def _keep_pace(self, made: int) -> None:
        """Note that so many calls are made by now, and how long each took since the run began, the first left out."""
        if not self.made:
            self._begun[0], self._begun[1] = self._wall[1], self._cpu[1]
        if made > self.made:
            number = made - self.made - (not self.made)
            self._pace[0] = (monotonic() - self._begun[0]) / number
            self._pace[1] = (_spent() - self._begun[1]) / number
        self.made = made

    def sizes(self, number: int) -> list[int]:
        """Return the bytes alive after each of the first calls that were made, above those before the first."""
        base = self._scratch[_BASE]
        return [reading - base for reading in self.readings[: min(number, self.made)]]

    def calibrated(self) -> int:
        """Return the most calls within the budget of CPU seconds and a part of the limits, never less than 15.

        The cheapest of calls 1 to 6 counts, its reading included. The rest of the limits is for pursuing a leak.
        """
        cpu, wall = _least_step(self._cpu), _least_step(self._wall)
        most_cpu, most_wall = min(self._budget, self._timeout / _CALIBRATED), self._patience / _CALIBRATED
        for calls in NUMBERS:
            if calls * cpu <= most_cpu and calls * wall <= most_wall:
                return calls
        return LEAST

    def fit(self, number: int) -> bool:
        """Tell whether so many more calls, each as long as those of the latest run, end well before the limits.

        Work between runs, such as taking traces, is no time of the calls.
        """
        if monotonic() - _since[0] + number * float(self._pace[0]) > (1 - _SPARE) * self._patience:
            self.near = f"the time-out of {self._patience:g} s by the clock"
        elif _spent() - _since[1] + number * float(self._pace[1]) > (1 - _SPARE) * self._timeout:
            self.near = f"the time-out of {self._timeout:g} s"
        else:
            return True
        return False

    def afford(self, number: int) -> bool:
        """Tell whether so many more calls, with all that was spent before, cost no more than pursuing a leak may."""
        return _spent() - _since[2] + number * float(self._pace[1]) <= _PURSUIT * self._budget


def _least_step(times: memoryview[Any]) -> float:
    return float(min([times[i + 1] - times[i] for i in range(1, TIMED - 1)]))
