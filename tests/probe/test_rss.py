"""Two calls, one untraced and one traced: resident memory and the peak of a warm call."""

import pytest

from children import Bench, every_version, failed, measured
from memharness.model.measurements import Failed

BOTH = ("warm_peak", "rss_peak")


@every_version
def test_the_warm_peak_is_that_of_the_second_call_to_the_byte(versioned: Bench) -> None:
    text = """
        sizes, KEPT = iter((1_000_000, 30_000)), []
        def run():
            if not KEPT:
                KEPT.append(bytearray(2_000_000))  # what the first call left does not count
            gone = bytearray(next(sizes))
            del gone
            return bytearray(10)
    """
    outcome = measured(versioned.observe(text, ("warm_peak",)))
    assert outcome.metrics == {"warm_peak": 30_000 + 57 + 48}  # and the tuple that a type is called with
    assert (outcome.passes, outcome.calls, outcome.notes) == (("rss",), None, ())


def test_a_second_call_that_raises_leaves_what_is_known_of_the_first(bench: Bench) -> None:
    text = """
        import sys
        CALLS = []
        def run():
            CALLS.append(1)
            sys.settrace(lambda *_: None)
            if len(CALLS) == 2:
                raise ValueError("not \\n again")
    """
    outcome = measured(bench.observe(text, BOTH))
    assert outcome.metrics.keys() == {"rss_peak"}
    assert outcome.notes == ("warm_peak: the second call raised ValueError: not again",)
    assert measured(bench.observe(text, ("rss_peak",))).notes == ()


@pytest.mark.parametrize("end", ["raise SystemExit(4)", "os._exit(4)"])
def test_a_second_call_that_ends_the_process_loses_the_pass(bench: Bench, end: str) -> None:
    text = f"""
        import os
        CALLS = []
        def run():
            CALLS.append(1)
            if len(CALLS) == 2: {end}
    """
    outcome = measured(bench.observe(text, ("peak", *BOTH)))
    assert not outcome.metrics.keys() & {*BOTH}
    assert isinstance(outcome.failed_passes["rss"], Failed)
    assert failed(bench.observe(text, BOTH)).phase in ("run", "crash")


def test_a_second_call_that_stops_the_tracer_has_no_peak(bench: Bench) -> None:
    outcome = measured(bench.observe("import tracemalloc\ndef run(): tracemalloc.stop()\n", BOTH))
    assert outcome.metrics.keys() == {"rss_peak"}
    assert "TracerStoppedError: the workload stopped, cleared or restarted tracemalloc" in outcome.notes[0]


def test_a_child_that_the_second_call_forks_is_ended_when_it_comes_back(bench: Bench) -> None:
    text = """
        import os
        CALLS = []
        def run():
            CALLS.append(1)
            if len(CALLS) == 2:
                if not os.fork():
                    raise ValueError
                os.wait()
            return bytearray(50_000)
    """
    outcome = measured(bench.observe(text, BOTH))
    assert outcome.metrics["warm_peak"] in range(50_000, 52_000)
