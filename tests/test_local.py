from collections.abc import Iterator
from threading import Event

import pytest

from memharness.execute.local import execute


def count_up(part: int, _cancel: Event) -> Iterator[int]:
    yield from range(part)


def test_all_results_of_all_parts_are_delivered() -> None:
    results: list[int] = []
    execute([3, 2], count_up, results.append)
    assert sorted(results) == [0, 0, 1, 1, 2]


def test_nothing_to_do_is_no_error() -> None:
    execute([], count_up, lambda _: None)


def test_a_failing_worker_stops_the_others_and_keeps_their_results() -> None:
    def work(part: str, cancel: Event) -> Iterator[str]:
        if part == "fails":
            raise ValueError(part)
        assert cancel.wait(timeout=60)
        yield "partial"

    results: list[str] = []
    with pytest.raises(ValueError, match="fails"):
        execute(["waits", "fails"], work, results.append)
    assert results == ["partial"]


def test_a_failing_delivery_is_raised_after_the_workers_are_done() -> None:
    done = Event()

    def work(_: int, cancel: Event) -> Iterator[int]:
        yield 1
        assert cancel.wait(timeout=60)
        done.set()

    def deliver(_: int) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        execute([0], work, deliver)
    assert done.is_set()
