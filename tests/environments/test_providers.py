import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from msgspec.structs import asdict, replace

from memharness.checkout.lease import lease
from memharness.checkout.slot import Slot
from memharness.environments import CheckedOutFiles, CommitFiles, find_interpreter, interpreters, provider
from memharness.environments.build_inputs import find_mentioned_by_sources
from memharness.environments.build_log import find_reason
from memharness.environments.fingerprint import fingerprint, path_digests
from memharness.environments.installed import take_out
from memharness.errors import MemharnessError
from memharness.findings.project import blob_reader
from memharness.git.history import blob_ids
from memharness.git.repository import open_repository
from memharness.model.environments import Environment, EnvironmentFacts, EnvironmentSpec, Install, Interpreter
from memharness.model.measurements import Failed
from memharness.model.values import digest
from memharness.packages.layout import Layout, find_layout, locate
from memharness.packages.metadata import Metadata
from repositories import RepositoryBuilder, contents


@pytest.fixture(scope="session")
def interpreter() -> Interpreter:
    return find_interpreter()


class Project:
    """A project whose commits are checked out and prepared as a run does it."""

    def __init__(self, folder: Path) -> None:
        self.builder = RepositoryBuilder(folder / "project")
        self.cache = folder / "cache"
        self.keep = 8

    def prepare(
        self, spec: EnvironmentSpec, *commits: str, configured: str | None = None
    ) -> list[tuple[Environment | Failed, str]]:
        """Prepare each commit, and import `box` there as the probe does: its VALUE, or the error."""
        repository = open_repository(str(self.builder.path), self.cache)
        environments = provider(spec.install, self.cache, project=repository.common_dir, keep=self.keep)
        results: list[tuple[Environment | Failed, str]] = []
        with lease(repository, self.cache) as slot:
            for commit in commits:
                files = blob_ids(repository, commit)
                layout = locate(files, blob_reader(repository, files), import_root=configured)
                checkout = slot.checkout(commit, **asdict(layout))
                with environments.prepare(spec, CheckedOutFiles.of(checkout, files)) as environment:
                    if isinstance(environment, Failed):
                        results.append((environment, "not built"))
                        continue
                    checkout = slot.link_generated(
                        environment.generated, packages=environment.packages, import_root=environment.import_root
                    )
                    results.append((environment, imported(environment, slot, checkout.import_root)))
        return results


def imported(environment: Environment, slot: Slot, import_root: str) -> str:
    searched = [*([] if environment.origin else [str(slot.tree / import_root)]), *environment.site_paths]
    code = f"import sys; sys.path[:0] = {searched!r}; import box; print(box.VALUE, box.__file__)"
    done = subprocess.run([environment.python, "-s", "-S", "-B", "-c", code], capture_output=True, text=True)
    if done.returncode:
        return done.stderr.strip().splitlines()[-1]
    value, _, path = done.stdout.strip().rpartition(" ")
    inside = "tree" if path.startswith(str(slot.tree)) else "site-packages" if "site-packages" in path else path
    return f"{value} from {inside}"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def asked(interpreter: Interpreter, install: Install = "auto", *dependencies: str) -> EnvironmentSpec:
    return EnvironmentSpec(interpreter=interpreter, install=install, dependencies=dependencies)


def pyproject(requires: str, backend: str, extra: str = "", version: str = 'version = "1.0"') -> str:
    listed = json.dumps(requires.split())
    return (
        f'[build-system]\nrequires = {listed}\nbuild-backend = "{backend}"\n'
        f'[project]\nname = "box"\ndescription = "A box."\n{version}\n{extra}'
    )


SETUPTOOLS = pyproject("setuptools", "setuptools.build_meta")
DYNAMIC = 'dynamic = ["version"]'


# --- interpreters -----------------------------------------------------------------------------------------


def test_own_interpreter_is_the_base_one() -> None:
    found = find_interpreter()
    assert found == Interpreter(
        path=found.path,
        version=".".join(map(str, sys.version_info[:3])),
        implementation="cpython",
        cache_tag=str(sys.implementation.cache_tag),
        abiflags=sys.abiflags,
    )
    assert os.path.realpath(found.path) == os.path.realpath(sys.executable)
    assert not Path(found.path).is_relative_to(sys.prefix)


def test_by_version_and_by_path() -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert find_interpreter(version).cache_tag == sys.implementation.cache_tag
    assert find_interpreter(sys.executable).path == sys.executable  # a virtual environment stays one


def test_versions_of_pyenv_are_found_behind_its_shims(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    shim, real = tmp_path / "shims", tmp_path / "versions" / version / "bin"
    for folder in (shim, real):
        folder.mkdir(parents=True)
    (shim / f"python{version}").write_text("#!/bin/sh\nexit 127\n")
    (shim / f"python{version}").chmod(0o755)
    (real / f"python{version}").symlink_to(find_interpreter().path)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", str(shim))
    assert os.path.realpath(find_interpreter(version).path) == os.path.realpath(find_interpreter().path)


@pytest.mark.parametrize(
    ("request_", "message", "hint"),
    [
        ("3.99", "Python '3.99' was not found", "uv python install 3.99"),
        ("no-such-python", "Python 'no-such-python' was not found", "path of an interpreter"),
        ("/bin/cat", "/bin/cat is not a Python interpreter", "a version such as 3.12"),
        ("/no/such/python", "/no/such/python is not a Python interpreter", "a version such as 3.12"),
    ],
)
def test_unusable_interpreters(request_: str, message: str, hint: str) -> None:
    with pytest.raises(MemharnessError) as caught:
        find_interpreter(request_)
    assert message in caught.value.message
    assert hint in caught.value.hint


def is_running(pid: str) -> bool:
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


@pytest.mark.parametrize("request_", ["3.9", "/python3.9"])
def test_an_interpreter_that_hangs_is_not_waited_for(
    request_: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = tmp_path / "python3.9"
    hanging.write_text(f"#!/bin/sh\necho $$ >> {tmp_path}/pids\nsleep 1000\n")
    hanging.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "none"))
    monkeypatch.setattr(interpreters, "_PATIENCE_SECONDS", 2)
    with pytest.raises(MemharnessError, match=r"not found within 2 s|is not a Python interpreter"):
        find_interpreter(f"{tmp_path}{request_}" if "/" in request_ else request_)
    asked = tmp_path / "pids"  # by uv only if it got there in time
    for pid in asked.read_text().split() if asked.exists() else ():
        for _ in range(1000):  # the kernel takes a moment for what was killed
            if not is_running(pid):
                break
            time.sleep(0.01)
        assert not is_running(pid)


@pytest.mark.parametrize("name", ["a[1]", "plain"])
def test_byte_code_leaves_with_its_module_alone(tmp_path: Path, name: str) -> None:
    for path in ("box/a1.py", f"box/{name}.py", "box/__pycache__/a1.cpython-311.pyc"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / f"box/__pycache__/{name}.cpython-311.pyc").touch()
    take_out(tmp_path, (f"box/{name}.py",), into=None)
    assert sorted(contents(tmp_path)) == ["box/__pycache__/a1.cpython-311.pyc", "box/a1.py"]


def test_too_old(tmp_path: Path) -> None:
    old = tmp_path / "python"
    facts = {"path": str(old), "version": "3.7.16", "implementation": "cpython", "cache_tag": "cpython-37"}
    old.write_text(f"#!/bin/sh\necho '{json.dumps(facts)}'\n")
    old.chmod(0o755)
    with pytest.raises(MemharnessError, match=r"is cpython 3\.7\.16") as caught:
        find_interpreter(str(old))
    assert caught.value.hint == "Measuring takes CPython 3.8 or later."


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


# --- without builds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("install", ["auto", "wheel", "path"])
def test_nothing_to_install_takes_the_interpreter_as_it_is(
    project: Project, interpreter: Interpreter, install: Install
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


def test_existing_keeps_its_packages(project: Project) -> None:
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


def fingerprints(project: Project, spec: EnvironmentSpec, commits: list[str]) -> list[str]:
    repository = open_repository(str(project.builder.path), project.cache)
    found = []
    with lease(repository, project.cache) as slot:
        for commit in commits:
            files = blob_ids(repository, commit)
            layout = locate(files, blob_reader(repository, files))
            checkout = slot.checkout(commit, **asdict(layout))
            found.append(fingerprint(spec, CheckedOutFiles.of(checkout, files)))
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
def test_fingerprint(project: Project, interpreter: Interpreter, change: dict[str, str], same: bool) -> None:
    commits = [project.builder.commit(FIRST), project.builder.commit(change)]
    auto = fingerprints(project, asked(interpreter, "auto"), commits)
    wheel = fingerprints(project, asked(interpreter, "wheel"), commits)
    path = fingerprints(project, asked(interpreter, "path"), commits)
    assert (auto[0] == auto[1]) is same
    assert wheel[0] != wheel[1]
    assert path[0] == path[1]
    assert len({*auto, *wheel, *path}) == (4 if same else 5)


BACKEND_FAILED = """
error: Failed to build `box @ file:///x`
  cause: The build backend returned an error
  cause: Call to `setuptools.build_meta.build_wheel` failed (exit status: 1)

         [stderr]
         {}

hint: This usually indicates a problem with the package.
"""
COMPILER = """box.c:1:10: fatal error: missing.h: No such file or directory
compilation terminated.
subprocess.CalledProcessError: Command '['gcc', 'box.c']' returned non-zero exit status 1.
error: Command '['gcc', 'box.c']' returned non-zero exit status 1."""
UNSOLVED = """error: No solution found when resolving dependencies
  cause: Because a was not found and you require a, we can conclude that your requirements are unsatisfiable."""


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (
            BACKEND_FAILED.format("Traceback:\nModuleNotFoundError: No module named 'a'\nbye"),
            "ModuleNotFoundError: No module named 'a'",
        ),
        (BACKEND_FAILED.format(COMPILER), "box.c:1:10: fatal error: missing.h: No such file or directory"),
        (BACKEND_FAILED.format("error: Multiple top-level packages"), "error: Multiple top-level packages"),
        (BACKEND_FAILED.format("boom"), "boom"),
        (UNSOLVED, UNSOLVED.partition("cause: ")[2]),
        ("  \u00d7 Something\n  ╰─▶ went wrong", "went wrong"),
        ("", "uv said nothing"),
    ],
)
def test_the_reason_of_a_failure(log: str, expected: str) -> None:
    assert find_reason(log.splitlines()) == expected


HATCH = pyproject("hatchling", "hatchling.build")
IN_TREE = pyproject("", "back", version='version = "1.0"').replace("[project]", 'backend-path = ["."]\n[project]')
POETRY = pyproject("poetry-core", "poetry.core.masonry.api")
# What packaging files say, what changes then, and whether that counts.
NAMED = {
    "force-include": (
        HATCH + '[tool.hatch.build.targets.wheel.force-include]\n"assets" = "box/a"\n',
        "assets/new",
        True,
    ),
    "hatch-include": (HATCH + '[tool.hatch.build]\ninclude = ["box", "assets/**/*.txt"]\n', "assets/a/new.txt", True),
    "hatch-shared": (HATCH + '[tool.hatch.build.targets.wheel]\nshared-data.etc = "share/box"\n', "etc/new", True),
    "package-dir": (SETUPTOOLS + '[tool.setuptools.package-dir]\n"box.x" = "lib/x"\n', "lib/x/new.py", True),
    "data-files": (SETUPTOOLS + '[tool.setuptools.data-files]\n"share/box" = ["assets/*"]\n', "assets/new", True),
    "poetry-from": (POETRY + '[tool.poetry]\npackages = [{include = "x", from = "lib"}]\n', "lib/x/new.py", True),
    "flit-data": (
        pyproject("flit_core", "flit") + '[tool.flit.external-data]\ndirectory = "data"\n',
        "data/etc/new",
        True,
    ),
    "pdm": (pyproject("pdm-backend", "pdm.backend") + '[tool.pdm.build]\nincludes = ["extra/"]\n', "extra/new", True),
    "scikit-build": (SETUPTOOLS + '[tool.scikit-build]\ncmake.source-dir = "native"\n', "native/new.txt", True),
    "hook": (HATCH + '[tool.hatch.build.hooks.custom]\npath = "ci/hook.py"\n', "gen/make.py", True),
    "hook-runs": (HATCH + '[tool.hatch.build.hooks.custom]\npath = "ci/hook.py"\n', "words/a", True),
    "unread": (HATCH, "words/a", False),
    "backend-folder": (SETUPTOOLS.replace("[project]", 'backend-path = ["_build"]\n[project]'), "_build/new.txt", True),
    "backend": (IN_TREE, "back.py", True),
    "backend-import": (IN_TREE, "gen/make.py", True),
    "backend-package": (IN_TREE, "gen/deep/new.txt", True),
    "backend-reads": (IN_TREE, "templates/new.txt", True),
    "backend-aside": (IN_TREE, "notes/new.py", False),
    "exclude": (HATCH + '[tool.hatch.build.targets.wheel]\nexclude = ["assets"]\n', "assets/new", False),
    "sdist": (HATCH + '[tool.hatch.build.targets.sdist]\ninclude = ["tests", "etc"]\n', "tests/new.py", False),
    "uv-sdist": (SETUPTOOLS + '[tool.uv.build-backend]\nsource-include = ["assets/**"]\n', "assets/new", False),
    "poetry-sdist": (POETRY + '[tool.poetry]\ninclude = [{path = "tests", format = "sdist"}]\n', "tests/new.py", False),
    "extra": (SETUPTOOLS + '[project.optional-dependencies]\ntests = ["x"]\nassets = ["y"]\n', "assets/new", False),
    "another-tool": (HATCH + '[tool.coverage.run]\nsource = ["tests"]\n', "tests/new.py", False),
    "hatch-packages": (HATCH + '[tool.hatch.build.targets.wheel]\npackages = ["box"]\n', "box/data/new.json", False),
    "hatch-list": (HATCH + '[tool.hatch.build]\ninclude = ["/box", "box/**/*.json"]\n', "box/data/new.json", False),
    "find": (
        SETUPTOOLS + '[tool.setuptools.packages.find]\nwhere = ["."]\nexclude = ["tests*"]\n',
        "tests/new.py",
        False,
    ),
    "package-data": (
        SETUPTOOLS + '[tool.setuptools.package-data]\nbox = ["data/*.json"]\n',
        "box/data/new.json",
        False,
    ),
    "poetry-packages": (POETRY + '[tool.poetry]\npackages = [{include = "box"}]\n', "box/new.py", False),
}
TREE = {
    "box/__init__.py": "",
    "back.py": "import gen.make\nos.listdir('templates')\n",
    "ci/hook.py": "from gen import make\n",
    "gen/make.py": "run('shell/gen.sh')",
    "shell/gen.sh": "cat words/a >out",
} | dict.fromkeys(
    """assets/a/b.txt etc/a lib/x/__init__.py data/etc/a extra/a native/a _build/back.py gen/deep/a templates/a.txt
    words/a notes/a.py tests/test_box.py box/data/a.json""".split(),  # noqa: SIM905
    "",
)


@pytest.mark.parametrize("kind", NAMED)
def test_folders_that_the_build_is_pointed_to_count(interpreter: Interpreter, kind: str) -> None:
    toml, changed, counts = NAMED[kind]
    files = TREE | {"pyproject.toml": toml}

    def found(blobs: dict[str, str]) -> str:
        layout = find_layout(files, Metadata(name="box"))
        commit = CommitFiles(ids=blobs, read=lambda path: files.get(path, "").encode() or None, layout=layout)
        return fingerprint(asked(interpreter), commit)

    same = dict.fromkeys(files, "1")
    assert (found(same) != found(same | {changed: "2"})) is counts


@pytest.mark.parametrize(("command", "counts"), [("", False), ("sh shell/gen.sh", True), ("./tool words", True)])
def test_what_the_step_before_the_build_reads_counts(interpreter: Interpreter, command: str, counts: bool) -> None:
    files = TREE | {"pyproject.toml": HATCH}
    layout, spec = find_layout(files, Metadata(name="box")), replace(asked(interpreter), before_build=command)
    found = set()
    for blob in "12":
        ids = dict.fromkeys(files, "1") | {"words/a": blob}
        commit = CommitFiles(ids=ids, read=lambda path: files.get(path, "").encode(), layout=layout)
        found.add(fingerprint(spec, commit))
    assert (len(found) == 2) is counts


@pytest.mark.parametrize(
    ("name", "text", "mentioned"),
    [
        (
            "meson.build",
            "custom_target(input: ['tools/gen.py', 'README.md'])\ninstall_sources('box/a.py')",
            {"tools/gen.py", "tools/words.py", "data/table.txt"},
        ),
        ("box/meson.build", "files('table.txt', '../VERSION')", {"data/table.txt", "VERSION"}),
        ("CMakeLists.txt", "file(GLOB FOUND ${CMAKE_CURRENT_SOURCE_DIR}/data/*.txt)", {"data/"}),
        ("cmake/find.cmake", "add_subdirectory(box)\nadd_subdirectory(tests)", set()),
        ("rust/src/lib.rs", 'include_str!("../../data/table.txt"); include_bytes!("gone.bin")', {"data/table.txt"}),
        ("box/_v.c", "#include <table.txt>\n", {"data/table.txt"}),
        ("box/_v.c", "/* see data and VERSIONS, box/a.py */\n", set()),
    ],
)
def test_what_native_sources_and_their_scripts_mention(name: str, text: str, mentioned: set[str]) -> None:
    """No file, folder or module that is installed as it is: `box/a.py`."""
    files = {
        "tools/gen.py": "import words\nopen('data/table.txt')",
        **dict.fromkeys(("tools/words.py", "data/table.txt", "VERSION", "README.md", "box/a.py", "tests/t.txt"), ""),
        name: text,
    }
    layout = Layout(import_root=".", packages=("box",))
    commit = CommitFiles(ids=files, read=lambda path: files.get(path, "").encode(), layout=layout)
    assert find_mentioned_by_sources(commit, {"box/a.py"}) == mentioned


def test_requirements_count_where_the_build_reads_them(project: Project, interpreter: Interpreter) -> None:
    reads = '[tool.setuptools.dynamic]\ndependencies = { file = ["requirements/base.txt"] }\n'
    commits = [
        project.builder.commit({**FIRST, "pyproject.toml": SETUPTOOLS + reads}),
        project.builder.commit({"requirements/base.txt": "numpy<2"}),
        project.builder.commit({"pyproject.toml": SETUPTOOLS, "setup.py": "open('requirements/base.txt')"}),
        project.builder.commit({"requirements/base.txt": "numpy<3"}),
    ]
    assert len(set(fingerprints(project, asked(interpreter), commits))) == 4


READS = {
    "deps.txt": '[tool.setuptools.dynamic]\ndependencies = { file = "deps.txt" }\n',
    "meta/about.py": '[tool.hatch.version]\npath = "./meta/about.py"\n',
    "conf/data.ini": '[tool.hatch.build.targets.wheel.force-include]\n"conf/data.ini" = "box/data.ini"\n',
}


@pytest.mark.parametrize("path", READS)
def test_files_that_the_build_is_pointed_to_count(project: Project, interpreter: Interpreter, path: str) -> None:
    commits = [
        project.builder.commit({**FIRST, path: "1", "pyproject.toml": SETUPTOOLS}),
        project.builder.commit({path: "2"}),
        project.builder.commit({"pyproject.toml": SETUPTOOLS + READS[path]}),
        project.builder.commit({path: "3"}),
    ]
    plain, same, pointed, changed = fingerprints(project, asked(interpreter), commits)
    assert plain == same
    assert pointed != changed


def test_files_that_setup_cfg_and_setup_py_use_count(project: Project, interpreter: Interpreter) -> None:
    cfg = "[metadata]\nlong_description = file: docs/a.rst\nversion = file: VERSION\n[options]\n"
    cfg += "install_requires = file: deps.txt, more.txt\n[flake8]\nexclude = lint.txt\n"
    commits = [
        project.builder.commit(
            {
                "setup.cfg": cfg,
                "box/__init__.py": "",
                "VERSION": "1",
                "deps.txt": "1",
                "more.txt": "1",
                "docs/a.rst": "",
                "licenses.py": "",
            }
        ),
        project.builder.commit({"docs/a.rst": "1", "lint.txt": "1", "README": "1", "licenses.py": "1"}),
        project.builder.commit({"VERSION": "2"}),
        project.builder.commit({"deps.txt": "2"}),
        project.builder.commit({"more.txt": "2"}),
        project.builder.commit({"setup.py": "import licenses"}),
        project.builder.commit({"licenses.py": "2"}),
        project.builder.commit({"docs/conf.py": "1"}),
    ]
    found = fingerprints(project, asked(interpreter), commits)
    assert [found.index(fingerprint_) for fingerprint_ in found] == [0, 0, 2, 3, 4, 5, 6, 6]


def test_prose_does_not_count(project: Project, interpreter: Interpreter) -> None:
    toml = pyproject("hatchling", "hatchling.build", 'readme = "docs/pypi.md"\nlicense = { file = "TERMS" }\n')
    toml += '[tool.hatch.build.targets.sdist]\ninclude = ["/box", "/README.md"]\n'
    prose = ("docs/pypi.md", "TERMS", "README.md")
    commits = [
        project.builder.commit({"box/__init__.py": "", "pyproject.toml": toml} | dict.fromkeys(prose, "1")),
        project.builder.commit(dict.fromkeys(prose, "2")),
    ]
    assert len(set(fingerprints(project, asked(interpreter), commits))) == 1


# --- builds -----------------------------------------------------------------------------------------------

ORDINARY = {
    "setuptools-src": ("src/", SETUPTOOLS),
    "setuptools-flat": ("", SETUPTOOLS),
    "hatchling": ("src/", pyproject("hatchling", "hatchling.build")),
    "flit": ("", pyproject("flit_core", "flit_core.buildapi")),
    "poetry": ("", pyproject("poetry-core>=2", "poetry.core.masonry.api")),
}


@pytest.mark.registry
@pytest.mark.parametrize("kind", ORDINARY)
def test_sources_are_swapped_within_one_environment(project: Project, interpreter: Interpreter, kind: str) -> None:
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


@pytest.mark.registry
@pytest.mark.parametrize("kind", ["setuptools_scm", "hatch-vcs"])
def test_generated_version_files_come_along(project: Project, interpreter: Interpreter, kind: str) -> None:
    toml = {
        "setuptools_scm": pyproject(
            "setuptools setuptools_scm",
            "setuptools.build_meta",
            '[tool.setuptools_scm]\nversion_file = "src/box/_version.py"\n',
            DYNAMIC,
        ),
        "hatch-vcs": pyproject(
            "hatchling hatch-vcs",
            "hatchling.build",
            '[tool.hatch]\nversion.source = "vcs"\nbuild.hooks.vcs.version-file = "src/box/_version.py"\n',
            DYNAMIC,
        ),
    }[kind]
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


EXTENSION = """
#include <Python.h>
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_fast", NULL, -1, NULL};
PyMODINIT_FUNC PyInit__fast(void) {
    PyObject *made = PyModule_Create(&module);
    PyModule_AddIntConstant(made, "ANSWER", 42);
    return made;
}
"""


@pytest.mark.registry
def test_extension_modules(project: Project, interpreter: Interpreter) -> None:
    setup = (
        "from setuptools import Extension, setup\n"
        "setup(ext_modules=[Extension('box._fast', ['src/box/_fast.c'])], package_dir={'': 'src'}, packages=['box'])\n"
    )
    code = "from box._fast import ANSWER\nVALUE = ANSWER, {}\n"
    files = {"src/box/__init__.py": code.format(1), "src/box/_fast.c": EXTENSION}
    files |= {"pyproject.toml": SETUPTOOLS, "setup.py": setup}
    commits = [
        project.builder.commit(files),
        project.builder.commit({"src/box/__init__.py": code.format(2)}),
        project.builder.commit(
            {
                "src/box/_fast.c": '#include "answer.tab"' + EXTENSION.replace("42", "MADE"),
                "src/box/answer.tab": "#define MADE 43\n",
            }
        ),
        project.builder.commit({"src/box/answer.tab": "#define MADE 44\n", "src/box/other.tab": ""}),
        project.builder.commit({"src/box/_fast.c": '#include "missing.h"\n'}),
    ]
    results = project.prepare(asked(interpreter), *commits)
    values = ["(42, 1)", "(42, 2)", "(43, 2)", "(44, 2)"]
    assert [value for _, value in results] == [*(f"{value} from tree" for value in values), "not built"]
    failed = results[4][0]
    assert isinstance(failed, Failed)
    assert (failed.phase, failed.exit_code) == ("build", 1)
    assert failed.reason == "src/box/_fast.c:1:10: fatal error: missing.h: No such file or directory"
    assert 0 < len(failed.output) <= 20
    assert str(project.cache) not in "\n".join(failed.output)
    assert project.prepare(asked(interpreter), commits[4]) == [(failed, "not built")]  # built again: the same log


@pytest.mark.registry
def test_a_project_of_native_sources_alone(project: Project, interpreter: Interpreter) -> None:
    setup = "from setuptools import Extension, setup\nsetup(ext_modules=[Extension('box', ['native/part.c'])])\n"
    code = EXTENSION.replace("_fast", "box").replace("ANSWER", "VALUE")
    commit = project.builder.commit({"pyproject.toml": SETUPTOOLS, "setup.py": setup, "native/part.c": code})
    assert [value for _, value in project.prepare(asked(interpreter), commit)] == ["42 from tree"]


@pytest.mark.registry
def test_python_sources_that_the_build_compiles_or_copies(project: Project, interpreter: Interpreter) -> None:
    """A compiled module wins over its source: an environment must not outlive a change of that source."""
    setup = (
        "import pathlib, shutil\nfrom setuptools import Extension, setup\n"
        "text = pathlib.Path('box/_fast.py').read_text()\n"
        f"code = {EXTENSION!r}.replace('42', text.split()[-1])\n"
        "pathlib.Path('box/_made.c').write_text(code)\n"
        "setup(ext_modules=[Extension('box._fast', ['box/_made.c'])], packages=['box', 'box.vendored'],\n"
        "      package_dir={'box.vendored': 'vendor/vendored'})\n"
    )
    code = "from box._fast import ANSWER\nfrom box.vendored.thing import THING\nVALUE = ANSWER, THING, {}\n"
    files = {"box/__init__.py": code.format(1), "box/_fast.py": "ANSWER = 7\n", "setup.py": setup}
    files |= {"pyproject.toml": SETUPTOOLS}
    files |= {"vendor/vendored/__init__.py": "", "vendor/vendored/thing.py": "THING = 'a'\n"}
    commits = [
        project.builder.commit(files),
        project.builder.commit({"box/__init__.py": code.format(2)}),
        project.builder.commit({"box/_fast.py": "ANSWER = 8\n"}),
        project.builder.commit({"vendor/vendored/thing.py": "THING = 'b'\n"}),
    ]
    results = project.prepare(asked(interpreter), *commits, commits[0])
    assert [value for _, value in results] == [
        "(7, 'a', 1) from tree",
        "(7, 'a', 2) from tree",
        "(8, 'a', 2) from tree",
        "(8, 'b', 2) from tree",
        "(7, 'a', 1) from tree",
    ]
    built = [environment for environment, _ in results if isinstance(environment, Environment)]
    assert len({environment.key for environment in built}) == 3
    assert "box/*" in built[0].frozen  # a module that is new there may be compiled too


def test_names_of_modules_beside_compiled_ones() -> None:
    paths = ["a.py", "box/a.py", "box/b/c.py", "box/d.txt", "boxes/e.py"]
    files = dict.fromkeys(paths, "1")
    before = path_digests(files, ["box/*", "*"])
    changed = path_digests(files | {"box/a.py": "2", "box/e.txt": "1", "box/b/d.py": "1", "boxes/f.py": "1"}, before)
    assert changed == before
    assert path_digests(files | {"box/e.py": "1"}, before) == before | {"box/*": digest(["a.py", "b", "e.py"], 32)}
    assert path_digests(files | {"b.py": "1"}, before) == before | {"*": digest(["a.py", "b.py", "box", "boxes"], 32)}


CORE = HATCH.replace("box", "core")
# Where the project says what it needs of the tree. An editable one would be a link to what is gone after the build.
LOCAL = {
    "path": '[tool.uv.sources]\ncore = { path = "libs/core", editable = true }\n',
    "workspace": '[tool.uv]\nsources.core.workspace = true\nworkspace.members = ["libs/*"]\n',
}


@pytest.mark.registry
@pytest.mark.parametrize("kind", LOCAL)
def test_other_projects_of_the_tree_follow_the_commit(project: Project, interpreter: Interpreter, kind: str) -> None:
    """Also those that these need in turn. What nothing needs is left out, and the project's own sources are swapped."""
    needs = 'dependencies = ["core"]\n'
    inner = "[tool.uv.sources.base]\n" + ("workspace = true\n" if kind == "workspace" else 'path = "../base"\n')
    files = {
        "pyproject.toml": HATCH + needs + LOCAL[kind],
        "src/box/__init__.py": "from core import BASE, CORE\nVALUE = CORE, BASE, 1\n",
        "libs/core/pyproject.toml": CORE + needs.replace("core", "base") + inner,
        "libs/core/src/core/__init__.py": "from base import BASE\nCORE = 1\n",
        "libs/base/pyproject.toml": HATCH.replace("box", "base"),
        "libs/base/src/base/__init__.py": "BASE = 1\n",
        "libs/other/pyproject.toml": HATCH.replace("box", "other"),
        "libs/other/src/other/__init__.py": "",
    }
    inside = "libs/base/src/base/__init__.py"
    commits = [
        project.builder.commit(files),
        project.builder.commit({"libs/core/src/core/__init__.py": "from base import BASE\nCORE = 2\n"}),
        project.builder.commit({"libs/other/src/other/__init__.py": "OTHER = 1\n"}),
        project.builder.commit({"src/box/__init__.py": "from core import BASE, CORE\nVALUE = CORE, BASE, 2\n"}),
        project.builder.commit({"libs/base/src/base/new.py": "BASE = 2\n", inside: "from base.new import *\n"}),
    ]
    results = project.prepare(asked(interpreter), *commits, commits[0])
    values = ["(1, 1, 1)", "(2, 1, 1)", "(2, 1, 1)", "(2, 1, 2)", "(2, 2, 2)", "(1, 1, 1)"]
    assert [value for _, value in results] == [f"{value} from tree" for value in values]
    environments = [environment for environment, _ in results if isinstance(environment, Environment)]
    assert len({environment.key for environment in environments}) == 3
    assert {"libs/base/", "libs/core/"} <= set(environments[0].frozen)
    assert not any(path.startswith(("libs/other", "src/")) for path in environments[0].frozen)
    assert environments[0].facts.packages == {}  # they belong to the commit


@pytest.mark.registry
def test_data_of_another_folder_follows_the_commit(project: Project, interpreter: Interpreter) -> None:
    """What was copied tells the folder that it came from, where nothing that can be read says so."""
    setup = (
        "from pathlib import Path\nfrom setuptools import setup\n"
        "setup(data_files=[('share/box', [str(path) for path in Path(chr(97)).iterdir()])])\n"
    )
    code = "import os, sys\nVALUE = sorted(os.listdir(os.path.dirname(sys.executable) + '/../share/box')), 1\n"
    files = {"pyproject.toml": SETUPTOOLS, "setup.py": setup, "src/box/__init__.py": code, "a/1.txt": "one"}
    commits = [
        project.builder.commit(files),
        project.builder.commit({"src/box/__init__.py": code.replace(", 1", ", 2")}),
        project.builder.commit({"a/2.txt": "two"}),
        project.builder.commit({"a/1.txt": None, "a/3.txt": "one"}),
    ]
    results = project.prepare(asked(interpreter), *commits)
    assert [value for _, value in results] == [
        "(['1.txt'], 1) from tree",
        "(['1.txt'], 2) from tree",
        "(['1.txt', '2.txt'], 2) from tree",
        "(['2.txt', '3.txt'], 2) from tree",
    ]
    assert [environment.frozen for environment, _ in results if isinstance(environment, Environment)] == [("a/",)] * 4


@pytest.mark.registry
def test_a_source_that_the_build_rewrites(project: Project, interpreter: Interpreter) -> None:
    """As versioneer does: the checkout has what was built, and its own file again for the next environment.

    A file that the build makes where there is none is the commit's own as soon as it has one.
    """
    setup = (
        "from setuptools import setup\nfrom setuptools.command.build_py import build_py\nimport pathlib\n"
        "class Rewrite(build_py):\n"
        "    def run(self):\n"
        "        super().run()\n"
        "        path = pathlib.Path(self.build_lib, 'box/_v.py')\n"
        "        path.write_text(path.read_text().replace('plain', 'built'))\n"
        "        made = path.with_name('_w.py')\n"
        "        made.exists() or made.write_text('W = 0')\n"
        "setup(packages=['box'], cmdclass={'build_py': Rewrite})\n"
    )
    code = "from box._v import VALUE\nfrom box._w import W\nVALUE += W,\n"
    files = {"box/__init__.py": code, "box/_v.py": "VALUE = 'plain', 1\n"}
    commits = [
        project.builder.commit({**files, "setup.py": setup, "pyproject.toml": SETUPTOOLS}),
        project.builder.commit({"box/_v.py": "VALUE = 'plain', 2\n"}),
        project.builder.commit({"box/_w.py": "W = 3\n"}),
    ]
    values = [value for _, value in project.prepare(asked(interpreter), *commits)]
    assert values == ["('built', 1, 0) from tree", "('built', 2, 0) from tree", "('built', 2, 3) from tree"]


@pytest.mark.registry
def test_the_import_root_moves_within_a_history(project: Project, interpreter: Interpreter) -> None:
    commits = [
        project.builder.commit({"box/__init__.py": "VALUE = 1\n", "pyproject.toml": SETUPTOOLS}),
        project.builder.commit({"box/__init__.py": None, "src/box/__init__.py": "VALUE = 2\n"}),
    ]
    results = project.prepare(asked(interpreter), *commits)
    assert [value for _, value in results] == ["1 from tree", "2 from tree"]


@pytest.mark.registry
def test_what_can_be_imported_is_what_the_build_installs(project: Project, interpreter: Interpreter) -> None:
    listed = SETUPTOOLS + '[tool.setuptools]\npackages = ["box", "tools"]\npy-modules = ["extra"]\n'
    strays = ["random.py", "json/__init__.py", "tests/__init__.py", "other/__init__.py", "notes/a.py"]
    files = {"box/__init__.py": "VALUE = 1\n", "tools/__init__.py": "", "extra.py": "", "pyproject.toml": listed}
    commit = project.builder.commit({**dict.fromkeys(strays, ""), **files})
    for install in ("auto", "wheel"):
        ((environment, value),) = project.prepare(asked(interpreter, install), commit)
        assert isinstance(environment, Environment)
        assert (environment.packages, value.partition(" ")[0]) == (("box", "extra", "tools"), "1")
    ((environment, _),) = project.prepare(asked(interpreter, "path"), commit)
    assert isinstance(environment, Environment)
    assert environment.packages == ("box", "extra", "notes", "other", "tests", "tools")


@pytest.mark.registry
def test_scripts_do_not_stand_for_dependencies(project: Project, interpreter: Interpreter) -> None:
    strays = ["six.py", "notes.py"]  # one of them is called like a dependency
    commit = project.builder.commit(
        {**dict.fromkeys(strays, ""), "box/__init__.py": "VALUE = 1\n", "pyproject.toml": SETUPTOOLS}
    )
    ((environment, _),) = project.prepare(asked(interpreter, "path", "six"), commit)
    assert isinstance(environment, Environment)
    assert environment.packages == ("box", "notes")


@pytest.mark.registry
def test_a_namespace_that_the_build_makes_has_no_init(project: Project, interpreter: Interpreter) -> None:
    toml = pyproject("hatchling", "hatchling.build", '[tool.hatch.build.targets.wheel]\nonly-include = ["box/a.py"]\n')
    files = {"box/__init__.py": "1 / 0\n", "box/a.py": "", "pyproject.toml": toml}
    ((environment, _),) = project.prepare(asked(interpreter), project.builder.commit(files))
    assert isinstance(environment, Environment)
    assert (environment.packages, environment.namespaces) == (("box",), ("box",))


@pytest.mark.registry
def test_the_build_shows_where_the_packages_lie(project: Project, interpreter: Interpreter) -> None:
    setup = (
        "import os\nfrom setuptools import setup\nsetup(packages=['box'], package_dir={'': os.path.join('a', 'b')})\n"
    )
    files = {"a/b/box/__init__.py": "VALUE = 1\n", "setup.py": setup, "pyproject.toml": SETUPTOOLS, "c/d.py": ""}
    files["pyproject.toml"] = SETUPTOOLS.replace('"box"', '"crate"')
    commits = [project.builder.commit(files), project.builder.commit({"a/b/box/__init__.py": "VALUE = 2\n"})]
    results = project.prepare(asked(interpreter), *commits)
    assert [value for _, value in results] == ["1 from tree", "2 from tree"]
    environment = results[0][0]
    assert isinstance(environment, Environment)
    assert (environment.import_root, environment.generated) == ("a/b", {})


@pytest.mark.registry
def test_a_project_is_built_in_its_folder_with_the_rest_beside_it(project: Project, interpreter: Interpreter) -> None:
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


@pytest.mark.registry
def test_wheels_are_measured_as_installed(project: Project, interpreter: Interpreter) -> None:
    tracked = f"box/__pycache__/__init__.{sys.implementation.cache_tag}.pyc"
    commits = [
        project.builder.commit({"box/__init__.py": "VALUE = 1\n", "pyproject.toml": SETUPTOOLS, tracked: b"stale"}),
        project.builder.commit({"box/__init__.py": "VALUE = 2\n"}),
    ]
    results = project.prepare(asked(interpreter, "wheel"), *commits)
    assert [value for _, value in results] == ["1 from site-packages", "2 from site-packages"]
    first, second = (environment for environment, _ in results if isinstance(environment, Environment))
    assert second.origin == second.site_paths[0]
    assert first.key != second.key


@pytest.mark.registry
def test_dependencies_without_a_build(project: Project, interpreter: Interpreter) -> None:
    commit = project.builder.commit({"box/__init__.py": "import iniconfig\nVALUE = 1\n", "pyproject.toml": SETUPTOOLS})
    ((environment, value),) = project.prepare(asked(interpreter, "path", "iniconfig==2.0.0"), commit)
    assert isinstance(environment, Environment)
    assert environment.facts.packages == {"iniconfig": "2.0.0"}
    assert value == "1 from tree"


@pytest.mark.registry
def test_what_is_installed_under_another_name_is_measured_as_installed(
    project: Project, interpreter: Interpreter
) -> None:
    renamed = '[tool.setuptools]\npackages = ["box"]\n[tool.setuptools.package-dir]\nbox = "code"\n'
    commits = [
        project.builder.commit(
            {"code/__init__.py": "VALUE = 1\n", "other/__init__.py": "", "pyproject.toml": SETUPTOOLS + renamed}
        ),
        project.builder.commit({"code/__init__.py": "from box.more import VALUE\n", "code/more.py": "VALUE = 2\n"}),
    ]
    results = project.prepare(asked(interpreter), *commits)
    assert [value for _, value in results] == ["1 from site-packages", "2 from site-packages"]


@pytest.mark.registry
def test_failures_are_outcomes(project: Project, interpreter: Interpreter) -> None:
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


BACKEND = """
import os, zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    name, info = "box-1.0-py3-none-any.whl", "box-1.0.dist-info/"
    files = {"box/__init__.py": open("box/__init__.py").read()}
    files[info + "WHEEL"] = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\n"
    files[info + "METADATA"] = "Metadata-Version: 2.1\\nName: box\\nVersion: 1.0\\n"
    files[info + "RECORD"] = "".join(f"{path},,\\n" for path in [*files, info + "RECORD"])
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return name
"""


def environments(project: Project) -> list[str]:
    return sorted(path.name for path in (project.cache / "environments").iterdir() if path.is_dir())


@pytest.mark.parametrize("install", ["auto", "wheel"])
def test_few_environments_stay_however_often_the_build_changes(
    project: Project, interpreter: Interpreter, install: Install
) -> None:
    files = {"box/__init__.py": "VALUE = 1\n", "back.py": BACKEND, "pyproject.toml": IN_TREE}
    commits = [project.builder.commit(files)]
    commits += [project.builder.commit({"back.py": f"{BACKEND}# {number}\n"}) for number in range(3)]
    project.keep = 2
    found = [environment for environment, _ in project.prepare(asked(interpreter, install), *commits, commits[2])]
    keys = [environment.key for environment in found if isinstance(environment, Environment)]
    assert len(set(keys)) == 4
    assert environments(project) == sorted(f"{install}-{key}" for key in keys[2:4])


def test_projects_share_no_environment_and_find_their_own_again(tmp_path: Path, interpreter: Interpreter) -> None:
    files = {"box/__init__.py": "VALUE = 1\n", "back.py": BACKEND, "pyproject.toml": IN_TREE}
    one, other = Project(tmp_path / "one"), Project(tmp_path / "other")
    other.cache = one.cache
    first, second = one.builder.commit(files), other.builder.commit(files)
    assert first == second  # of the same files, at the same time
    made = [project.prepare(asked(interpreter), first)[0][0] for project in (one, other)]
    shutil.rmtree(one.builder.path)
    again = Project(tmp_path / "one")
    again.cache = one.cache
    again.builder.commit(files)
    found = again.prepare(asked(interpreter), first)[0][0]
    keys = [environment.key for environment in (*made, found) if isinstance(environment, Environment)]
    assert keys[0] != keys[1]
    assert keys[0] == keys[2]
    assert len(environments(one)) == 2


@pytest.mark.registry
def test_a_killed_build_is_made_again(project: Project, interpreter: Interpreter) -> None:
    commit = project.builder.commit({"box/__init__.py": "VALUE = 1\n", "pyproject.toml": SETUPTOOLS})
    ((environment, _),) = project.prepare(asked(interpreter), commit)
    assert isinstance(environment, Environment)
    folder = project.cache / "environments" / f"auto-{environment.key}"
    (folder / "environment.json").unlink()
    (folder / "pyvenv.cfg").write_text("half")
    assert project.prepare(asked(interpreter), commit) == [(environment, "1 from tree")]


@pytest.mark.registry
def test_an_environment_that_lost_a_part_is_made_again(project: Project, interpreter: Interpreter) -> None:
    commit = project.builder.commit({"box/__init__.py": "import iniconfig\nVALUE = 1\n"})
    spec = asked(interpreter, "path", "iniconfig==2.0.0")
    repository = open_repository(str(project.builder.path), project.cache)
    environments = provider("path", project.cache, project=repository.common_dir, keep=1)
    with lease(repository, project.cache) as slot:
        checkout = slot.checkout(commit)
        with environments.prepare(spec, CheckedOutFiles.of(checkout, {})) as whole:
            assert isinstance(whole, Environment)
        for part in ("bin", "lib", "."):
            shutil.rmtree(project.cache / "environments" / f"path-{whole.key}" / part)
            with environments.prepare(spec, CheckedOutFiles.of(checkout, {})) as again:
                assert again == whole
                assert imported(whole, slot, ".") == "1 from tree"
