"""Work spread over threads of this process, each of which waits for its own measuring children.

In: blocks of tasks, a factory of workers, and a function that takes the results in the order of the tasks.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from itertools import count
from queue import SimpleQueue
from threading import Event, Lock
from typing import Generic, TypeAlias, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")
WorkerFactory: TypeAlias = Callable[[], AbstractContextManager[Callable[[Task, Event], Result | None]]]


def execute(
    blocks: Sequence[Sequence[Task]],
    worker: WorkerFactory[Task, Result],
    deliver: Callable[[Result], None],
    *,
    workers: int,
) -> None:
    """Run the tasks of all `blocks`; call `deliver` in this thread, with the results in the order of the tasks.

    Each of `workers` threads enters a `worker()` of its own and, whenever it is free, calls it with the tasks of the
    next block, one after the other.
    Until something fails, no result is delivered before those of all earlier tasks. When a worker or `deliver` fails,
    or the user interrupts, the event that workers get is set. Once all have stopped, what they finished is delivered,
    and the first exception is raised. A worker may return None for a task that it gave up.
    """
    running = min(workers, len(blocks))
    threads = _Threads(blocks, worker)
    delivery = _Delivery(deliver)
    try:
        with ThreadPoolExecutor(max_workers=max(running, 1)) as pool:
            try:
                for _ in range(running):
                    pool.submit(threads.run)
                while running:
                    match threads.queue.get():
                        case None:
                            running -= 1
                        case BaseException() as error:
                            raise error
                        case number, result:
                            delivery.add(number, result)
                            delivery.deliver_next()
            except BaseException:
                threads.cancel.set()  # all have stopped at the end of the block above
                raise
    finally:
        while not threads.queue.empty():
            if isinstance(item := threads.queue.get(), tuple):
                delivery.add(*item)
        delivery.deliver_rest()


class _Threads(Generic[Task, Result]):
    """What each thread does: it takes blocks of tasks until none is left, and puts what comes of them into `queue`.

    None in the queue tells that a thread is done, an exception that it failed.
    """

    def __init__(self, blocks: Sequence[Sequence[Task]], worker: WorkerFactory[Task, Result]) -> None:
        self.queue: SimpleQueue[tuple[int, Result | None] | BaseException | None] = SimpleQueue()
        self.cancel = Event()
        self._worker = worker
        numbers = count()
        self._blocks = iter([[(next(numbers), task) for task in block] for block in blocks])
        self._taking = Lock()

    def run(self) -> None:
        """Work until no task is left, or the event is set."""
        try:
            with self._worker() as work:
                for number, task in self._take():
                    self.queue.put((number, work(task, self.cancel)))
        except BaseException as error:  # noqa: BLE001  (handed to the consumer, which raises it)
            self.queue.put(error)
        else:
            self.queue.put(None)

    def _take(self) -> Iterator[tuple[int, Task]]:
        while True:
            with self._taking:
                block = next(self._blocks, None)
            if block is None:
                return
            for numbered in block:
                if self.cancel.is_set():
                    return
                yield numbered


class _Delivery(Generic[Result]):
    """Hands results over in the order of their tasks, in whatever order they come in."""

    def __init__(self, deliver: Callable[[Result], None]) -> None:
        self._deliver = deliver
        self._waiting: dict[int, Result] = {}
        self._next = 0
        self._refused = False  # by `deliver`

    def add(self, number: int, result: Result | None) -> None:
        """Take in the result of a task; None where it was given up."""
        if result is not None:
            self._waiting[number] = result

    def deliver_next(self) -> None:
        """Deliver what no earlier task holds back."""
        while self._next in self._waiting:
            self._hand_over(self._next)
            self._next += 1

    def deliver_rest(self) -> None:
        """Deliver all that waits, unless a delivery was refused."""
        for number in [] if self._refused else sorted(self._waiting):
            self._hand_over(number)

    def _hand_over(self, number: int) -> None:
        """Deliver a result that waits; where that is interrupted, it waits on."""
        try:
            self._deliver(self._waiting[number])
        except Exception:
            self._refused = True
            raise
        del self._waiting[number]
