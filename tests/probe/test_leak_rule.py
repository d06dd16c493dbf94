"""The leak rule on made-up readings: what each call leaves behind, in bytes and in blocks."""

import random
from collections.abc import Callable

import pytest

from memharness_probe.leak_rule import block_rate, is_settled, leak_slope, rises_enough, still_rises

Curve = Callable[[int], int]
ENDS = (32, 64, 128, 256)


def table(items: int) -> int:
    """Bytes of the table of a set with so many items, as CPython grows it."""
    slots = 8
    while items * 5 >= (slots - 1) * 3:
        slots *= 4
    return 16 * slots if slots > 8 else 0


def over_allocated(items: int) -> int:
    """Bytes of a list to which so many items were appended one by one."""
    room = 0
    for number in range(items + 1):
        if number > room:
            room = (number + (number >> 3) + 6) & ~3
    return 8 * room


def readings(curve: Curve, end: int) -> list[int]:
    return [curve(i) for i in range(end)]


def flat(i: int) -> int:
    return 0


LEAKS: dict[str, tuple[Curve, Curve, int, int]] = {  # bytes, blocks, least and most slope
    "a steady rise": (lambda i: 100 * i, flat, 100, 100),
    "a steady rise after a first call that keeps more": (lambda i: 100 * i + 5000 * (i > 0), flat, 100, 100),
    "a list": (lambda i: over_allocated(i + 1), flat, 8, 14),
    "a set": (lambda i: 28 * i + table(i + 1), lambda i: i, 60, 80),
    "a set of big items": (lambda i: 1000 * i + table(i + 1), lambda i: 2 * i, 1000, 1130),
    "a set at every second call": (lambda i: 28 * (i // 2) + table(i // 2 + 1), lambda i: i // 2, 14, 54),
}
CLEAN: dict[str, tuple[Curve, Curve]] = {
    "nothing": (flat, flat),
    "a first call": (lambda i: 10**6 * (i >= 1), lambda i: 1000 * (i >= 1)),
    "a sawtooth": (lambda i: 100 * (i % 7), lambda i: i % 7),
    "three bytes per call": (lambda i: 3 * i, flat),
    "blocks without bytes": (flat, lambda i: i),
    "bytes that fall while blocks rise": (lambda i: -28 * i, lambda i: i),
    "a bounded cache": (lambda i: 100 * min(i, 5), lambda i: min(i, 5)),
    "ever slower": (lambda i: 1000 * i.bit_length(), lambda i: 10 * i.bit_length()),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", LEAKS)
def test_a_leak_is_suspected_and_sized_whatever_the_number_of_calls(name: str, end: int) -> None:
    sizes, blocks, least, most = LEAKS[name]
    assert least <= leak_slope(readings(sizes, end), readings(blocks, end)) <= most


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", CLEAN)
def test_what_does_not_go_on_is_not_suspected(name: str, end: int) -> None:
    sizes, blocks = CLEAN[name]
    assert leak_slope(readings(sizes, end), readings(blocks, end)) == 0


@pytest.mark.parametrize("phase", range(10))
def test_every_tenth_call_counts_wherever_it_begins(phase: int) -> None:
    events = [(i + phase) // 10 for i in range(1024)]
    for end in (128, 256):
        for size, number in ((1000, 2), (1000, 1), (80, 1)):
            sizes, blocks = ([each * event for event in events] for each in (size, number))
            slope, rate = leak_slope(sizes[:end], blocks[:end]), block_rate(blocks[:end])
            assert 0.08 * size <= slope <= 0.125 * size
            assert 0.05 * number <= rate <= 0.13 * number
            assert still_rises(blocks[:end], rate)
            assert all(rises_enough(blocks[i + 128] - blocks[i], rate, 128) for i in range(end, 896))


def settled_after(sizes: list[int], end: int) -> int | None:
    """Return how many of `end` calls are enough, None where all have to be made."""
    return next((last + 1 for last in range(end) if is_settled(sizes[: last + 1], last, end)), None)


@pytest.mark.parametrize("end", ENDS)
def test_equal_readings_settle_after_a_quarter_of_the_calls(end: int) -> None:
    assert settled_after([0] * end, end) == end // 4 + 1
    assert settled_after([100 * (i >= end // 4) for i in range(end)], end) == end // 2 + 1
    assert settled_after([100 * (i >= end // 4) + i for i in range(end)], end) is None
    assert not any(is_settled([0] * 2 * end, last, end) for last in range(end, 2 * end))


@pytest.mark.parametrize("end", [16, *ENDS])
def test_what_settles_is_no_leak_once_all_calls_are_made(end: int) -> None:
    leaks = 0
    for seed in range(1000):
        dice = random.Random(seed)
        begin, every, noise = dice.randrange(end // 3), dice.choice((1, 2, 5, 10, 20)), dice.choice((0, 9, 150))
        events = [max(i - begin, 0) // every for i in range(end)]
        grown = dice.choice((table, over_allocated, lambda event: 1000 * event))
        sizes = [28 * event + grown(event) + dice.randint(0, noise) for event in events]
        if leak_slope(sizes, events):
            leaks += 1
            assert settled_after(sizes, end) is None
    assert leaks > 100


def test_the_slope_of_a_set_is_the_same_after_twice_the_calls() -> None:
    sizes = [28 * i + table(i + 1) for i in range(4096)]
    found = {round(leak_slope(sizes[:end], range(end)), 6) for end in (128, 256, 512, 1024, 2048, 4096)}
    assert found == {76.0}


def test_noise_alone_is_hardly_ever_suspected_and_never_twice() -> None:
    first = both = 0
    for seed in range(1000):
        dice = random.Random(seed)
        blocks = [dice.randrange(1000) for _ in range(256)]
        sizes = [64 * number for number in blocks]
        if leak_slope(sizes[:128], blocks[:128]):
            first += 1
            both += bool(leak_slope(sizes, blocks) and still_rises(blocks, block_rate(blocks)))
    assert (first <= 10, both) == (True, 0)


def test_blocks_too_few_to_go_by_have_no_rate() -> None:
    assert block_rate([i // 16 for i in range(128)]) == 0
    assert block_rate([i // 10 for i in range(128)]) == 3 / 32
    assert block_rate([3 * i for i in range(128)]) == 3
    assert block_rate([-i for i in range(128)]) == 0


def test_a_cache_filled_within_the_last_window_no_longer_rises() -> None:
    filled = [100 * min(i, 140) for i in range(256)]
    assert leak_slope(filled, [0] * 256) == 100
    assert not still_rises(filled, 100)
    assert still_rises([100 * i for i in range(256)], 100)


def test_a_quarter_of_the_expected_rise_is_enough() -> None:
    assert [rises_enough(rise, 1.0, 100) for rise in (24, 25, 100)] == [False, True, True]
