"""`memharness try`: the first call of one workload in the working tree, nothing stored, again on each save."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from memharness.model.metrics import METRICS
from repositories import contents
from workbench import CONFIGURATION, SCENARIO, Workbench, module

PARAMETERS = SCENARIO.replace("# calls = 15", "# params = { size = [1000, 200_000] }").replace(
    "def run():", "def run(size):"
)


def edit(bench: Workbench, text: str) -> None:
    (bench.path / "box.py").write_text(text)


def test_figures_and_lines_of_the_working_tree_and_nothing_is_stored(bench: Workbench) -> None:
    head = bench.commit(module())
    edit(bench, module(size=300_000, above="\n\n"))
    before = contents(bench.path)
    code, text = bench.call("try")
    assert code == 0
    assert text.startswith("working tree  ")
    assert f"edits since {head[:10]}" in text
    assert "box.py:6  fill" in text
    assert "block = bytearray(300000)" in text
    assert "not stored; `memharness compare`" in bench.stderr
    assert contents(bench.path) == before
    assert not bench.results.exists()
    code, answer = bench.call_json("try", "fill")
    (case,) = answer["cases"]
    assert (answer["commit"]["working_tree"], case["outcome"]["passes"]) == (True, ["first"])
    assert case["outcome"]["metrics"].keys() == {"peak", "retained", "result"}


def test_its_figures_are_those_that_compare_stores(bench: Workbench) -> None:
    bench.commit(module())
    edit(bench, module(size=300_000, kept="    KEPT.append(bytearray(100))\n"))
    tried = bench.call_json("try")[1]["cases"][0]["outcome"]["metrics"]
    bench.call("compare")
    stored = bench.call_json("show", "WORKTREE")[1]["cases"][0]["outcome"]["metrics"]
    assert {name: stored[name] for name in tried} == tried
    assert list(tried) == [name for name in METRICS if name in tried]


def test_a_case_is_chosen_by_its_name_or_its_scenario_s(bench: Workbench) -> None:
    bench.commit(module())
    (bench.path / "scenarios/sized.py").write_text(PARAMETERS)
    code, answer = bench.call_json("try")
    assert (code, answer["error"]["message"]) == (2, "there are several scenarios")
    assert "fill, sized" in answer["error"]["hint"]
    assert bench.call_json("try", "sized")[1]["cases"][0]["case"] == "sized[size=1000]"
    assert "the first of 2 cases; name another one, such as 'sized[size=200000]'" in bench.stderr
    assert bench.call_json("try", "sized[size=200000]")[1]["cases"][0]["case"] == "sized[size=200000]"
    assert bench.call_json("try", "-k", "size=200000")[1]["cases"][0]["case"] == "sized[size=200000]"
    code, answer = bench.call_json("try", "sizes")
    assert (code, answer["error"]["message"]) == (2, "there is no scenario or case 'sizes'")


def test_lines_of_a_peak_that_is_gone_at_the_end(bench: Workbench) -> None:
    bench.commit(module(kept="    bytearray(900_000)\n"))
    assert "--explain" not in bench.call("try")[1]
    assert "--explain finds the lines that held it" in bench.stderr
    code, text = bench.call("try", "--explain")
    assert code == 0
    assert "at the peak: " in text
    assert "box.py:5  fill" in text
    assert "--explain" not in bench.stderr


def test_a_workload_that_fails_shows_its_own_lines(bench: Workbench) -> None:
    bench.commit(module())
    edit(bench, module(kept="    raise ValueError('no room')\n"))
    code, text = bench.call("try")
    assert code == 3
    assert "✗ failed in run: ValueError: no room" in text
    assert 'File "<scenarios>/fill.py", line 9, in run' in text
    assert 'File "box.py", line 5, in fill' in text
    assert "memharness_probe" not in text


@contextmanager
def watching(bench: Workbench) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "memharness", "try", "--watch"]
    process = subprocess.Popen(command, cwd=bench.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_until(process: "subprocess.Popen[str]", words: str) -> str:
    """Return what is printed up to a line with these words."""
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if words in line:
            return text
    raise AssertionError(text)


def test_each_save_is_measured_until_an_interrupt(bench: Workbench) -> None:
    bench.commit(module())
    with watching(bench) as process:
        read_until(process, "bytearray(100000)")
        (bench.path / "ignored").touch()
        edit(bench, module(size=300_000))
        text = read_until(process, "since the last trial")
        assert "peak +195.31 KiB, retained =, result +195.31 KiB" in text
        bench.scenario.write_text(SCENARIO + "    return 1 +\n")
        assert "fill.py" in read_until(process, "note: ")
        bench.scenario.write_text(SCENARIO.replace("box.fill()", "box.fill(), bytearray(500_000)"))
        assert "fill.py:9  run" in (text := read_until(process, "since the last trial"))
        assert "result +488" in text
        data = bench.scenario.with_name("data.txt")
        data.write_text("1")
        code = "open(__file__[:-7] + 'data.txt').read() * 100_000"
        bench.scenario.write_text(SCENARIO.replace("box.fill()", code))
        read_until(process, "since the last trial")
        data.write_text("11")
        assert "result +97.66 KiB" in read_until(process, "since the last trial")
        (bench.path / "rows/inner").mkdir(parents=True)
        for size in range(3):
            (bench.path / "rows/inner/data.txt").write_text(f"{size}\n")
            assert "peak =, retained =, result =" in read_until(process, "since the last trial")
        process.send_signal(2)
        assert process.wait() == 0
    assert not bench.results.exists()


def test_watching_ends_with_the_configuration_that_it_read(bench: Workbench) -> None:
    bench.commit(module())
    with watching(bench) as process:
        read_until(process, "bytearray(100000)")
        (bench.path / "memharness.toml").write_text(CONFIGURATION + "reuse = false\n")
        assert "memharness.toml was edited" in read_until(process, "which reads it")
        assert process.wait() == 2


def test_what_is_above_its_limit_is_said(bench: Workbench) -> None:
    bench.commit(module())
    bench.set("limits = { peak = '50 kB' }")
    assert bench.call("try")[0] == 0
    assert "peak is above its limit of 48.83 KiB" in bench.stderr


def test_watching_prints_no_json(bench: Workbench) -> None:
    bench.commit(module())
    code, answer = bench.call_json("try", "--watch")
    assert (code, answer["error"]["message"]) == (2, "--watch and --json exclude one another")


def test_a_workload_by_its_address(bench: Workbench) -> None:
    bench.commit(module())
    edit(bench, module(size=300_000))
    code, answer = bench.call_json("try", "-w", "call:box:fill")
    assert code == 0
    assert answer["cases"][0]["outcome"]["metrics"]["result"] > 300_000
