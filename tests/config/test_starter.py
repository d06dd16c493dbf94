import re
import subprocess
import sys
from pathlib import Path

import pytest

from memharness.analyse.steps import RELATIVE, RELATIVE_OF
from memharness.config.configuration import KEYS, load_config
from memharness.config.starter import Starter, write_starter
from memharness.errors import MemharnessError
from memharness.model.metrics import COMMON, METRICS
from memharness.scenarios import load_scenarios


def test_the_configuration_is_the_default_one(tmp_path: Path) -> None:
    default = load_config(tmp_path, environment={})
    files = write_starter(
        tmp_path, Starter(import_root="src", packages=("wastebox",), python=default.environment.python[0])
    )
    assert files == (tmp_path / "memharness.toml", tmp_path / "scenarios" / "first_workload.py")
    written = load_config(tmp_path, environment={})
    assert written.source == files[0]
    assert (written.project, written.environment) == (default.project, default.environment)
    assert (written.run, written.thresholds, written.publish) == (default.run, default.thresholds, default.publish)


def test_the_default_of_relative_is_told_for_each_metric(tmp_path: Path) -> None:
    file, _ = write_starter(tmp_path, Starter(import_root="src", packages=(), python="3.11"))
    (line,) = (line for line in file.read_text().splitlines() if line.startswith("# relative"))
    for metric, share in RELATIVE_OF.items():
        assert metric in line
        assert f"{share:.0%}" in line
    assert f'"{RELATIVE:.0%}"' in line


def test_every_key_is_shown_with_its_default(tmp_path: Path) -> None:
    file, _ = write_starter(tmp_path, Starter(import_root="src", packages=(), python="3.11"))
    default = load_config(tmp_path, environment={})
    shown = re.sub(r"(?m)^# ([a-z_-]+ = )", r"\1", file.read_text())
    file.write_text(shown)
    config = load_config(tmp_path, environment={})
    assert config.project.import_root == "src"
    assert config.environment == default.environment
    for name in ("scenarios", "results", "metrics", "growth_budget", "timeout"):
        assert getattr(config.run, name) == getattr(default.run, name)
    assert config.thresholds.relative == 0.01
    assert config.thresholds.metrics == {name: METRICS[name].floor for name in COMMON if METRICS[name].floor}
    keys = set(re.findall(r"(?m)^([a-z_-]+) =", shown))
    unset = {"absolute", "gc_objects"}  # thresholds without a default
    assert keys == {key.partition(".")[2] for key in KEYS} - unset


@pytest.mark.parametrize("packages", [(), ("wastebox",), ("wastebox", "other")])
def test_the_scenario_runs(tmp_path: Path, packages: tuple[str, ...]) -> None:
    _, file = write_starter(tmp_path, Starter(import_root=".", packages=packages, python="3.11"))
    (scenario,) = load_scenarios(file.parent)
    assert (scenario.name, scenario.params, scenario.run.params) == ("first_workload", {"size": (1000,)}, ("size",))
    (tmp_path / "wastebox.py").write_text("def waste(): ...\n")
    code = "import runpy, sys; f = runpy.run_path(sys.argv[1])['run']; print(len(f(size=3)), 'wastebox' in sys.modules)"
    child = subprocess.run(
        [sys.executable, "-B", "-c", code, str(file)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    names = 9  # dir() of a module with one function
    assert child.stdout == (f"{3 * names} True\n" if packages else "3 False\n")


@pytest.mark.parametrize("taken", ["memharness.toml", "scenarios/first_workload.py"])
def test_nothing_is_overwritten(tmp_path: Path, taken: str) -> None:
    file = tmp_path / taken
    file.parent.mkdir(exist_ok=True)
    file.write_text("mine")
    with pytest.raises(MemharnessError) as caught:
        write_starter(tmp_path, Starter(import_root=".", packages=(), python="3.11"))
    assert (caught.value.message, caught.value.exit_code) == (f"already there: {file}", 2)
    assert caught.value.hint
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [file]
    assert file.read_text() == "mine"


def test_a_configuration_in_pyproject_is_not_shadowed(tmp_path: Path) -> None:
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text("[project]\nname = 'x'\n[tool.memharness.run]\nworkers = 3\n")
    with pytest.raises(MemharnessError) as caught:
        write_starter(tmp_path, Starter(import_root=".", packages=(), python="3.11"))
    assert caught.value.message == f"already there: [tool.memharness] in {pyproject}"
    pyproject.write_text("[project]\nname = 'x'\n")
    assert write_starter(tmp_path, Starter(import_root=".", packages=(), python="3.11"))


def test_an_unwritable_place(tmp_path: Path) -> None:
    (tmp_path / "scenarios").write_text("")
    with pytest.raises(MemharnessError) as caught:
        write_starter(tmp_path, Starter(import_root=".", packages=(), python="3.11"))
    assert caught.value.message == f"{tmp_path / 'scenarios' / 'first_workload.py'}: cannot be written: File exists"
