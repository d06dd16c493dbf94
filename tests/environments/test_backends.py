"""Builds by the back ends that projects use."""

from pathlib import Path

import pytest

from built_projects import EXTENSION, SETUPTOOLS, BuiltProject, asked, pyproject
from memharness.model.environments import Environment, Interpreter
from memharness.model.measurements import Failed
from repositories import contents

pytestmark = pytest.mark.registry

ORDINARY = {
    "setuptools-src": ("src/", SETUPTOOLS),
    "setuptools-flat": ("", SETUPTOOLS),
    "hatchling": ("src/", pyproject("hatchling", "hatchling.build")),
    "flit": ("", pyproject("flit_core", "flit_core.buildapi")),
    "poetry": ("", pyproject("poetry-core>=2", "poetry.core.masonry.api")),
}


@pytest.mark.parametrize("kind", ORDINARY)
def test_sources_are_swapped_within_one_environment(project: BuiltProject, interpreter: Interpreter, kind: str) -> None:
    prefix, toml = ORDINARY[kind]
    module = f"{prefix}box/__init__.py"
    commits = [
        project.builder.commit({module: "VALUE = 1\n", "pyproject.toml": toml, "tests/test_box.py": ""}),
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


def test_a_project_is_built_in_its_folder_with_the_rest_beside_it(
    project: BuiltProject, interpreter: Interpreter
) -> None:
    setup = "from setuptools import setup\nsetup(name='box', version=open('../VERSION').read(), packages=['box'])\n"
    code = "from importlib.metadata import version\nVALUE = version('box'), {}\n"
    commits = [
        project.builder.commit({"box/__init__.py": code.format(1), "pyproject.toml": SETUPTOOLS}),
        project.builder.commit(
            {
                "box/__init__.py": None,
                "pyproject.toml": None,
                "VERSION": "2.0",
                "web/index.js": "",
                "python/setup.py": setup,
                "python/box/__init__.py": code.format(2),
            }
        ),
        project.builder.commit({"python/box/__init__.py": code.format(3)}),
        project.builder.commit({"python/setup.py": setup.replace("2.0", "3.0") + "# 3\n", "VERSION": "3.0"}),
    ]
    results = project.prepare(asked(interpreter), *commits)
    values = ["('1.0', 1) from tree", "('2.0', 2) from tree", "('2.0', 3) from tree", "('3.0', 3) from tree"]
    assert [value for _, value in results] == values


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
