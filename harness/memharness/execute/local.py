"""Work spread over threads of this process, each of which waits for its own measuring children.

In: tasks, a factory of workers, and a function that takes the results in the order of the tasks.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from queue import SimpleQueue
from threading import Event, Lock
from typing import Generic, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


def execute(
    tasks: Sequence[Task],
    worker: Callable[[], AbstractContextManager[Callable[[Task, Event], Result | None]]],
    deliver: Callable[[Result], None],
    *,
    workers: int,
    block: int = 1,
) -> None:
    """Run all `tasks`; call `deliver` in this thread, with the results in the order of the tasks.

    Each of `workers` threads enters a `worker()` of its own and, whenever it is free, calls it with the next `block`
    neighbouring tasks, or with fewer where there are not enough for all threads.
    Until something fails, no result is delivered before those of all earlier tasks. When a worker or `deliver` fails,
    or the user interrupts, the event that workers get is set. Once all have stopped, what they finished is delivered,
    and the first exception is raised. A worker may return None for a task that it gave up.
    """
    running = min(workers, len(tasks))
    size = max(1, min(block, -(-len(tasks) // workers)))
    starts, taking, cancel = iter(range(0, len(tasks), size)), Lock(), Event()
    queue: SimpleQueue[tuple[int, Result | None] | BaseException | None] = SimpleQueue()
    delivery = _Delivery(deliver)

    def take() -> Iterator[int]:
        while True:
            with taking:
                start = next(starts, None)
            if start is None:
                return
            for number in range(start, min(start + size, len(tasks))):
                if cancel.is_set():
                    return
                yield number

    def run() -> None:
        try:
            with worker() as work:
                for number in take():
                    queue.put((number, work(tasks[number], cancel)))
        except BaseException as error:  # noqa: BLE001  (handed to the consumer, which raises it)
            queue.put(error)
        else:
            queue.put(None)

    try:
        with ThreadPoolExecutor(max_workers=max(running, 1)) as pool:
            try:
                for _ in range(running):
                    pool.submit(run)
                while running:
                    match queue.get():
                        case None:
                            running -= 1
                        case BaseException() as error:
                            raise error
                        case number, result:
                            delivery.add(number, result)
                            delivery.deliver_next()
            except BaseException:
                cancel.set()  # all workers have stopped at the end of the block above
                raise
    finally:
        while not queue.empty():
            if isinstance(item := queue.get(), tuple):
                delivery.add(*item)
        delivery.deliver_rest()


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
