"""Builds by the back ends that projects use."""

from pathlib import Path

import pytest

from built_projects import EXTENSION, SETUPTOOLS, BuiltProject, asked, pyproject
from memharness.model.environments import Environment, Interpreter
from memharness.model.measurements import Failed
from repositories import contents

pytestmark = pytest.mark.registry

SETUP = """
from setuptools import setup
setup(name="box", version="1.0", packages=["box"], package_dir={"": "src"})
"""
ORDINARY = {
    "setuptools": ("", {"pyproject.toml": SETUPTOOLS}),
    "setup.py alone": ("src/", {"setup.py": SETUP}),
    "hatchling": ("src/", {"pyproject.toml": pyproject("hatchling", "hatchling.build")}),
    "flit": ("", {"pyproject.toml": pyproject("flit_core", "flit_core.buildapi")}),
    "poetry": ("", {"pyproject.toml": pyproject("poetry-core>=2", "poetry.core.masonry.api")}),
}


@pytest.mark.parametrize("kind", ORDINARY)
def test_sources_are_swapped_within_one_environment(project: BuiltProject, interpreter: Interpreter, kind: str) -> None:
    prefix, packaging = ORDINARY[kind]
    module = f"{prefix}box/__init__.py"
    commits = [
        project.builder.commit({module: "VALUE = 1\n", "tests/test_box.py": "", **packaging}),
        project.builder.commit({module: "VALUE = 2\n"}),
        project.builder.commit({module: "raise RuntimeError('broken')\n"}),
    ]
    before = contents(project.builder.path)
    results = project.prepare(asked(interpreter), *commits)
    assert [value for _, value in results] == ["1 from tree", "2 from tree", "RuntimeError: broken"]
    first = results[0][0]
    assert isinstance(first, Environment)
    assert [environment for environment, _ in results] == [first] * 3
    assert first.generated == {}
    assert first.facts.packages == {}
    (site,) = first.site_paths
    assert not (Path(site) / "box").exists()
    assert [path.name for path in Path(site).glob("box*")] == ["box-1.0.dist-info"]
    assert contents(project.builder.path) == before
    assert project.prepare(asked(interpreter), commits[1]) == [(first, "2 from tree")]  # from the cache


GENERATING = {
    "setuptools_scm": ("setuptools_scm setuptools", "setuptools.build_meta", "[tool.setuptools_scm]\nversion_file"),
    "hatch-vcs": (
        "hatch-vcs hatchling",
        "hatchling.build",
        '[tool.hatch]\nversion.source = "vcs"\nbuild.hooks.vcs.version-file',
    ),
}


@pytest.mark.parametrize("kind", GENERATING)
def test_generated_version_files_come_along(project: BuiltProject, interpreter: Interpreter, kind: str) -> None:
    requires, backend, setting = GENERATING[kind]
    toml = pyproject(requires, backend, f'{setting} = "src/box/_version.py"\n', 'dynamic = ["version"]')
    code = "from box._version import version\nVALUE = version, {}\n"
    files = {"src/box/__init__.py": code.format(1), "pyproject.toml": toml, ".gitignore": "_version.py\n"}
    commits = [
        project.builder.commit(files, tag="v1.2"),
        project.builder.commit({"src/box/__init__.py": code.format(2)}),
    ]
    results = project.prepare(asked(interpreter), *commits)
    assert [value for _, value in results] == ["('1.2', 1) from tree", "('1.2', 2) from tree"]
    environment = results[0][0]
    assert isinstance(environment, Environment)
    assert list(environment.generated) == ["src/box/_version.py"]


def test_a_project_of_native_sources_alone(project: BuiltProject, interpreter: Interpreter) -> None:
    setup = "from setuptools import Extension, setup\nsetup(ext_modules=[Extension('box', ['native/part.c'])])\n"
    code = EXTENSION.replace("_fast", "box").replace("ANSWER", "VALUE")
    commit = project.builder.commit({"pyproject.toml": SETUPTOOLS, "setup.py": setup, "native/part.c": code})
    assert [value for _, value in project.prepare(asked(interpreter), commit)] == ["42 from tree"]


def test_failures_are_outcomes(project: BuiltProject, interpreter: Interpreter) -> None:
    commits = [
        project.builder.commit({"box/__init__.py": "", "pyproject.toml": pyproject("setuptools", "no.such.backend")}),
        project.builder.commit({"pyproject.toml": "not toml", "setup.py": ""}),
    ]
    results = [environment for environment, _ in project.prepare(asked(interpreter), *commits)]
    assert [(type(result), getattr(result, "phase", None)) for result in results] == [(Failed, "build")] * 2
    reasons = [result.reason for result in results if isinstance(result, Failed)]
    assert reasons[0].startswith("ModuleNotFoundError: No module named 'no'; ")
    assert any("pyproject.toml" in line for line in getattr(results[1], "output", ()))
    ((missing, _),) = project.prepare(asked(interpreter, "path", "iniconfig==0.0.0.1"), commits[0])
    assert isinstance(missing, Failed)
    assert "iniconfig==0.0.0.1" in "".join(missing.output)
    assert list((project.cache / "environments").glob("*-*/")) == []
