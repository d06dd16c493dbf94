"""What `memharness init --from-asv` takes over of an asv.conf.json."""

from pathlib import Path

import pytest

from memharness.errors import MemharnessError
from memharness.workloads.asv_configuration import convert, find_configuration

WHOLE = """{
    // everything that has a counterpart, and much that has none
    "version": 1,
    "repo": "..",
    "repo_subdir": "python",
    "branches": ["main"],
    "pythons": ["3.10", "3.11"],
    "environment_type": "conda",
    "build_command": ["make cython", "python -m pip wheel -w {build_cache_dir} {build_dir}", "cp {conf_dir}/x y"],
    "install_command": ["pip install {wheel_file}"],
    "install_timeout": 1200,
    "default_benchmark_timeout": 90.5,
    "matrix": {
        "req": {"numpy": ["1.26", "2.0"], "pip+six": [], "old": [null], "pandas": [""], "scipy": ">=1.0"},
        "env": {"MODE": "test"},
    },
    "benchmark_dir": "suite",
}"""


def test_what_has_a_counterpart_is_taken_over_and_the_rest_named(tmp_path: Path) -> None:
    (tmp_path / "asv.conf.json").write_text(WHOLE)
    found = convert(find_configuration(tmp_path, ""))
    assert (found.repo, found.pythons) == ("..", ("3.10", "3.11"))
    assert found.settings == {
        "environment.dependencies": ["numpy==2.0", "six", "pandas", "scipy>=1.0"],
        "environment.variables": {"MODE": "test"},
        "environment.before-build": "make cython",
        "environment.build-timeout": "1200s",
        "run.timeout": "90.5s",
        "project.directory": "python",
    }
    assert [note.partition(":")[0] for note in found.notes] == [
        "install_command is not taken over",
        "numpy",
        "the variables of the matrix are set for the measured code, not for its build",
        "build_command is not taken over in part",
        "environment_type conda is not taken over",
        "branches",
    ]


def test_a_matrix_of_former_versions_is_of_requirements(tmp_path: Path) -> None:
    (tmp_path / "asv.conf.json").write_text('{"matrix": {"numpy": [], "six": ["1.0", null]}}')
    found = convert(tmp_path / "asv.conf.json")
    assert found.settings == {"environment.dependencies": ["numpy"]}
    assert found.notes == (
        "six: of 1.0, none the last was taken, as memharness measures with one list of dependencies",
    )


@pytest.mark.parametrize("text", ["{", "[]", "\0"])
def test_what_is_no_configuration_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "asv.conf.json").write_text(text)
    with pytest.raises(MemharnessError, match=r"asv\.conf\.json: "):
        convert(tmp_path / "asv.conf.json")


def test_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(MemharnessError, match=r"no asv\.conf\.json"):
        find_configuration(tmp_path, "")
