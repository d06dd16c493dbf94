"""Environments that are built once, and again where a commit differs in what the build took in."""

import shutil
import sys
from pathlib import Path

import pytest

from built_projects import EXTENSION, MINI, BuiltProject, asked, imported, pyproject
from memharness.checkout.lease import lease
from memharness.environments import CheckedOutFiles, provider
from memharness.git.repository import open_repository
from memharness.model.environments import Environment, Install, Interpreter
from memharness.model.measurements import Failed

pytestmark = pytest.mark.usefixtures("offline")


def from_tree(*values: object) -> list[str]:
    return [f"{value} from tree" for value in values]


def test_extension_modules(project: BuiltProject, interpreter: Interpreter) -> None:
    code = "from box._fast import ANSWER\nVALUE = ANSWER, {}\n"
    files = {"src/box/__init__.py": code.format(1), "src/box/_fast.c": EXTENSION, "pyproject.toml": MINI}
    included = '#include "answer.tab"' + EXTENSION.replace("42", "MADE")
    commits = [
        project.builder.commit(files | {"setup.py": "compile('src/box/_fast.c', 'box/_fast')\n"}),
        project.builder.commit({"src/box/__init__.py": code.format(2)}),
        project.builder.commit({"src/box/_fast.c": included, "src/box/answer.tab": "#define MADE 43\n"}),
        project.builder.commit({"src/box/answer.tab": "#define MADE 44\n", "src/box/other.tab": ""}),
        project.builder.commit({"src/box/_fast.c": '#include "missing.h"\n'}),
    ]
    results = project.prepare(asked(interpreter), *commits)
    assert [value for _, value in results] == [*from_tree((42, 1), (42, 2), (43, 2), (44, 2)), "not built"]
    failed = results[4][0]
    assert isinstance(failed, Failed)
    assert (failed.phase, failed.exit_code) == ("build", 1)
    assert failed.reason == "src/box/_fast.c:1:10: fatal error: missing.h: No such file or directory"
    assert 0 < len(failed.output) <= 20
    assert str(project.cache) not in "\n".join(failed.output)
    assert project.prepare(asked(interpreter), commits[4]) == [(failed, "not built")]  # built again: the same log


def test_python_sources_that_the_build_compiles_or_copies(project: BuiltProject, interpreter: Interpreter) -> None:
    """A compiled module wins over its source: an environment must not outlive a change of that source."""
    setup = (
        "from pathlib import Path\n"
        f"code = {EXTENSION!r}.replace('42', Path('box/_fast.py').read_text().split()[-1])\n"
        "Path('box/_made.c').write_text(code)\n"
        "compile('box/_made.c', 'box/_fast')\npackage('vendor/vendored', 'box/vendored')\n"
    )
    code = "from box._fast import ANSWER\nfrom box.vendored.thing import THING\nVALUE = ANSWER, THING, {}\n"
    files = {"box/__init__.py": code.format(1), "box/_fast.py": "ANSWER = 7\n", "setup.py": setup}
    files |= {"vendor/vendored/__init__.py": "", "vendor/vendored/thing.py": "THING = 'a'\n", "pyproject.toml": MINI}
    commits = [
        project.builder.commit(files),
        project.builder.commit({"box/__init__.py": code.format(2)}),
        project.builder.commit({"box/_fast.py": "ANSWER = 8\n"}),
        project.builder.commit({"vendor/vendored/thing.py": "THING = 'b'\n"}),
    ]
    results = project.prepare(asked(interpreter), *commits, commits[0])
    values = ((7, "a", 1), (7, "a", 2), (8, "a", 2), (8, "b", 2), (7, "a", 1))
    assert [value for _, value in results] == from_tree(*values)
    built = [environment for environment, _ in results if isinstance(environment, Environment)]
    assert len({environment.key for environment in built}) == 3
    assert "box/*" in built[0].frozen  # a module that is new there may be compiled too


# Where the project says what it needs of the tree. An editable one would be a link to what is gone after the build.
LOCAL = {
    "path": '[tool.uv.sources]\ncore = { path = "libs/core", editable = true }\n',
    "workspace": '[tool.uv]\nsources.core.workspace = true\nworkspace.members = ["libs/*"]\n',
}


@pytest.mark.parametrize("kind", LOCAL)
def test_other_projects_of_the_tree_follow_the_commit(
    project: BuiltProject, interpreter: Interpreter, kind: str
) -> None:
    """Also those that these need in turn. What nothing needs is left out, and the project's own sources are swapped."""
    needs = 'dependencies = ["core"]\n'
    inner = "[tool.uv.sources.base]\n" + ("workspace = true\n" if kind == "workspace" else 'path = "../base"\n')
    code = "from core import BASE, CORE\nVALUE = CORE, BASE, {}\n"
    files = {
        "pyproject.toml": MINI + needs + LOCAL[kind],
        "src/box/__init__.py": code.format(1),
        "libs/core/pyproject.toml": MINI.replace("box", "core") + needs.replace("core", "base") + inner,
        "libs/core/src/core/__init__.py": "from base import BASE\nCORE = 1\n",
        "libs/base/pyproject.toml": MINI.replace("box", "base"),
        "libs/base/src/base/__init__.py": "BASE = 1\n",
        "libs/other/pyproject.toml": MINI.replace("box", "other"),
        "libs/other/src/other/__init__.py": "",
    }
    inside = "libs/base/src/base/__init__.py"
    commits = [
        project.builder.commit(files),
        project.builder.commit({"libs/core/src/core/__init__.py": "from base import BASE\nCORE = 2\n"}),
        project.builder.commit({"libs/other/src/other/__init__.py": "OTHER = 1\n"}),
        project.builder.commit({"src/box/__init__.py": code.format(2)}),
        project.builder.commit({"libs/base/src/base/new.py": "BASE = 2\n", inside: "from base.new import *\n"}),
    ]
    results = project.prepare(asked(interpreter), *commits, commits[0])
    values = ((1, 1, 1), (2, 1, 1), (2, 1, 1), (2, 1, 2), (2, 2, 2), (1, 1, 1))
    assert [value for _, value in results] == from_tree(*values)
    environments = [environment for environment, _ in results if isinstance(environment, Environment)]
    assert len({environment.key for environment in environments}) == 3
    assert {"libs/base/", "libs/core/"} <= set(environments[0].frozen)
    assert not any(path.startswith(("libs/other", "src/")) for path in environments[0].frozen)
    assert environments[0].facts.packages == {}  # they belong to the commit


def test_data_of_another_folder_follows_the_commit(project: BuiltProject, interpreter: Interpreter) -> None:
    """What was copied tells the folder that it came from, where nothing that can be read says so."""
    setup = "package(chr(97), 'box-1.0.data/data/share/box')\n"
    code = "import os, sys\nVALUE = sorted(os.listdir(os.path.dirname(sys.executable) + '/../share/box')), 1\n"
    files = {"pyproject.toml": MINI, "setup.py": setup, "src/box/__init__.py": code, "a/1.txt": "one"}
    commits = [
        project.builder.commit(files),
        project.builder.commit({"src/box/__init__.py": code.replace(", 1", ", 2")}),
        project.builder.commit({"a/2.txt": "two"}),
        project.builder.commit({"a/1.txt": None, "a/3.txt": "one"}),
    ]
    results = project.prepare(asked(interpreter), *commits)
    values = ((["1.txt"], 1), (["1.txt"], 2), (["1.txt", "2.txt"], 2), (["2.txt", "3.txt"], 2))
    assert [value for _, value in results] == from_tree(*values)
    assert [environment.frozen for environment, _ in results if isinstance(environment, Environment)] == [("a/",)] * 4


def test_a_source_that_the_build_rewrites(project: BuiltProject, interpreter: Interpreter) -> None:
    """As versioneer does: the checkout has what was built, and its own file again for the next environment.

    A file that the build makes where there is none is the commit's own as soon as it has one.
    """
    setup = (
        "files['box/_v.py'] = files['box/_v.py'].replace(b'plain', b'built')\nfiles.setdefault('box/_w.py', b'W = 0')\n"
    )
    code = "from box._v import VALUE\nfrom box._w import W\nVALUE += W,\n"
    files = {"box/__init__.py": code, "box/_v.py": "VALUE = 'plain', 1\n", "setup.py": setup, "pyproject.toml": MINI}
    commits = [
        project.builder.commit(files),
        project.builder.commit({"box/_v.py": "VALUE = 'plain', 2\n"}),
        project.builder.commit({"box/_w.py": "W = 3\n"}),
    ]
    values = project.values(asked(interpreter), *commits)
    assert values == from_tree(("built", 1, 0), ("built", 2, 0), ("built", 2, 3))


def test_the_import_root_moves_within_a_history(project: BuiltProject, interpreter: Interpreter) -> None:
    commits = [
        project.builder.commit({"box/__init__.py": "VALUE = 1\n", "pyproject.toml": MINI}),
        project.builder.commit({"box/__init__.py": None, "src/box/__init__.py": "VALUE = 2\n"}),
    ]
    assert project.values(asked(interpreter), *commits) == from_tree(1, 2)


def test_what_can_be_imported_is_what_the_build_installs(project: BuiltProject, interpreter: Interpreter) -> None:
    listed = MINI + '[tool.setuptools]\npackages = ["box", "tools"]\npy-modules = ["extra"]\n'
    strays = ["random.py", "json/__init__.py", "tests/__init__.py", "other/__init__.py", "notes/a.py"]
    files = {"box/__init__.py": "VALUE = 1\n", "tools/__init__.py": "", "extra.py": "", "pyproject.toml": listed}
    commit = project.builder.commit({**dict.fromkeys(strays, ""), **files})
    for install in ("auto", "wheel"):
        ((environment, value),) = project.prepare(asked(interpreter, install), commit)
        assert isinstance(environment, Environment)
        assert (environment.packages, value.partition(" ")[0]) == (("box", "extra", "tools"), "1")
    (environment,) = project.built(asked(interpreter, "path"), commit)
    assert environment.packages == ("box", "extra", "notes", "other", "tests", "tools")


def test_scripts_do_not_stand_for_dependencies(project: BuiltProject, interpreter: Interpreter) -> None:
    strays = ["six.py", "notes.py"]  # one of them is called like a dependency
    files = {**dict.fromkeys(strays, ""), "box/__init__.py": "VALUE = 1\n", "pyproject.toml": MINI}
    (environment,) = project.built(asked(interpreter, "path", "six"), project.builder.commit(files))
    assert environment.packages == ("box", "notes")


def test_a_namespace_that_the_build_makes_has_no_init(project: BuiltProject, interpreter: Interpreter) -> None:
    files = {"box/__init__.py": "1 / 0\n", "box/a.py": "", "pyproject.toml": MINI}
    files["setup.py"] = "del files['box/__init__.py']\n"
    (environment,) = project.built(asked(interpreter), project.builder.commit(files))
    assert (environment.packages, environment.namespaces) == (("box",), ("box",))


def test_the_build_shows_where_the_packages_lie(project: BuiltProject, interpreter: Interpreter) -> None:
    setup = "import os\npackage(os.path.join('a', 'b', 'box'), 'box')\n"
    files = {"a/b/box/__init__.py": "VALUE = 1\n", "setup.py": setup, "c/d.py": ""}
    files["pyproject.toml"] = MINI.replace('"box"', '"crate"')
    commits = [project.builder.commit(files), project.builder.commit({"a/b/box/__init__.py": "VALUE = 2\n"})]
    results = project.prepare(asked(interpreter), *commits)
    assert [value for _, value in results] == from_tree(1, 2)
    environment = results[0][0]
    assert isinstance(environment, Environment)
    assert (environment.import_root, environment.generated) == ("a/b", {})


def test_a_project_is_built_in_its_folder_with_the_rest_beside_it(
    project: BuiltProject, interpreter: Interpreter
) -> None:
    setup = "project['version'] = open('../VERSION').read()\n"
    code = "from importlib.metadata import version\nVALUE = version('box'), {}\n"
    inner = {"python/pyproject.toml": pyproject("mini", "mini", version='dynamic = ["version"]')}
    inner |= {"VERSION": "2.0", "web/index.js": "", "python/setup.py": setup, "python/box/__init__.py": code.format(2)}
    commits = [
        project.builder.commit({"box/__init__.py": code.format(1), "pyproject.toml": MINI}),
        project.builder.commit({"box/__init__.py": None, "pyproject.toml": None, **inner}),
        project.builder.commit({"python/box/__init__.py": code.format(3)}),
        project.builder.commit({"python/setup.py": f"{setup}# 3\n", "VERSION": "3.0"}),
    ]
    values = project.values(asked(interpreter), *commits)
    assert values == from_tree(("1.0", 1), ("2.0", 2), ("2.0", 3), ("3.0", 3))


def test_wheels_are_measured_as_installed(project: BuiltProject, interpreter: Interpreter) -> None:
    tracked = f"box/__pycache__/__init__.{sys.implementation.cache_tag}.pyc"
    commits = [
        project.builder.commit({"box/__init__.py": "VALUE = 1\n", "pyproject.toml": MINI, tracked: b"stale"}),
        project.builder.commit({"box/__init__.py": "VALUE = 2\n"}),
    ]
    results = project.prepare(asked(interpreter, "wheel"), *commits)
    assert [value for _, value in results] == ["1 from site-packages", "2 from site-packages"]
    first, second = (environment for environment, _ in results if isinstance(environment, Environment))
    assert second.origin == second.site_paths[0]
    assert first.key != second.key


def test_dependencies_without_a_build(project: BuiltProject, interpreter: Interpreter) -> None:
    commit = project.builder.commit({"box/__init__.py": "import dep\nVALUE = 1\n", "pyproject.toml": MINI})
    ((environment, value),) = project.prepare(asked(interpreter, "path", "dep==1.0"), commit)
    assert isinstance(environment, Environment)
    assert environment.facts.packages == {"dep": "1.0"}
    assert value == "1 from tree"


def test_what_is_installed_under_another_name_is_measured_as_installed(
    project: BuiltProject, interpreter: Interpreter
) -> None:
    renamed = '[tool.setuptools]\npackages = ["box"]\n[tool.setuptools.package-dir]\nbox = "code"\n'
    files = {"code/__init__.py": "VALUE = 1\n", "other/__init__.py": "", "pyproject.toml": MINI + renamed}
    commits = [
        project.builder.commit(files),
        project.builder.commit({"code/__init__.py": "from box.more import VALUE\n", "code/more.py": "VALUE = 2\n"}),
    ]
    values = project.values(asked(interpreter), *commits)
    assert values == ["1 from site-packages", "2 from site-packages"]


@pytest.mark.parametrize("install", ["auto", "wheel"])
def test_few_environments_stay_however_often_the_build_changes(
    project: BuiltProject, interpreter: Interpreter, install: Install
) -> None:
    commits = [project.builder.commit({"box/__init__.py": "VALUE = 1\n", "pyproject.toml": MINI})]
    commits += [project.builder.commit({"setup.py": f"# {number}\n"}) for number in range(3)]
    project.keep = 2
    built = project.built(asked(interpreter, install), *commits, commits[2])
    assert len({environment.key for environment in built}) == 4
    assert project.environments() == sorted(f"{install}-{environment.key}" for environment in built[2:4])


def test_projects_share_no_environment_and_find_their_own_again(tmp_path: Path, interpreter: Interpreter) -> None:
    files = {"box/__init__.py": "VALUE = 1\n", "pyproject.toml": MINI}
    one, other = BuiltProject(tmp_path / "one"), BuiltProject(tmp_path / "other")
    other.cache = one.cache
    first, second = one.builder.commit(files), other.builder.commit(files)
    assert first == second  # of the same files, at the same time
    made = [project.built(asked(interpreter), first)[0].key for project in (one, other)]
    shutil.rmtree(one.builder.path)
    again = BuiltProject(tmp_path / "one")
    again.cache = one.cache
    again.builder.commit(files)
    assert made[0] != made[1]
    assert again.built(asked(interpreter), first)[0].key == made[0]
    assert len(one.environments()) == 2


def test_a_killed_build_is_made_again(project: BuiltProject, interpreter: Interpreter) -> None:
    commit = project.builder.commit({"box/__init__.py": "VALUE = 1\n", "pyproject.toml": MINI})
    (environment,) = project.built(asked(interpreter), commit)
    folder = project.cache / "environments" / f"auto-{environment.key}"
    (folder / "environment.json").unlink()
    (folder / "pyvenv.cfg").write_text("half")
    assert project.prepare(asked(interpreter), commit) == [(environment, "1 from tree")]


def test_an_environment_that_lost_a_part_is_made_again(project: BuiltProject, interpreter: Interpreter) -> None:
    commit = project.builder.commit({"box/__init__.py": "import dep\nVALUE = 1\n"})
    spec = asked(interpreter, "path", "dep==1.0")
    repository = open_repository(str(project.builder.path), project.cache)
    environments = provider("path", project.cache, project=repository.common_dir, keep=1)
    with lease(repository, project.cache) as slot:
        files = CheckedOutFiles.of(slot.checkout(commit), {})
        with environments.prepare(spec, files) as whole:
            assert isinstance(whole, Environment)
        for part in ("bin", "lib", "."):
            shutil.rmtree(project.cache / "environments" / f"path-{whole.key}" / part)
            with environments.prepare(spec, files) as again:
                assert again == whole
                assert imported(whole, slot, ".") == "1 from tree"
