"""`run --adaptive`: the steps of a long history from few measured commits, the same as a full run finds."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from memharness.config.configuration import load_config
from memharness.findings.project import EVERYTHING
from memharness.run.adaptive import explore
from memharness.run.listener import Silent
from workbench import Workbench, module

METRICS = '[environment]\ninstall = "path"\n[run]\nresults = "../results"\nmetrics = ["peak", "retained", "result"]\n'
LENGTH = 100


def history(bench: Workbench, *, length: int = LENGTH, broken: tuple[int, ...] = ()) -> list[str]:
    """Make commits of which a third changes nothing that is measured, with steps at 30 and 70."""
    (bench.path / "memharness.toml").write_text(METRICS)
    (bench.path / "README").write_text("")
    made = []
    for number in range(length):
        size = 100_000 if number < 30 else 200_000 if number < 70 else 150_000
        text = f"# {number}\n" + module(size=size)
        if number in broken:
            text = "import no_such_module\n" + text
        files = {"README": str(number)} if number % 3 == 2 and number not in broken else {"box.py": text}
        made.append((files, f"commit {number}"))
    return bench.repository.commits(made)


def key(report: dict[str, list[dict[str, Any]]]) -> list[tuple[Any, ...]]:
    return [(c["commit"], c["range"], c["metric"], c["verdict"], c["before"], c["after"]) for c in report["changes"]]


def test_the_changes_are_those_of_a_full_run_and_a_second_search_measures_nothing(bench: Workbench) -> None:
    commits = history(bench)
    code, report = bench.call_json("run", "--adaptive")
    assert code == 1
    assert [(c["commit"], c["metric"], c["confidence"]) for c in report["changes"]] == [
        (commits[30], "peak", "confirmed"),
        (commits[30], "result", "confirmed"),
        (commits[70], "peak", "confirmed"),
        (commits[70], "result", "confirmed"),
    ]
    assert report["counts"]["commits"] == LENGTH
    assert report["counts"]["measured"] <= 20
    (notice,) = report["notices"]
    assert notice.startswith("adaptive search: ")
    assert "largest unexplored gap is " in notice
    _, again = bench.call_json("run", "--adaptive")
    assert (again["counts"]["measured"], again["counts"]["reused"]) == (0, 0)
    assert (key(again), again["notices"]) == (key(report), report["notices"])
    _, full = bench.call_json("run")
    assert key(full) == key(report)
    assert full["counts"]["measured"] + full["counts"]["reused"] + full["counts"]["cached"] == LENGTH


READER = "import os\n\n\ndef fill():\n    {obstacle}\n    return open(os.path.dirname(__file__) + '/data/x').read()\n"
SMALL, BIG = "a" * 100, "a" * 100_000


def test_where_it_is_not_known_what_the_ends_saw_each_commit_may_differ(bench: Workbench) -> None:
    (bench.path / "memharness.toml").write_text(METRICS)
    files = {"box.py": READER.format(obstacle='os.system("true")'), "data/x": SMALL}  # what a process sees is unknown
    commits = [bench.repository.commit({**files, "README": str(number)}) for number in range(4)]
    commits.append(bench.repository.commit({"data/x": BIG}))
    commits += [bench.repository.commit({"README": str(number)}) for number in range(3)]
    _, report = bench.call_json("run", "--adaptive")
    assert {(c["commit"], c["confidence"]) for c in report["changes"]} == {(commits[4], "confirmed")}
    of_reuse, of_children, of_search = report["notices"]
    assert (of_reuse[:17], of_search[:17]) == ("fill: its result ", "adaptive search: ")
    assert of_children.startswith("fill: the memory of child processes is not counted")


def test_symbolic_links_prove_nothing(bench: Workbench) -> None:
    (bench.path / "memharness.toml").write_text(METRICS)
    files = {"box.py": READER.format(obstacle="pass"), "data/x": SMALL, "data/small": SMALL, "data/big": BIG}
    commits = [bench.repository.commit(files)]
    link = bench.path / "data" / "x"
    for target in ("small", "small", "big", "big"):
        link.unlink()
        link.symlink_to(target)
        commits.append(bench.repository.commit({"README": str(len(commits))}))
    link.unlink()
    bench.repository.commit({"data/x": BIG})
    _, report = bench.call_json("run", "--adaptive")
    assert {(c["commit"], c["confidence"]) for c in report["changes"]} == {(commits[3], "confirmed")}


def test_a_commit_that_cannot_be_measured_is_gone_around(bench: Workbench) -> None:
    commits = history(bench, length=60, broken=(30, 31, 50))
    _, report = bench.call_json("run", "--adaptive")
    assert [(c["range"], c["metric"]) for c in report["changes"]][:2] == [
        ([commits[29], commits[33]], "peak"),  # 32 leaves the broken file of 31 as it is
        ([commits[29], commits[33]], "result"),
    ]


def test_what_lacks_a_metric_is_measured_again(bench: Workbench) -> None:
    (bench.path / "memharness.toml").write_text(METRICS)
    text = "CALLS = []\n\n\ndef fill():\n    CALLS.append({})\n    return bytearray({} if len(CALLS) == 1 else {})\n"
    sizes = [(number, 100_000 if number < 4 else 200_000, 100_000 if number < 8 else 200_000) for number in range(12)]
    commits = [bench.commit(text.format(*one)) for one in sizes]
    bench.call_json("run", "--adaptive")
    (bench.path / "memharness.toml").write_text(METRICS.replace('"peak"', '"peak", "warm_peak"'))
    _, report = bench.call_json("run", "--adaptive")
    assert [(c["commit"], c["confidence"]) for c in report["changes"] if c["metric"] == "warm_peak"] == [
        (commits[8], "confirmed")
    ]


def test_failures_that_the_search_meets_are_retried_once(bench: Workbench, tmp_path: Path) -> None:
    (bench.path / "memharness.toml").write_text(METRICS)
    mended, failures = tmp_path / "mended", tmp_path / "failures"
    broken = f"""import os
if {{number}} in (4, 8) or not os.path.exists({str(mended)!r}):
    with open({str(failures)!r}, "a") as file:
        file.write("{{number}} ")
    raise ValueError
"""
    commits = [
        bench.commit((broken.format(number=number) if number in (3, 4, 5, 8) else f"# {number}\n") + module(size=size))
        for number, size in enumerate([100_000] * 4 + [200_000] * 5)
    ]
    _, first = bench.call_json("run", "--adaptive")
    assert first["changes"][0]["range"] == [commits[2], commits[6]]
    mended.touch()
    failures.unlink()
    _, second = bench.call_json("run", "--adaptive", "--retry-failed")
    assert second["changes"][0]["range"] == [commits[3], commits[5]]
    assert failures.read_text().split() == ["8", "4"]


def test_a_single_commit_is_measured(bench: Workbench) -> None:
    history(bench, length=2)
    code, report = bench.call_json("run", "--adaptive", "--last", "1")
    assert (code, report["counts"]["measured"], report["changes"]) == (0, 1, [])


def test_it_says_what_lacks_results(bench: Workbench) -> None:
    (bench.path / "memharness.toml").write_text(METRICS)
    alike = [bench.repository.commit({"box.py": module(), "README": str(number)}) for number in range(5)]
    _, unproven = bench.call_json("run", "--adaptive", "--no-reuse")
    gap = f"the largest unexplored gap is {alike[0][:10]}..{alike[4][:10]} with 3 of them"
    assert unproven["notices"] == [f"adaptive search: 2 of 5 commits measured; 3 lack results, {gap}"]
    _, proven = bench.call_json("run", "--adaptive")
    assert proven["notices"] == ["adaptive search: 2 of 5 commits measured, 3 reused, and no other can differ"]
    assert proven["counts"]["reused"] == 3


class Interrupting(Silent):
    """Interrupts the run the given time that it begins work of a kind."""

    def __init__(self, purpose: str, time: int) -> None:
        self.purpose = purpose
        self.left = time

    def planned(self, tasks: int, *, purpose: str) -> None:
        super().planned(tasks, purpose=purpose)
        self.left -= purpose == self.purpose
        if not self.left:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("purpose", "time", "measured", "gap", "rest"),
    [
        ("measuring", 1, 0, "{0}..{7} with 8", ""),
        ("exploring", 2, 3, "{3}..{7} with 3", "; a difference in {3}..{7} is not placed"),
        ("reusing", 1, 5, "{0}..{3} with 2", ""),
        ("measuring once more", 2, 5, "{0}..{3} with 2", ""),  # the first time are the ends
    ],
)
def test_an_interrupt_carries_a_notice_at_any_time(
    bench: Workbench, purpose: str, time: int, measured: int, gap: str, rest: str
) -> None:
    (bench.path / "memharness.toml").write_text(METRICS)
    commits = [bench.commit(f"# {n}\n" + module(size=100_000 if n < 5 else 200_000))[:10] for n in range(8)]
    config = load_config(bench.path, overrides={"run.workers": "1"})
    with pytest.raises(KeyboardInterrupt) as raised:
        explore(config, EVERYTHING, listener=Interrupting(purpose, time))
    text = f"adaptive search: {measured} of 8 commits measured; {8 - measured} lack results"
    expected = f"{text}, the largest unexplored gap is {gap} of them{rest}"
    assert raised.value.__notes__ == [expected.format(*commits)]


def test_an_interrupted_search_says_what_is_unexplored(bench: Workbench, tmp_path: Path) -> None:
    history(bench, length=40)
    bench.scenario.write_text("import time\nimport box\n\n\ndef run():\n    time.sleep(0.2)\n    return box.fill()\n")
    command = [sys.executable, "-m", "memharness.cli", "run", "--adaptive", "-j", "1"]
    with subprocess.Popen(
        command, cwd=bench.path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as child:
        assert child.stderr is not None
        for line in child.stderr:
            if line.startswith("exploring"):
                child.send_signal(signal.SIGINT)
                break
        rest = child.stderr.read()
    assert child.returncode == 130
    assert "memharness: interrupted; adaptive search: " in rest
    assert "largest unexplored gap is " in rest
