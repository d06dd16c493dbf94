"""Installed files are taken out with what belongs to them alone."""

from pathlib import Path

import pytest

from memharness.environments.installed import take_out
from repositories import contents


@pytest.mark.parametrize("name", ["a[1]", "plain"])
def test_byte_code_leaves_with_its_module_alone(tmp_path: Path, name: str) -> None:
    for path in ("box/a1.py", f"box/{name}.py", "box/__pycache__/a1.cpython-311.pyc"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / f"box/__pycache__/{name}.cpython-311.pyc").touch()
    take_out(tmp_path, (f"box/{name}.py",), into=None)
    assert sorted(contents(tmp_path)) == ["box/__pycache__/a1.cpython-311.pyc", "box/a1.py"]
