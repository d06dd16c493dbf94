"""Providers where nothing is built, and the families that environments are named by."""

import sys

import pytest

from built_projects import BuiltProject, asked
from memharness.environments import find_interpreter
from memharness.model.environments import Environment, EnvironmentFacts, Install, Interpreter


def test_families() -> None:
    """Builds of one version differ in memory, and so do two existing environments of one interpreter."""
    facts = {"version": "3.13.0", "implementation": "cpython", "cache_tag": "cpython-313"}
    plain = Interpreter(path="/a/python", **facts)
    free = Interpreter(path="/a/python3t", abiflags="t", **facts)
    moved = Interpreter(path="/b/python", **facts)
    assert [asked(python).family for python in (plain, free, moved)] == [
        "cpython-3.13.0-auto",
        "cpython-3.13.0t-auto",
        "cpython-3.13.0-auto",
    ]
    families = [asked(python, "existing").family for python in (plain, moved)]
    assert [family.rpartition("-")[0] for family in families] == ["cpython-3.13.0-existing"] * 2
    assert len(set(families)) == 2
    assert asked(plain, "existing", "numpy").family not in families


@pytest.mark.parametrize("install", ["auto", "wheel", "path"])
def test_nothing_to_install_takes_the_interpreter_as_it_is(
    project: BuiltProject, interpreter: Interpreter, install: Install
) -> None:
    commit = project.builder.commit({"box/__init__.py": "VALUE = 1\n", "pyproject.toml": "[tool.black]\n"})
    ((environment, value),) = project.prepare(asked(interpreter, install), commit)
    assert isinstance(environment, Environment)
    facts = EnvironmentFacts(
        family=f"cpython-{interpreter.version}-{install}",
        python=interpreter.version,
        implementation="cpython",
        install=install,
    )
    assert environment == Environment(
        key=environment.key,
        facts=facts,
        python=interpreter.path,
        cache_tag=interpreter.cache_tag,
        packages=("box",),
    )
    assert value == "1 from tree"
    assert not (project.cache / "environments").exists()


def test_existing_keeps_its_packages(project: BuiltProject) -> None:
    here = find_interpreter(sys.executable)
    commit = project.builder.commit(
        {"box/__init__.py": "VALUE = 1\n", "pyproject.toml": '[project]\nname = "GitPython"\n'}
    )
    ((environment, value),) = project.prepare(asked(here, "existing"), commit)
    assert isinstance(environment, Environment)
    assert environment.python == sys.executable
    assert [path for path in environment.site_paths if path in sys.path]
    assert "msgspec" in environment.facts.packages
    assert "gitpython" not in environment.facts.packages  # the project itself
    assert value == "1 from tree"
