"""Addresses of tests: what is copied for them, and what is told to pytest."""

from pathlib import Path

import pytest

from memharness.config.configuration import load_config
from memharness.errors import MemharnessError
from memharness.workloads.pytest_tests import find_tests
from memharness.workloads.suite_files import SuiteFiles
from repositories import RepositoryBuilder

FILES = {
    "conftest.py": "",
    "pyproject.toml": "",
    "box/__init__.py": "",
    "box/core.py": "",
    "checks/unit/test_core.py": "",
    "checks/conftest.py": "",
    "tests/conftest.py": "",
    "tests/data/one.txt": "",
    "tests/unit/__init__.py": "",
    "tests/unit/test_box.py": "",
    "test_root.py": "",
}


@pytest.fixture
def project(builder: RepositoryBuilder) -> Path:
    builder.commit(FILES, "begin")
    return builder.path


def find(project: Path, text: str) -> SuiteFiles:
    (workload,) = load_config(project, environment={}, addresses=[f"pytest:{text}"]).workloads
    return find_tests(workload, text)


@pytest.mark.parametrize("text", ["tests/unit/test_box.py::test_a", "tests/unit", "tests"])
def test_the_whole_folder_of_tests_is_copied_with_what_pytest_reads_above(project: Path, text: str) -> None:
    below = ("tests/conftest.py", "tests/data/one.txt", "tests/unit/__init__.py", "tests/unit/test_box.py")
    assert find(project, text).files == ("conftest.py", "pyproject.toml", *below)


def test_tests_in_no_such_folder_come_with_their_own(project: Path) -> None:
    files = ("checks/conftest.py", "checks/unit/test_core.py", "conftest.py", "pyproject.toml")
    assert find(project, "checks/unit").files == files
    assert find(project, "test_root.py").files == ("conftest.py", "pyproject.toml", "test_root.py")


def test_options_are_told_apart_as_a_shell_would(project: Path) -> None:
    found = find(project / "tests", "unit/test_box.py::TestBox::test_a -k 'a or b' --size=1 -p plug")
    assert found.target == {
        "below": "scenarios",
        "paths": ("tests/unit/test_box.py::TestBox::test_a",),
        "selection": ("-k", "a or b"),
        "options": ("--size=1", "-p", "plug"),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", '-w pytest:: "" names no tests'),
        ("-k parse", '-w pytest:-k parse: "-k parse" names no tests'),
        ("tests -k", '-w pytest:tests -k: "tests -k" names no tests'),
        ("'tests", "-w pytest:'tests: \"'tests\" names no tests"),
        ("none", "-w pytest:none: there are no tests {project}/none"),
        ("..", "-w pytest:..: there are no tests {parent}"),
    ],
)
def test_what_names_no_tests_is_an_error(project: Path, text: str, message: str) -> None:
    with pytest.raises(MemharnessError) as caught:
        find(project, text)
    assert caught.value.message == message.format(project=project, parent=project.parent)


def test_the_place_of_tests_is_one_of_two(project: Path) -> None:
    (project / "memharness.toml").write_text('[workloads]\na = { address = "pytest:tests", at = "head" }\n')
    with pytest.raises(MemharnessError, match="'head' is no place of tests"):
        load_config(project, environment={})
