"""Work spread over threads of this process; each thread waits for its own measuring children.

In: parts of work, a function that turns a part into results, and one that takes delivery of a result.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from threading import Event
from typing import TypeVar

Part = TypeVar("Part")
Result = TypeVar("Result")


class _Finished:
    """Put on the queue by a worker that has nothing more to deliver."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def execute(
    parts: Sequence[Part],
    work: Callable[[Part, Event], Iterable[Result]],
    deliver: Callable[[Result], None],
) -> None:
    """Run `work(part, cancel)` in one thread for each part; call `deliver` in this thread as results come.

    When a worker or `deliver` fails, or the user interrupts, `cancel` is set, the workers stop as soon as they
    can, what they still yield is delivered, and then the first exception is raised.
    """
    results: SimpleQueue[Result | _Finished] = SimpleQueue()
    cancel = Event()

    def run(part: Part) -> None:
        try:
            for result in work(part, cancel):
                results.put(result)
        except BaseException as error:  # noqa: BLE001  (handed to the consumer, which raises it)
            results.put(_Finished(error))
        else:
            results.put(_Finished())

    first_error: BaseException | None = None
    running = len(parts)
    with ThreadPoolExecutor(max_workers=max(running, 1)) as pool:
        for part in parts:
            pool.submit(run, part)
        while running:
            try:
                item = results.get()
                if isinstance(item, _Finished):
                    running -= 1
                    if item.error is not None:
                        raise item.error
                else:
                    deliver(item)
            except BaseException as error:  # noqa: BLE001  (raised below, once no worker runs)
                first_error = first_error or error
                cancel.set()
    if first_error is not None:
        raise first_error
