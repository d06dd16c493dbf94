"""Workloads without a scenario file, measured at real commits."""

import pytest

from workbench import LEAK, Workbench, module

ASYNC = "\n\nasync def serve():\n    return fill()\n"


def test_a_function_and_a_coroutine_function(quick: Workbench) -> None:
    quick.scenario.unlink()
    quick.commit(module() + ASYNC)
    quick.commit(module(size=300_000) + ASYNC)
    code, report = quick.call_json("run", "-w", "call:box:fill", "-w", "call:box:serve")
    assert code == 1
    assert {(c["case"], c["metric"]) for c in report["changes"]} >= {
        ("call:box:fill", "result"),
        ("call:box:serve", "result"),
    }
    (fill,) = (c for c in report["changes"] if (c["case"], c["metric"]) == ("call:box:fill", "result"))
    assert fill["after"] - fill["before"] == 200_000
    assert [(line["path"], line["changed_here"]) for line in fill["blame"]] == [("box.py", True)]
    code, again = quick.call_json("check", "-w", "call:box:fill", "-w", "call:box:serve")
    assert (code, again["changes"]) == (1, report["changes"])
    code, answer = quick.call_json("run")
    assert (code, answer["error"]["message"]) == (2, f"{quick.scenario.parent}: no scenarios")


def test_workloads_of_the_configuration_stand_beside_scenario_files(bench: Workbench) -> None:
    text = (bench.path / "memharness.toml").read_text()
    (bench.path / "memharness.toml").write_text(
        f'{text}[workloads]\nagain = {{ address = "call:box:fill", calls = 15 }}\n'
    )
    bench.commit(module())
    bench.commit(module(kept=LEAK))
    code, report = bench.call_json("run")
    assert code == 1
    assert {c["case"] for c in report["changes"] if c["metric"] == "growth"} == {"fill", "again"}
    assert bench.call("list")[1] == "fill  \nagain  calls box.fill()\n"
    bench.scenario.unlink()
    assert bench.call("list")[1] == "again  calls box.fill()\n"


def test_scripts_of_the_commit_and_from_beside_the_repository(quick: Workbench) -> None:
    script = "import sys, box\nopen(__file__).close()\nassert __name__ == '__main__'\n"
    call = "kept = [box.fill() for _ in range(int(sys.argv[1]))]\nsys.exit()\n"
    quick.repository.commit({"box.py": module(), "bench/run.py": script + call}, "begin")
    quick.repository.commit({"bench/run.py": script + call.replace("sys.argv[1])", "sys.argv[1]) + 1")}, "more")
    outside = quick.path.parent / "outside"
    outside.mkdir()
    (outside / "fixed.py").write_text("import beside\nbeside.go()\n")
    (outside / "beside.py").write_text("import box\ndef go(): box.fill()\n")
    code, report = quick.call_json("run", "-w", "script:bench/run.py 2", "-w", "script:../outside/fixed.py")
    peaks = {row["case"]: row["first"] for row in report["series"] if row["metric"] == "peak"}
    assert report["failures"] == []
    assert code == 1
    assert 200_000 < peaks["script:bench/run.py 2"] < 250_000
    assert 100_000 < peaks["script:../outside/fixed.py"] < 150_000
    (change,) = (c for c in report["changes"] if c["metric"] == "peak")
    assert (change["case"], change["blame"][0]["path"]) == ("script:bench/run.py 2", "box.py")


LEAVES = "import sys\ndef some():\n    yield\nif __name__ == '__main__':\n    sys.exit(3)\n"
KINDS = """
import functools

def wrapped(function):
    @functools.wraps(function)
    def call(*args):
        return function(*args)
    return call

class Server:
    async def serve(self):
        return fill()

    async def __call__(self):
        return fill()

    fill = staticmethod(fill)

server = Server()
again = wrapped(server.serve)
some = functools.partial(server.serve)
"""


def test_whatever_makes_a_coroutine_is_run(quick: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMHARNESS_METRICS", "result,import")
    quick.commit(module() + KINDS)
    names = ("server", "server.serve", "again", "some", "Server.fill")
    code, report = quick.call_json("run", *(word for name in names for word in ("-w", f"call:box:{name}")))
    results = {row["case"]: row["last"] for row in report["series"] if row["metric"] == "result"}
    assert (code, report["failures"]) == (0, [])
    assert results == dict.fromkeys([f"call:box:{name}" for name in names], results["call:box:Server.fill"])
    assert results["call:box:server"] > 100_000
    imported = [row["last"] for row in report["series"] if row["metric"] == "import"]
    assert max(imported) < 100_000  # asyncio is not among it


def test_a_script_that_extends_the_path_does_not_leak(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMHARNESS_METRICS", "growth")
    script = "import sys\nsys.path.insert(0, f'{sys.path[0]}/below')\nimport box\nbox.fill()\n"
    bench.repository.commit({"box.py": module(), "bench/run.py": script}, "begin")
    code, report = bench.call_json("run", "-w", "script:bench/run.py")
    assert (code, report["failures"]) == (0, [])
    assert [row["last"] for row in report["series"]] == [0]


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("call:box:nothing", "AttributeError: module 'box' has no attribute 'nothing'"),
        ("call:nowhere:fill", "ModuleNotFoundError: No module named 'nowhere'"),
        ("call:leaves:some", "TypeError: some is a generator, and calling it runs nothing"),
        ("script:leaves.py", "SystemExit: 3"),
    ],
)
def test_what_fails_has_a_reason(quick: Workbench, address: str, reason: str) -> None:
    quick.repository.commit({"box.py": module(), "leaves.py": LEAVES}, "begin")
    code, report = quick.call_json("run", "-w", address)
    assert (code, [failure["reason"] for failure in report["failures"]]) == (3, [reason])
