"""Build inputs: what packaging files, scripts and native sources name of a commit."""

import pytest
from msgspec.structs import replace

from built_projects import SETUPTOOLS, asked, in_tree, pyproject
from memharness.environments import CommitFiles
from memharness.environments.build_inputs import find_compiled_modules, find_mentioned_by_sources
from memharness.environments.fingerprint import fingerprint
from memharness.model.environments import Interpreter
from memharness.packages.layout import Layout, find_layout
from memharness.packages.metadata import Metadata

HATCH = pyproject("hatchling", "hatchling.build")

IN_TREE = in_tree()

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


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"pyproject.toml": "[build-system]\nbuild-backend = 'maturin'"}, "build-backend maturin in pyproject.toml"),
        ({"pyproject.toml": "[[tool.setuptools.ext-modules]]"}, "[tool.setuptools.ext-modules] in pyproject.toml"),
        ({"setup.py": "setup(ext_modules=[])"}, "ext_modules in setup.py"),
        ({"box/fast.py": "", "box/fast.pyx": ""}, "box/fast.pyx"),
        ({"tests/fast.pyx": "", "setup.py": "setup()", "pyproject.toml": "[build-system]"}, ""),
    ],
)
def test_where_compiled_modules_are_declared(files: dict[str, str], expected: str) -> None:
    contents = {name: text.encode() for name, text in files.items()}
    layout = Layout(import_root=".", packages=("box",))
    assert find_compiled_modules(CommitFiles(ids=files, read=contents.get, layout=layout)) == expected
