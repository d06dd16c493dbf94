"""asv suites, measured as they are."""

import json

import pytest

from workbench import Workbench, module

SUITE = {
    "benchmarks/__init__.py": "",
    "benchmarks/common.py": "SIZES = [1000, 200_000]\n",
    "benchmarks/broken.py": "import nowhere\n",
    "benchmarks/fill.py": """
import box
from .common import SIZES

class Fill:
    \"\"\"Fills a block.\"\"\"
    params = [SIZES, ["a b", len, None]]
    param_names = ["n", "kind"]

    def setup(self, n, kind):
        assert not hasattr(self, "block"), "not torn down"
        if kind is None:
            raise NotImplementedError("no kind")
        self.block = bytearray(n)

    def teardown(self, n, kind):
        del self.block

    def time_copy(self, n, kind):
        self.copy = box.fill(), bytes(self.block)

def mem_block():
    return box.fill()

def peakmem_block():
    box.fill()

def timeraw_block():
    return "pass"
""",
}


def test_a_suite_is_measured_unchanged(quick: Workbench) -> None:
    quick.scenario.unlink()
    quick.repository.commit({"box.py": module(), **SUITE}, "begin")
    quick.commit(module(size=300_000))
    code, report = quick.call_json("run", "-w", "asv:benchmarks")
    assert (code, report["failures"]) == (1, [])
    changes = {(c["case"], c["metric"]): c for c in report["changes"]}
    assert (
        changes["asv:fill.mem_block", "result"]["after"] - changes["asv:fill.mem_block", "result"]["before"] == 200_000
    )
    assert changes["asv:fill.mem_block", "result"]["blame"][0]["path"] == "box.py"
    assert {metric for _, metric in changes} == {"result", "retained"}
    notices = "\n".join(report["notices"])
    assert "benchmarks.broken was passed over: ModuleNotFoundError: No module named 'nowhere'" in notices
    assert "benchmarks.fill.timeraw_block was passed over: timeraw_" in notices
    assert "2 cases skipped" in notices
    assert "its setup raised NotImplementedError: no kind" in notices
    code, text = quick.call("list", "-w", "asv:benchmarks", "-k", "n=1000 and not none")
    names = [f'asv:fill.Fill.time_copy[kind="{kind}",n=1000]' for kind in ("a b", "<built-in function len>")]
    assert (code, text.split("\n  ")[1:]) == (0, [names[0], f"{names[1]}\n"])
    code, again = quick.call_json("check", "-w", "asv:benchmarks")
    assert (code, again["changes"]) == (1, report["changes"])


def test_a_suite_is_listed_once_for_each_state_of_its_files(quick: Workbench) -> None:
    quick.repository.commit({"box.py": module(), "benchmarks/fill.py": "def mem_block(): return [0]\n"}, "begin")
    assert quick.call("check", "-w", "asv:benchmarks")[0] == 2
    assert "nothing is known of what it holds" in quick.stderr
    assert quick.call("run", "-w", "asv:benchmarks")[0] == 0
    (listing,) = quick.results.rglob("listings/*.json")
    before = listing.stat().st_mtime_ns
    assert quick.call("run", "-w", "asv:benchmarks")[0] == 0
    assert listing.stat().st_mtime_ns == before

    (quick.path / "benchmarks/fill.py").write_text("def mem_block(): return [0]\ndef mem_more(): return [1]\n")
    code, report = quick.call_json("check", "-w", "asv:benchmarks")
    assert (code, [n for n in report["notices"] if "was changed" in n] != []) == (0, True)
    assert quick.call("run", "-w", "asv:benchmarks")[0] == 0
    names = [case["name"] for case in json.loads(listing.read_text())["listing"]["listed"]["cases"]]
    assert names == ["fill.mem_block", "fill.mem_more"]

    listing.write_text("{")
    assert quick.call("check", "-w", "asv:benchmarks")[0] == 2
    assert quick.call("run", "-w", "asv:benchmarks")[0] == 0
    assert json.loads(listing.read_text())["format"] == 3


def test_benchmarks_of_what_is_not_committed_yet(quick: Workbench) -> None:
    quick.repository.commit(
        {"box.py": module(), "benchmarks/fill.py": "import box\ndef mem_fill(): return box.fill()\n"}
    )
    (quick.path / "box.py").write_text(module() + "\n\ndef more():\n    return bytearray(1000)\n")
    (quick.path / "benchmarks/more.py").write_text("from box import more\ndef mem_more(): return more()\n")
    _, report = quick.call_json("compare", "-w", "asv:benchmarks")
    assert report["series"][0]["case"] == "asv:fill.mem_fill"
    found = {(row["case"], row["first"] is None) for row in report["series"] if row["metric"] == "result"}
    assert found == {("asv:fill.mem_fill", False), ("asv:more.mem_more", True)}


def test_a_number_that_a_benchmark_tracks_is_a_metric(bench: Workbench) -> None:
    suite = """
import box

class Track:
    unit = "widgets"
    params = [1, 2, 3]
    def track_ratio(self, n):
        return {1: box.NUMBER / 4, 2: box.NUMBER * 10**9, 3: float("nan")}[n]
"""
    bench.repository.commit({"box.py": "NUMBER = 3\n", "benchmarks/count.py": suite}, "begin")
    worse = bench.repository.commit({"box.py": "NUMBER = 4\n"}, "more")
    code, report = bench.call_json("run", "-w", "asv:benchmarks")
    assert (code, report["failures"]) == (1, [])
    found = {(c["case"], c["metric"]): (c["before"], c["after"], c["unit"], c["commit"]) for c in report["changes"]}
    assert found == {
        ("asv:count.Track.track_ratio[param1=1]", "track"): (750_000, 1_000_000, "millionths", worse),
        ("asv:count.Track.track_ratio[param1=2]", "track"): (3 * 10**15, 4 * 10**15, "millionths", worse),
    }
    assert {row["metric"] for row in report["series"]} == {"track"}
    text = bench.call("check", "-w", "asv:benchmarks")[1]
    assert "0.75 →             1  +33.3%" in text
    assert "3,000,000,000 → 4,000,000,000  +33.3%" in text
    assert "(in widgets)" in bench.call("list", "-w", "asv:benchmarks")[1]
    assert bench.call_json("run", "-w", "asv:benchmarks")[1]["counts"]["measured"] == 0
    assert bench.call("publish", "-w", "asv:benchmarks")[0] == 0


CACHED = """
import os
import box
from asv_runner.benchmarks.mark import SkipNotImplemented, skip_for_params

MADE = []

class Cached:
    params = [1, 2, 3]
    timeout = 120.0

    def setup_cache(self):
        MADE.append(1)
        with open("beside.txt", "w") as file:
            file.write("x" * 1000)
        return {"size": box.SIZE}

    def setup(self, cache, n):
        assert not MADE, "made in the process that is measured"
        self.items = [0] * n

    def teardown(self, cache, n):
        del self.items

    def time_use(self, cache, n):
        if n == 2:
            raise SkipNotImplemented("not two")
        assert self.items.pop() == 0 and len(self.items) == n - 1
        with open("beside.txt") as file:
            assert len(file.read()) == 1000
        return bytearray(cache["size"])

    time_use.benchmark_name = "cached.time_use"
    time_use.version = "one"

    @skip_for_params([(3,)])
    def time_leak(self, cache, n):
        KEPT.append(bytearray(n * 1000))

KEPT = []
"""


@pytest.mark.parametrize("version", ["3.8", "3.13"])
def test_what_a_suite_prepares_and_undoes_around_every_call(bench: Workbench, version: str) -> None:
    text = module().replace("KEPT = []", "KEPT = []\nSIZE = 100_000")
    bench.repository.commit({"box.py": text, "read.me": "1", "benchmarks/cached.py": CACHED}, "begin")
    alike = bench.repository.commit({"read.me": "2"}, "nothing")
    bench.repository.commit({"box.py": text.replace("SIZE = 100", "SIZE = 300")}, "grow")
    _, report = bench.call_json("run", "-w", "asv:benchmarks", "--python", version)
    assert report["failures"] == []
    (record,) = bench.results.rglob(f"{alike}.json")
    assert {one["case"] for one in json.loads(record.read_text())["reused"]} == {
        "asv:cached.Cached.time_leak[param1=1]",
        "asv:cached.Cached.time_leak[param1=2]",
        "asv:cached.time_use[param1=1]",
        "asv:cached.time_use[param1=3]",
    }
    series = {(row["case"], row["metric"]): (row["first"], row["last"]) for row in report["series"]}
    sizes = series["asv:cached.time_use[param1=1]", "result"]
    assert sizes[1] - sizes[0] == 200_000
    assert series["asv:cached.time_use[param1=1]", "growth"] == (0, 0)
    assert series["asv:cached.Cached.time_leak[param1=2]", "growth"][0] > 2000
    skipped = bench.call_json("show", "-w", "asv:benchmarks", "--python", version)[1]["cases"]
    reasons = {one["case"]: one["outcome"].get("reason") for one in skipped}
    assert reasons["asv:cached.time_use[param1=2]"] == "not two"
    assert reasons["asv:cached.Cached.time_leak[param1=3]"] == "its parameters are among skip_params"


def test_a_configuration_is_made_from_that_of_asv(quick: Workbench) -> None:
    (quick.path / "memharness.toml").unlink()
    settings = '{"repo": ".", "benchmark_dir": "suite", "matrix": {"six": ["1.0"]}, "branches": ["main"]} // of asv\n'
    suite = {"suite/fill.py": "import box\ndef mem_block(): return box.fill()\n", "asv.conf.json": settings}
    quick.repository.commit({"box.py": module(), **suite}, "begin")
    code, found = quick.call_json("init", "--from-asv")
    assert (code, found["written"]) == (0, [str(quick.path / "memharness.toml")])
    assert "note: branches: " in quick.stderr
    written = (quick.path / "memharness.toml").read_text()
    assert 'dependencies = ["six==1.0"]\n' in written
    assert written.endswith(
        '[workloads]                   # see `memharness help workloads`\nasv = "asv:asv.conf.json"\n'
    )


def test_cases_have_names_of_their_own_and_a_listing_does_not_move_the_suite(quick: Workbench) -> None:
    suite = 'class Named:\n    params = ["x", "x", "x (1)"]\n    def mem_block(self, name): return [name]\n'
    quick.repository.commit({"box.py": module(), "benchmarks/named.py": suite}, "begin")
    assert quick.call("run", "-w", "asv:benchmarks")[0] == 0
    (listing,) = quick.results.rglob("listings/*.json")
    stored = json.loads(listing.read_text())
    names = quick.call("list", "-w", "asv:benchmarks")[1].splitlines()[1:]
    assert sorted(names) == [f'  asv:named.Named.mem_block[param1="x ({number})"]' for number in (0, 1, 2)]
    for case in stored["listing"]["listed"]["cases"]:
        case["target"]["folder"] = "/elsewhere"
    listing.write_text(json.dumps(stored))
    code, known = quick.call_json("list", "-w", "asv:benchmarks")
    assert code == 0
    assert {one["scenario"]["target"]["folder"] for one in known["scenarios"]} != {"/elsewhere"}
