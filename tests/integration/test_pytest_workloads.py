"""Tests of a project, measured as they are."""

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
    assert "1 case skipped" in notices
    assert "pytest:tests/test_box.py::test_skip: not today" in notices

    code, listed = suite.call("list", "-w", "pytest:tests")
    assert code == 0
    assert "pytest:tests/test_box.py::test_fill[1000]" in listed
    assert "limit_memory('1 MB') is no limit here" in listed
