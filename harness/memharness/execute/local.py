"""Work spread over threads of this process; each thread waits for its own measuring children.

In: tasks, a factory of workers, and a function that takes delivery of results in the order of the tasks.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from queue import SimpleQueue
from threading import Event, Lock
from typing import TypeVar

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

    Each of `workers` threads enters a `worker()` of its own and calls it with the next `block` neighbouring tasks, or
    fewer where there are not enough for all threads, whenever it is free.
    What is delivered at any moment is the whole of a beginning. When a worker or `deliver` fails, or the user
    interrupts, the event that workers get is set, and once all have stopped the first exception is raised. A worker may
    return None for a task that it gave up; what others finished meanwhile is delivered in the end.
    """
    size = max(1, min(block, -(-len(tasks) // workers)))
    blocks = iter(range(0, len(tasks), size))
    taking = Lock()
    cancel = Event()
    results: SimpleQueue[tuple[int, Result | None] | BaseException | None] = SimpleQueue()

    def take() -> Iterator[int]:
        while True:
            with taking:
                start = next(blocks, None)
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
                    results.put((number, work(tasks[number], cancel)))
        except BaseException as error:  # noqa: BLE001  (handed to the consumer, which raises it)
            results.put(error)
        else:
            results.put(None)

    waiting: dict[int, Result] = {}
    delivered = 0
    refused = False  # by `deliver`

    def hand_over(number: int) -> None:
        """Deliver a result that waits; if that is interrupted, it waits on."""
        nonlocal refused
        try:
            deliver(waiting[number])
        except Exception:
            refused = True
            raise
        del waiting[number]

    def take_in(item: tuple[int, Result | None] | BaseException) -> None:
        if isinstance(item, BaseException):
            raise item
        if item[1] is not None:
            waiting[item[0]] = item[1]

    running = min(workers, len(tasks))
    try:
        with ThreadPoolExecutor(max_workers=max(running, 1)) as pool:
            try:
                for _ in range(running):
                    pool.submit(run)
                while running:
                    item = results.get()
                    if item is None:
                        running -= 1
                        continue
                    take_in(item)
                    while delivered in waiting:
                        hand_over(delivered)
                        delivered += 1
            except BaseException:
                cancel.set()  # all workers have stopped at the end of the block above
                raise
    finally:
        while not results.empty():
            if isinstance(item := results.get(), tuple):
                take_in(item)
        for number in [] if refused else sorted(waiting):
            hand_over(number)
