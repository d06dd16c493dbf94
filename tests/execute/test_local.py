from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Barrier, Event

import pytest

from memharness.execute.local import execute

Worker = Callable[[], AbstractContextManager[Callable[[int, Event], int | None]]]


def always(work: Callable[[int, Event], int | None]) -> Worker:
    return lambda: nullcontext(work)


def test_results_are_delivered_in_the_order_of_the_tasks() -> None:
    later = Event()

    def work(task: int, _cancel: Event) -> int:
        if task == 0:
            assert later.wait(timeout=60)  # the first task ends last
        if task == 3:
            later.set()
        return task * 10

    results: list[int] = []
    execute([[0], [1], [2], [3]], always(work), results.append, workers=2)
    assert results == [0, 10, 20, 30]


def test_a_block_of_tasks_is_run_by_one_worker_while_another_takes_the_next() -> None:
    both = Barrier(2, timeout=60)
    done: list[list[int]] = []

    @contextmanager
    def worker() -> Iterator[Callable[[int, Event], int]]:
        own: list[int] = []
        done.append(own)

        def work(task: int, _cancel: Event) -> int:
            own.append(task)
            both.wait()
            return task

        yield work

    results: list[int] = []
    execute([[1, 2], [3, 4]], worker, results.append, workers=2)
    assert sorted(done) == [[1, 2], [3, 4]]
    assert results == [1, 2, 3, 4]


def test_each_thread_has_a_worker_of_its_own_and_leaves_it() -> None:
    both = Barrier(2, timeout=60)
    entered: list[str] = []

    @contextmanager
    def worker() -> Iterator[Callable[[int, Event], int]]:
        entered.append("in")
        yield lambda task, _cancel: both.wait() * 0 + task
        entered.append("out")

    execute([[1], [2]], worker, lambda _: None, workers=5)
    assert sorted(entered) == ["in", "in", "out", "out"]


def test_nothing_to_do_is_no_error() -> None:
    execute([], always(lambda task, _cancel: task), lambda _: None, workers=2)


def test_a_failing_worker_stops_the_others_and_loses_nothing_of_theirs() -> None:
    started = Event()

    def work(task: int, cancel: Event) -> int | None:
        if task == 1:
            assert started.wait(timeout=60)
            raise ValueError("task 1 fails")
        if task == 2:
            started.set()
            assert cancel.wait(timeout=60)
        return task

    results: list[int] = []
    with pytest.raises(ValueError, match="task 1 fails"):
        execute([[0], [1], [2], [3]], always(work), results.append, workers=2)
    assert results == [0, 2]


def test_a_task_given_up_ends_the_deliveries() -> None:
    given_up = Event()

    def work(task: int, cancel: Event) -> int | None:
        if task == 0:
            assert cancel.wait(timeout=60)
            given_up.set()
            return None
        raise OSError("no room")

    results: list[int] = []
    with pytest.raises(OSError, match="no room"):
        execute([[0], [1], [2]], always(work), results.append, workers=2)
    assert (results, given_up.is_set()) == ([], True)


def test_a_failing_delivery_is_raised_after_the_workers_are_done() -> None:
    done = Event()

    def work(task: int, cancel: Event) -> int:
        if task == 1:
            assert cancel.wait(timeout=60)
            done.set()
        return task

    def deliver(_: int) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        execute([[0], [1]], always(work), deliver, workers=2)
    assert done.is_set()
