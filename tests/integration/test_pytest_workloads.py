"""Tests of a project, measured as they are."""

import json
import sys

import pytest

from workbench import Workbench, module

TESTS = {
    "conftest.py": "import pytest\n\n@pytest.fixture\ndef block():\n    return bytearray(1_000_000)\n",
    "tests/conftest.py": "import pytest\n\n@pytest.fixture\ndef unused():\n    return 1\n",
    "tests/sizes.py": "SIZES = [1000, 2000]\n",
    "tests/test_box.py": """
import box, pytest
from sizes import SIZES

@pytest.mark.parametrize("size", SIZES)
@pytest.mark.memharness(peak="250 KiB")
def test_fill(size, block, tmp_path):
    \"\"\"Fills.\"\"\"
    block.clear()
    assert len(box.fill()) > size

@pytest.mark.limit_memory("1 MB")
def test_call(benchmark):
    assert benchmark(box.fill)

def test_skip():
    pytest.skip("not today")
""",
    "tests/test_broken.py": "import nowhere\n",
    "tests/test_manual.txt": ">>> 1 + 1\n2\n",
}


@pytest.fixture
def suite(quick: Workbench) -> Workbench:
    """Return a workbench that measures with the environment of the running Python, where pytest is installed."""
    quick.scenario.unlink()
    config = quick.path / "memharness.toml"
    config.write_text(config.read_text().replace('"path"', f'"existing"\npython = ["{sys.executable}"]'))
    return quick


def test_tests_are_measured_unchanged(suite: Workbench) -> None:
    suite.repository.commit({"box.py": module(), **TESTS}, "begin")
    suite.commit(module(size=300_000))
    code, report = suite.call_json("run", "-w", "pytest:tests")
    assert (code, report.get("failures")) == (1, []), report
    (change,) = report["changes"]
    assert (change["case"], change["metric"]) == ("pytest:tests/test_box.py::test_call", "result")
    assert change["after"] - change["before"] == 200_000
    assert change["blame"][0]["path"] == "box.py"
    notices = "\n".join(report["notices"])
    assert "tests/test_broken.py was passed over: ModuleNotFoundError: No module named 'nowhere'" in notices
    assert "test_manual.txt was passed over: it is no function" in notices
    assert "1 case skipped" in notices
    assert "pytest:tests/test_box.py::test_skip: not today" in notices

    code, listed = suite.call("list", "-w", "pytest:tests")
    assert code == 0
    assert "pytest:tests/test_box.py::test_fill[1000]" in listed
    assert "limit_memory('1 MB') is no limit here" in listed


INSIDE = {
    "box/__init__.py": "from .core import fill\n",
    "box/core.py": module(),
    "box/tests/__init__.py": "",
    "box/tests/test_core.py": "from ..core import fill\n\ndef test_fill(benchmark):\n    assert benchmark(fill)\n",
}


def test_tests_inside_the_package_are_those_of_the_commit(suite: Workbench) -> None:
    with (suite.path / "memharness.toml").open("a") as file:
        file.write('[workloads]\ntests = { address = "pytest:box/tests", at = "commit" }\n')
    suite.scenario.parent.rmdir()
    suite.repository.commit(INSIDE, "begin")
    assert suite.call_json("run")[0] == 0
    more = INSIDE["box/tests/test_core.py"] + "\n\ndef test_more(benchmark):\n    assert benchmark(fill)\n"
    suite.repository.commit({"box/core.py": module(size=300_000), "box/tests/test_core.py": more}, "more")
    code, report = suite.call_json("run")
    assert {change["case"] for change in report["changes"]} == {"tests:box/tests/test_core.py::test_fill"}
    assert (code, report["failures"]) == (1, [])
    assert "skipped: the commit has no such test" in suite.call("show", "HEAD~1")[1]


EDITS = {  # of tests/test_box.py unless a file is named: old, new, the tests that it reaches
    "a test": ("> size", ">= size", {"test_fill[1000]", "test_fill[2000]"}),
    "another name beside them": ("import box, pytest", "import box, pytest, os", {"*"}),
    "a comment": ("def test_skip():", "# A comment.\ndef test_skip():", set()),
    "tests/sizes.py": ("2000", "2000, 3000", {"*"}),
    "tests/conftest.py": ("return 1", "return 2", set()),
    "conftest.py": ("1_000_000", "2_000_000", {"test_fill[1000]", "test_fill[2000]"}),
}


@pytest.mark.parametrize("what", EDITS)
def test_an_edit_reaches_the_tests_that_it_may_change(suite: Workbench, what: str) -> None:
    suite.repository.commit({"box.py": module(), **TESTS}, "begin")
    before = listed_identities(suite)
    old, new, reached = EDITS[what]
    file = suite.path / (what if what.endswith(".py") else "tests/test_box.py")
    file.write_text(file.read_text().replace(old, new))
    after = listed_identities(suite)
    changed = {name for name in before if after[name] != before[name]}
    assert changed == (set(before) if reached == {"*"} else {f"tests/test_box.py::{name}" for name in reached})


def listed_identities(suite: Workbench) -> dict[str, str]:
    """Return the identities of all tests; measure only one that is skipped."""
    assert suite.call_json("run", "-w", "pytest:tests", "-k", "test_skip")[0] == 0
    (file,) = suite.results.rglob("listings/*.json")
    cases = json.loads(file.read_text())["listing"]["listed"]["cases"]
    return {case["name"]: case["identity"] for case in cases}


def test_a_test_that_nobody_listed_is_tried_at_once(suite: Workbench) -> None:
    suite.repository.commit({"box.py": module(), **TESTS}, "begin")
    suite.repository.path.joinpath("box.py").write_text(module(size=500_000))
    code, found = suite.call_json("try", "-w", "pytest:tests/test_box.py::test_call")
    (case,) = found["cases"]
    assert (code, case["case"]) == (0, "pytest:tests/test_box.py::test_call")
    assert 500_000 < case["outcome"]["metrics"]["peak"] < 510_000
    code, answer = suite.call_json("try", "-w", "pytest:tests/test_box.py::test_none")
    assert (code, "test_none" in answer["error"]["message"]) == (3, True)


def test_a_doctest_is_passed_over(suite: Workbench) -> None:
    tests = {"tests/test_box.py": 'def test_one():\n    """\n    >>> 1\n    1\n    """\n'}
    suite.repository.commit({"box.py": module(), **tests}, "begin")
    code, listed = suite.call_json("run", "-w", "pytest:tests --doctest-modules")
    assert (code, listed["failures"]) == (0, [])
    assert {row["case"] for row in listed["series"]} == {"pytest:tests/test_box.py::test_one"}
    assert any("it is no function" in notice for notice in listed["notices"])
