"""Results that hold for other commits: proven, never guessed, and the same whatever the number of workers."""

import json
from typing import Any

import pytest

from built_projects import IN_TREE_MODULE
from workbench import SCENARIO, Workbench, module

READING = """
import ssl
from contextlib import suppress

import box

PATH = f"{box.__file__[:-6]}data/box.pem"


def read():
    with suppress(ssl.SSLError):
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(PATH)
"""
METRICS = '[environment]\ninstall = "path"\n[run]\nresults = "../results"\nmetrics = ["peak", "retained", "result"]\n'


@pytest.fixture(autouse=True)
def _prepared(bench: Workbench) -> None:
    """Measure the first pass only; have a file that nobody reads, since a new one would change what is listed."""
    (bench.path / "memharness.toml").write_text(METRICS)
    (bench.path / "README").write_text("1")
    (bench.path / "docs").mkdir()
    (bench.path / "docs" / "guide.rst").write_text("")


def reused(bench: Workbench) -> dict[str, str]:
    """Return commit id -> id of the commit whose result it has, of all stored by reference."""
    records = [json.loads(path.read_text()) for path in bench.results.rglob("*.json") if len(path.stem) == 40]
    return {record["commit"]["id"]: one["commit"] for record in records for one in record.get("reused", ())}


def values(bench: Workbench, *commits: str) -> list[dict[str, int]]:
    """Return the metrics of the first case at some commits."""
    shown = [bench.call_json("show", commit)[1] for commit in commits]
    return [one["cases"][0]["outcome"]["metrics"] for one in shown]


def test_a_commit_at_which_nothing_differs_takes_the_result_of_another(bench: Workbench) -> None:
    start = bench.commit(module(), tag="v1")
    middle = bench.repository.commit({"docs/guide.rst": "words"}, "write docs")
    prose = bench.repository.commit({"README": "2"}, "write more")
    bigger = bench.commit(module(size=300_000))
    more = bench.repository.commit({"docs/guide.rst": "more words", "docs/sub/x.rst": ""}, "write more docs")
    code, report = bench.call_json("run", "-j", "1")
    assert reused(bench) == {middle: start, prose: start, bigger: more}
    # two of them were measured all the same, to confirm: the last good commit and the first bad one
    assert report["counts"] == {"commits": 5, "measured": 4, "cached": 0, "reused": 1, "failed": 0}
    assert [(c["commit"], c["metric"], c["confidence"]) for c in report["changes"]] == [
        (bigger, "peak", "confirmed"),
        (bigger, "result", "confirmed"),
    ]
    assert code == 1
    one, other = values(bench, start, middle)
    assert one == other
    (shown,) = bench.call_json("show", middle)[1]["cases"]
    assert shown["outcome"]["reused_from"] == start
    assert f"reused from commit {start[:10]}" in bench.call("show", middle)[1]
    (measured_too,) = bench.call_json("show", prose)[1]["cases"]
    assert measured_too["repeats"] == 2


SEEN: dict[str, tuple[str, dict[str, str], dict[str, str | None]]] = {
    # what `fill` does beside; files at the first commit; what the second changes of them
    "the module": ("", {}, {"box.py": "# a comment\n" + module()}),
    "a file that is read": ("    open(HERE + '/data.txt').read()\n", {"data.txt": "1"}, {"data.txt": "12"}),
    "a file that is asked for": ("    os.path.exists(HERE + '/flag')\n", {}, {"flag": ""}),
    "a file whose size is asked": ("    os.path.getsize(HERE + '/data.txt')\n", {"data.txt": "1"}, {"data.txt": "2"}),
    "a folder that is listed": ("    os.listdir(HERE + '/plugins')\n", {"plugins/a": ""}, {"plugins/b": ""}),
    "a module that is imported late": ("    import late\n", {"late.py": ""}, {"late.py": "X = 1\n"}),
    "a module that may be there": (
        "    try:\n        import option\n    except ImportError:\n        pass\n",
        {},
        {"option.py": ""},
    ),
    "a name beside the modules": ("", {}, {"other.py": ""}),
    "a name that is gone": ("", {"other.py": ""}, {"other.py": None}),
    "a mode": ("    open(HERE + '/data.txt').read()\n", {"data.txt": "1"}, {}),
    "how git writes files": (
        "    open(HERE + '/data.txt').read()\n",
        {"data.txt": "1\n"},
        {".gitattributes": "*.txt eol=crlf"},
    ),
}

LATER_FIRST = {  # of these the order in which a range is measured comes to the later commit first
    *("a file that is read", "a file whose size is asked", "a module that is imported late"),
    *("a name beside the modules", "a mode"),
}


def workload(beside: str) -> str:
    return module(above="import os, sysconfig\nHERE = os.path.dirname(os.path.abspath(__file__))\n", kept=beside)


def test_what_was_seen_and_differs_is_measured(bench: Workbench) -> None:
    proven, left = {}, set[str]()
    for name, (beside, files, changes) in SEEN.items():
        fresh = {**dict.fromkeys(left), "box.py": f"# {name}\n{workload(beside)}", **files}
        pair = (bench.repository.commit(fresh), bench.repository.commit({"README": name}))
        measured, taken = reversed(pair) if name in LATER_FIRST else pair
        proven[taken] = measured
        if name == "a mode":
            (bench.path / "data.txt").chmod(0o755)
        bench.repository.commit(changes, name)
        left = {path for path, text in (files | changes).items() if text is not None} - {"box.py"}
    bench.call("run")
    assert reused(bench) == proven


OBSTACLES = {
    "process": "    import subprocess\n    subprocess.run(['true'])\n",
    "fork": "    pid = os.fork()\n    if not pid:\n        os._exit(0)\n    os.waitpid(pid, 0)\n",
    "file_elsewhere": "    open('/etc/passwd').read()\n",
    "repository": "    open(HERE + '/.git/HEAD').read()\n",
    "library": "    import ctypes\n    ctypes.CDLL('libc.so.6')\n",
    "network": "    import socket\n    socket.socket().bind(('127.0.0.1', 0))\n",
    "folder_by_descriptor": "    os.close(os.open(HERE, os.O_RDONLY))\n",
}


def test_what_cannot_be_proven_is_measured(bench: Workbench) -> None:
    bench.scenario.unlink()
    for name in OBSTACLES:
        (bench.path / "scenarios" / f"{name}.py").write_text(SCENARIO.replace("box", f"box_{name}"))
    start = bench.repository.commit({f"box_{name}.py": workload(beside) for name, beside in OBSTACLES.items()})
    bench.repository.commit({"README": "2"})
    _, report = bench.call_json("run")
    assert reused(bench) == {}
    told = [note for note in report["notices"] if "memory of child processes" not in note]
    unproven = "its result can be reused for no other c"
    assert sorted(note.partition(unproven)[:2] for note in told) == [
        (f"{name}: ", unproven) for name in sorted(OBSTACLES)
    ]
    shown = bench.call_json("show", start)[1]["cases"]
    assert {case["case"] for case in shown if any(n.startswith(unproven) for n in case["outcome"]["notes"])} == {
        *OBSTACLES
    }


def test_a_failure_is_never_reused(bench: Workbench) -> None:
    bench.commit("import nothing_like_this\n")
    bench.repository.commit({"README": "2"})
    _, report = bench.call_json("run")
    assert (reused(bench), report["counts"]["failed"]) == ({}, 2)


def test_what_a_former_run_measured_holds_for_the_next(bench: Workbench) -> None:
    start = bench.commit(module())
    bench.call("run")
    prose = bench.repository.commit({"README": "2"})
    _, report = bench.call_json("run", "--new")
    assert reused(bench) == {prose: start}
    again = bench.repository.commit({"README": "3"})
    bench.call("run", "--new")
    assert reused(bench) == {prose: start, again: start}
    assert report["counts"]["failed"] == 0


def test_the_commit_that_was_measured_may_be_missing_in_a_shallow_clone(bench: Workbench) -> None:
    start = bench.commit(module())
    bench.call("run")
    prose = bench.repository.commit({"README": "2"})
    bench.call("run")
    newest = bench.repository.commit({"README": "3"})
    clone = bench.path.parent / "clone"
    bench.repository.git("clone", "--quiet", "--depth", "2", f"file://{bench.path}", str(clone))
    code, _ = bench.call("run", "--last", "2", "--repo", str(clone))
    assert (code, reused(bench)) == (0, {prose: start, newest: start})


def test_data_beside_the_scenarios_counts_as_seen(bench: Workbench) -> None:
    data = bench.path / "scenarios" / "data.txt"
    data.write_text("1")
    bench.scenario.write_text(
        SCENARIO.replace("import box", "import box\nimport os\nopen(os.path.dirname(__file__) + '/data.txt').read()")
    )
    bench.commit(module())
    bench.call("run")
    data.write_text("22")
    bench.repository.commit({"README": "2"})
    bench.call("run")
    assert reused(bench) == {}
    last = bench.repository.commit({"README": "3"})
    bench.call("run")
    assert reused(bench).keys() == {last}


def test_reuse_can_be_turned_off(bench: Workbench) -> None:
    bench.commit(module())
    bench.repository.commit({"README": "2"})
    _, report = bench.call_json("run", "--no-reuse")
    assert (reused(bench), report["counts"]["measured"], report["counts"]["reused"]) == ({}, 2, 0)


def test_without_reuse_what_was_reused_before_is_measured(bench: Workbench) -> None:
    for number in range(4):
        bench.repository.commit({"README": f"{number}.", "box.py": module()})
    _, before = bench.call_json("run")
    assert (before["counts"]["measured"], before["counts"]["reused"]) == (1, 3)
    _, report = bench.call_json("run", "--no-reuse")
    assert (report["counts"]["measured"], report["counts"]["cached"]) == (3, 1)
    _, again = bench.call_json("run", "--no-reuse")
    assert again["counts"]["measured"] == 0


def test_workers_do_not_change_what_is_reused(bench: Workbench) -> None:
    for number in range(12):
        bench.repository.commit(
            {"README": f"{number}."} if number % 3 else {"box.py": module(size=1000 * (number + 1))}
        )
    stored = []
    for workers in ("1", "2", "5"):
        bench.call("run", "-j", workers)
        stored.append({str(p.relative_to(bench.results)): p.read_bytes() for p in bench.results.rglob("*.json*")})
        bench.results.rename(bench.results.with_name(f"aside-{workers}"))
    assert stored[0] == stored[1] == stored[2]
    assert sum(b'"reused"' in content for content in stored[0].values()) == 8


def test_a_share_of_what_is_reused_is_verified(bench: Workbench) -> None:
    start = bench.commit(module())
    prose = bench.repository.commit({"README": "2"})
    code, report = bench.call_json("run", "--verify-reuse", "1")
    assert (code, reused(bench), report["notices"]) == (
        0,
        {start: prose},
        ["1 of 1 reusable results verified: none differs"],
    )
    _, again = bench.call_json("run", "--verify-reuse", "1")
    assert again["notices"] == ["no result was verified: 0 could be reused"]


def test_verifying_nothing_is_a_mistake(bench: Workbench) -> None:
    bench.commit(module())
    code, _ = bench.call("run", "--no-reuse", "--verify-reuse", "0.5")
    assert (code, "nothing to verify" in bench.stderr) == (2, True)


def test_a_wrong_reuse_fails_loudly(bench: Workbench) -> None:
    start = bench.commit(module(), tag="v1")
    bench.call("run")
    path = next(path for path in bench.results.rglob("*.json") if path.stem == start)
    record: Any = json.loads(path.read_text())
    metrics = record["measurements"][0]["outcome"]["metrics"]
    true_peak = metrics["peak"]
    metrics["peak"] += 50_000  # a result that this code does not have
    path.write_text(json.dumps(record))
    prose = bench.repository.commit({"README": "2"})
    code, _ = bench.call("run", "--verify-reuse", "1")
    assert code == 3
    assert f"fill at {prose[:10]}: peak is " in bench.stderr
    assert reused(bench) == {}
    assert values(bench, prose)[0]["peak"] == true_peak


def test_nothing_is_reused_over_a_change_of_what_the_build_copied(bench: Workbench) -> None:
    """The run sees nothing of the folder that it was copied from, in which a file is new."""
    (bench.path / "memharness.toml").write_text(METRICS.replace("path", "auto"))
    bench.repository.commit({**IN_TREE_MODULE, "setup.py": "package('assets', 'box_data')", "assets/a.txt": "a" * 9})
    start = bench.commit(module())
    prose = bench.repository.commit({"README": "2"})
    more = bench.repository.commit({"assets/b.txt": "b" * 9})
    later = bench.repository.commit({"README": "3"})
    assert bench.call("run", "--since", start, "-j", "1")[0] == 0
    assert reused(bench) == {prose: start, more: later}


def test_what_native_code_opens_is_an_input_and_what_it_leaves_alone_is_none(bench: Workbench) -> None:
    """OpenSSL reads the file. It may also ask for any name, so a file that is new counts."""
    bench.scenario.write_text(SCENARIO.replace("import box\n", READING).replace("box.fill()", "read()"))
    bench.repository.commit({"data/box.pem": "1" * 5000})
    start = bench.commit(module())
    prose = bench.repository.commit({"README": "2"})
    read = bench.repository.commit({"data/box.pem": "2" * 5000})
    again = bench.repository.commit({"README": "3"})
    new = bench.repository.commit({"data/new.pem": "x"})
    last = bench.repository.commit({"docs/guide.rst": "words"})
    assert bench.call("run", "--since", start, "-j", "1", "--verify-reuse", "1")[0] == 0
    assert reused(bench) == {prose: start, again: read, new: last}, bench.stderr
