"""`memharness show` on stored results."""

from workbench import LEAK, Workbench, module


def test_what_all_repeats_found_is_shown_together(bench: Workbench) -> None:
    bench.commit(module())
    bench.commit(module(size=300_000, kept=LEAK))
    bench.call("run")
    _, shown = bench.call_json("show")
    (case,) = shown["cases"]
    assert case["repeats"] == 2
    assert case["outcome"]["metrics"].keys() >= {"peak", "retained", "growth", "import", "rss_peak"}
    assert case["profiles"].keys() >= {"alive", "retained", "peak", "import", "leak", "calls"}
    assert case["profiles"]["peak"]["stacks"]
    assert [module[0] for module in case["profiles"]["import"]["modules"][:2]] == ["fill", "box"]
    assert case["profiles"]["leak"]["lines"][0][3] == "KEPT.append(bytearray(3000))"
    assert case["profiles"]["leak"]["survivors"][0][2] == "builtins.bytearray"
    assert len(case["profiles"]["calls"]["sizes"]) == 16


def test_the_text_names_modules_the_peak_and_what_stays_alive(bench: Workbench) -> None:
    bench.commit(module(size=300_000, kept=LEAK))
    bench.call("run")
    code, text = bench.call("show")
    assert code == 0
    for part in ("kept by the imports", "at the peak", "left alive: builtins.bytearray", "biggest offender"):
        assert part in text
