"""`memharness show` on stored results."""

from workbench import Published


def test_what_all_repeats_found_is_shown_together(filled: Published) -> None:
    filled.go_to("leak")
    _, shown = filled.call_json("show", "--explain")
    (case,) = shown["cases"]
    metrics, profiles = case["outcome"]["metrics"], case["profiles"]
    assert case["repeats"] == 3
    assert metrics.keys() >= {"peak", "retained", "growth", "import", "rss_peak"}
    assert profiles.keys() >= {"alive", "retained", "peak", "import", "leak", "calls"}
    assert profiles["peak"]["stacks"]
    assert [module[0] for module in profiles["import"]["modules"][:2]] == ["fill", "box"]
    assert profiles["leak"]["lines"][0][3] == "KEPT.append(bytearray(3000))"
    assert profiles["leak"]["survivors"][0][2] == "builtins.bytearray"
    assert len(profiles["calls"]["sizes"]) == 16
    assert metrics["growth"] >= 3000
    assert sum(row[4] for row in profiles["alive"]["lines"]) == metrics["result"] + metrics["retained"]


def test_the_text_names_commit_modules_the_peak_and_what_stays_alive(filled: Published) -> None:
    commit = filled.go_to("leak")
    assert filled.call("show", commit[:8], "--explain")[0] == 0
    code, text = filled.call("show", commit[:8])
    assert code == 0
    for part in (
        commit[:10],
        "peak",
        "gc objects",
        "box.py:4  fill",
        "kept by the imports",
        "kept by the later calls",
        "at the peak",
        "left alive: builtins.bytearray",
        "biggest offender",
    ):
        assert part in text
    assert filled.call("show")[1] == text
