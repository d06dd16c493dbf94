"""asv suites, measured as they are."""

import json

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
