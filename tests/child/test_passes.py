"""The passes of a case: one child each, and the results of those that succeed."""

import pytest

from children import EVERYTHING, Bench, failed, measured
from memharness.model.measurements import Failed
from memharness.model.metrics import Stage


def test_the_caller_is_called_before_each_child(bench: Bench) -> None:
    seen: list[str] = []
    steps: list[Stage] = []
    left = bench.tree / "left"

    def tidy(step: Stage) -> None:
        steps.append(step)
        seen.append(left.read_text() if left.exists() else "")
        left.unlink(missing_ok=True)

    text = f"""
        import os
        def run():
            assert not os.path.exists({str(left)!r}) or open({str(left)!r}).read() == str(os.getpid())
            open({str(left)!r}, "w").write(str(os.getpid()))
    """
    outcome = measured(bench.observe(text, EVERYTHING, calls=15, before_pass=tidy))
    assert outcome.failed_passes == {}
    assert seen[0] == ""
    assert len({*seen}) == 3
    assert steps == ["first", "growth", "rss"]
    assert measured(bench.observe("def run(): pass\n", ("rss_peak",), before_pass=tidy))
    assert len(seen) == 4


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        (("import",), {"import"}),
        (("peak",), {"peak", "retained", "result"}),
        (("gc_objects",), {"peak", "retained", "result", "gc_objects"}),
        (("warm_peak",), {"warm_peak"}),
        (("growth", "rss_peak"), {"growth", "rss_peak"}),
    ],
)
def test_all_that_a_pass_yields_is_kept(bench: Bench, wanted: tuple[str, ...], kept: set[str]) -> None:
    assert measured(bench.observe("def run(): pass\n", wanted, calls=15)).metrics.keys() == kept


def test_a_later_pass_that_fails_leaves_what_the_first_found(bench: Bench) -> None:
    text = "calls = iter(range(99))\ndef run():\n    if next(calls) == 5: raise ValueError('sixth call')\n"
    outcome = measured(bench.observe(text, EVERYTHING))
    assert outcome.metrics.keys() == {*EVERYTHING} - {"growth"}
    (growth,) = outcome.failed_passes.values()
    assert isinstance(growth, Failed)
    assert (growth.phase, growth.reason) == ("run", "ValueError: sixth call")
    assert failed(bench.observe(text, ("growth",))) == growth
