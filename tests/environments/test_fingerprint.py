"""Fingerprints: what a build depends on changes them, and nothing else does."""

from collections.abc import Mapping

import pytest

from built_projects import SETUPTOOLS, asked, pyproject
from memharness.environments import CommitFiles
from memharness.environments.fingerprint import fingerprint, path_digests
from memharness.model.environments import EnvironmentSpec, Interpreter
from memharness.model.values import digest
from memharness.packages.layout import locate


def fingerprints(spec: EnvironmentSpec, *changes: Mapping[str, str]) -> list[str]:
    """Return the fingerprints of commits, each of which has the files of the one before it with `changes`."""
    files: dict[str, str] = {}
    found = []
    for change in changes:
        files |= change
        read = {path: text.encode() for path, text in files.items()}.get
        found.append(fingerprint(spec, CommitFiles(ids=dict(files), read=read, layout=locate(files, read))))
    return found


FIRST = {
    "box/__init__.py": "1",
    "pyproject.toml": SETUPTOOLS + "[tool.ruff]\nline-length = 80\n",
    "box/fast.c": "int x;",
    "templates/y.pyx.in": "1",
    "requirements/base.txt": "numpy",
    "README": "1",
}


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"box/__init__.py": "2"}, True),
        ({"README": "2"}, True),
        ({"pyproject.toml": SETUPTOOLS + "[tool.ruff]\nline-length = 90\n# comment\n"}, True),
        ({"pyproject.toml": SETUPTOOLS.replace("1.0", "1.1")}, False),
        ({"pyproject.toml": SETUPTOOLS + "[tool.setuptools]\nzip-safe = false\n"}, False),
        ({"pyproject.toml": "not toml"}, False),
        ({"box/fast.c": "int y;"}, False),
        ({"templates/y.pyx.in": "2"}, False),
        ({"requirements/base.txt": "numpy<2"}, True),
        ({"uv.lock": "", "sub/notes.txt": ""}, True),
        ({"pyproject.toml": SETUPTOOLS + "[dependency-groups]\ndev = []\n"}, True),
        ({"box/conf.toml": "", "docs/requirements.txt": "1"}, True),
        ({"setup.py": ""}, False),
        ({"other/__init__.py": ""}, False),
    ],
)
def test_a_change_counts_by_the_way_of_installing(interpreter: Interpreter, change: dict[str, str], same: bool) -> None:
    auto = fingerprints(asked(interpreter, "auto"), FIRST, change)
    wheel = fingerprints(asked(interpreter, "wheel"), FIRST, change)
    path = fingerprints(asked(interpreter, "path"), FIRST, change)
    assert (auto[0] == auto[1]) is same
    assert wheel[0] != wheel[1]
    assert path[0] == path[1]
    assert len({*auto, *wheel, *path}) == (4 if same else 5)


def test_requirements_count_where_the_build_reads_them(interpreter: Interpreter) -> None:
    reads = '[tool.setuptools.dynamic]\ndependencies = { file = ["requirements/base.txt"] }\n'
    found = fingerprints(
        asked(interpreter),
        {**FIRST, "pyproject.toml": SETUPTOOLS + reads},
        {"requirements/base.txt": "numpy<2"},
        {"pyproject.toml": SETUPTOOLS, "setup.py": "open('requirements/base.txt')"},
        {"requirements/base.txt": "numpy<3"},
    )
    assert len(set(found)) == 4


READS = {
    "deps.txt": '[tool.setuptools.dynamic]\ndependencies = { file = "deps.txt" }\n',
    "meta/about.py": '[tool.hatch.version]\npath = "./meta/about.py"\n',
    "conf/data.ini": '[tool.hatch.build.targets.wheel.force-include]\n"conf/data.ini" = "box/data.ini"\n',
}


@pytest.mark.parametrize("path", READS)
def test_files_that_the_build_is_pointed_to_count(interpreter: Interpreter, path: str) -> None:
    first = {**FIRST, path: "1", "pyproject.toml": SETUPTOOLS}
    pointing = {"pyproject.toml": SETUPTOOLS + READS[path]}
    plain, same, pointed, changed = fingerprints(asked(interpreter), first, {path: "2"}, pointing, {path: "3"})
    assert plain == same
    assert pointed != changed


def test_files_that_setup_cfg_and_setup_py_use_count(interpreter: Interpreter) -> None:
    cfg = "[metadata]\nlong_description = file: docs/a.rst\nversion = file: VERSION\n[options]\n"
    cfg += "install_requires = file: deps.txt, more.txt\n[flake8]\nexclude = lint.txt\n"
    first = dict.fromkeys(("VERSION", "deps.txt", "more.txt"), "1")
    found = fingerprints(
        asked(interpreter),
        {"setup.cfg": cfg, **first, **dict.fromkeys(("box/__init__.py", "docs/a.rst", "licenses.py"), "")},
        {"docs/a.rst": "1", "lint.txt": "1", "README": "1", "licenses.py": "1"},
        {"VERSION": "2"},
        {"deps.txt": "2"},
        {"more.txt": "2"},
        {"setup.py": "import licenses"},
        {"licenses.py": "2"},
        {"docs/conf.py": "1"},
    )
    assert [found.index(each) for each in found] == [0, 0, 2, 3, 4, 5, 6, 6]


def test_prose_does_not_count(interpreter: Interpreter) -> None:
    toml = pyproject("hatchling", "hatchling.build", 'readme = "docs/pypi.md"\nlicense = { file = "TERMS" }\n')
    toml += '[tool.hatch.build.targets.sdist]\ninclude = ["/box", "/README.md"]\n'
    prose = ("docs/pypi.md", "TERMS", "README.md")
    first = {"box/__init__.py": "", "pyproject.toml": toml} | dict.fromkeys(prose, "1")
    assert len(set(fingerprints(asked(interpreter), first, dict.fromkeys(prose, "2")))) == 1


def test_names_of_modules_beside_compiled_ones() -> None:
    paths = ["a.py", "box/a.py", "box/b/c.py", "box/d.txt", "boxes/e.py"]
    files = dict.fromkeys(paths, "1")
    before = path_digests(files, ["box/*", "*"])
    changed = path_digests(files | {"box/a.py": "2", "box/e.txt": "1", "box/b/d.py": "1", "boxes/f.py": "1"}, before)
    assert changed == before
    assert path_digests(files | {"box/e.py": "1"}, before) == before | {"box/*": digest(["a.py", "b", "e.py"], 32)}
    added = path_digests(files | {"b.py": "1"}, before)
    assert added == before | {"*": digest(["a.py", "b.py", "box", "boxes"], 32)}
