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

    running = min(workers, len(tasks))
    waiting: dict[int, Result | None] = {}
    delivered = 0
    refused = False  # by `deliver`
    first_error: BaseException | None = None
    with ThreadPoolExecutor(max_workers=max(running, 1)) as pool:
        for _ in range(running):
            pool.submit(run)
        while running:
            try:
                item = results.get()
                if not isinstance(item, tuple):
                    running -= 1
                    if item is not None:
                        raise item
                    continue
                waiting[item[0]] = item[1]
                while (result := waiting.pop(delivered, None)) is not None:
                    delivered += 1
                    refused = True
                    deliver(result)
                    refused = False
            except BaseException as error:  # noqa: BLE001  (raised below, once no worker runs)
                first_error = first_error or error
                cancel.set()
    finished = [] if refused else [result for _, result in sorted(waiting.items()) if result is not None]
    for result in finished:
        deliver(result)
    if first_error is not None:
        raise first_error
