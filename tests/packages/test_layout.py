import pytest

from memharness.packages.layout import Layout, find_layout, find_projects, locate
from memharness.packages.metadata import Metadata, Read, read_metadata


@pytest.mark.parametrize(
    ("name", "configured", "paths", "expected", "others"),
    [
        (
            "box",
            None,
            "setup.py box/__init__.py box/core.py tests/test_box.py docs/conf.py",
            (".", "box"),
            "docs setup tests",
        ),
        ("box", None, "src/box/__init__.py tests/__init__.py noxfile.py", ("src", "box"), ""),
        ("big-box", None, "src/big_box/__init__.py src/_helper.py", ("src", "_helper big_box"), ""),
        ("Big-Box", None, "Big_Box/__init__.py", (".", "Big_Box"), ""),
        ("Box", None, "box/__init__.py", (".", "box"), ""),
        ("six", None, "six.py setup.py conftest.py test_six.py", (".", "six"), "conftest setup test_six"),
        ("zope.interface", None, "src/zope/interface/__init__.py", ("src", "zope"), ""),
        ("zope.interface", None, "zope/interface/__init__.py notes/x.py", (".", "zope"), "notes"),
        ("PyYAML", None, "lib/yaml/__init__.py setup.py packaging/x.py", ("lib", "yaml"), ""),
        ("beautifulsoup4", None, "bs4/__init__.py tools/a/__init__.py", (".", "bs4"), "tools"),
        ("memharness-regression", None, "harness/memharness/__init__.py scenarios/x.py", ("harness", "memharness"), ""),
        ("box", None, "vendor/other/box/__init__.py backend/box/__init__.py", ("backend", "box"), ""),
        ("box", None, "app/__init__.py app/box/__init__.py", (".", "app"), ""),
        ("box", None, "tests/box/__init__.py", (".", ""), "tests"),
        ("tools", None, "tools/__init__.py", (".", "tools"), ""),
        (None, None, "src/box/deep/module.py README", ("src", "box"), ""),
        (None, None, "src/main.c box/__init__.py", (".", "box"), ""),
        (None, None, "src/py/box/__init__.py box.py", ("src", "py"), ""),
        ("box", "src/py", "src/py/box/__init__.py box.py", ("src/py", "box"), ""),
        ("box", "./src/", "src/box/__init__.py", ("src", "box"), ""),
        ("box", "src", "box/__init__.py", (".", "box"), ""),
        (None, ".", "src/box/__init__.py a.py", (".", "a"), "src"),
        (None, None, "", (".", ""), ""),
        (None, None, "README bad-name.py pylint.config.py", (".", ""), ""),
        ("acme-cloud-store", None, "acme/cloud/store/__init__.py", (".", "acme"), ""),
        ("acme-cloud-store", None, "src/acme/cloud/store.py src/acme/x/__init__.py", ("src", "acme"), ""),
        ("box", None, "box/__init__.py random.py json/__init__.py typing.py", (".", "box"), ""),
        (None, None, "box/__init__.py yaml.py", (".", "box"), "yaml"),
        (None, None, "__init__.py __main__.py a.py", (".", "a"), ""),
        ("dataclasses", None, "dataclasses.py random.py notes.py", (".", "dataclasses"), "notes"),
        (None, None, "src/sample/__init__.py tests/__init__.py", ("src", "sample"), ""),
        (None, None, "src/tasks/run.py manage.py", (".", "manage"), "src"),
        (None, None, "src/tasks/__init__.py manage.py", ("src", "tasks"), ""),
        (None, None, "src/tools/gen.py box/__init__.py", (".", "box"), "src"),
        ("fast", None, "fast/__init__.pyx fast/x.pxd", (".", "fast"), ""),
        ("fast", None, "fast/__init__.cpython-311-x86_64-linux-gnu.so", (".", "fast"), ""),
    ],
)
def test_detect(name: str | None, configured: str | None, paths: str, expected: tuple[str, str], others: str) -> None:
    root, packages = expected
    layout = Layout(import_root=root, packages=tuple(packages.split()), others=tuple(others.split()))
    assert find_layout(paths.split(), Metadata(name=name), configured=configured) == layout


def files_of(texts: dict[str, str]) -> Read:
    return {path: text.encode() for path, text in texts.items()}.get


FIND = """
[options]
packages = find_namespace:
package_dir =
    =src
py_modules = a, b
[options.packages.find]
where = lib
"""

TWO_TABLES = "[tool.flit.module]\nname = 'of_flit'\n[tool.uv.build-backend]\nmodule-name = 'of_uv'\n"


@pytest.mark.parametrize(
    ("pyproject", "setup_cfg", "setup_py", "expected"),
    [
        ('[project]\nname = "box"', "[metadata]\nname = other", "", Metadata(name="box")),
        ('[tool.poetry]\nname = "box"', "", "", Metadata(name="box")),
        ('[project]\nname = "big"\n[tool.flit.module]\nname = "box"', "", "", Metadata(name="big", module="box")),
        ('[tool.flit.metadata]\nmodule = "box"', "", "", Metadata(module="box")),
        ("[tool.black]\n", "[metadata]\nname = box\n", "", Metadata(name="box")),
        ("not toml", "no section", "not ( python", Metadata()),
        # a value of another type than its key has counts as absent
        ("[project]\nname = ['big']\nrequires-python = ['>=3.9']", "", "setup(name=['huge', 'box'])", Metadata()),
        ("[tool.poetry]\nname = ['big']\n[tool.flit.module]\nname = ['box']", "", "", Metadata()),
        ("[tool.uv.build-backend]\nmodule-name = ['a', 'b']", "", "", Metadata(module="a")),
        ("", "", "setup(name=NAME, packages=find_packages('src'))", Metadata(roots=("src",))),
        ("", "", "setup(packages=find_packages(exclude=['tests']))", Metadata(roots=(".",))),
        (
            "",
            "",
            "from setuptools import setup\nsetup(name='box', package_dir={'': 'lib'}, py_modules=('a', 'b'))",
            Metadata(name="box", packages=("a", "b"), roots=("lib",)),
        ),
        (
            "",
            FIND,
            "",
            Metadata(packages=("a", "b"), roots=("src", "lib")),
        ),
        ("[tool.setuptools]\npackages = ['a', 'a.b']\n", "", "", Metadata(packages=("a", "a.b"))),
        (
            "[tool.setuptools]\npackage-dir = { box = 'code/box' }\n[tool.setuptools.packages.find]\nwhere = ['src']\n",
            "",
            "",
            Metadata(roots=("code", "src")),
        ),
        (
            "[tool.hatch.build.targets.wheel]\npackages = ['code/box', 'tools']",
            "",
            "",
            Metadata(packages=("box", "tools"), roots=("code", ".")),
        ),
        (
            "[tool.poetry]\npackages = [{ include = 'acme/box', from = 'lib' }, { include = 'x' }, 3]",
            "",
            "",
            Metadata(packages=("acme.box", "x"), roots=("lib",)),
        ),
        (
            "[tool.uv.build-backend]\nmodule-name = 'a.b'\nmodule-root = ''",
            "",
            "",
            Metadata(module="a.b", roots=(".",)),
        ),
        ("[tool.maturin]\npython-source = 'python'", "", "", Metadata(roots=("python",))),
        # tables of other back ends than the project's are left over
        (f"{TWO_TABLES}[build-system]\nbuild-backend = 'flit_core.buildapi'", "", "", Metadata(module="of_flit")),
        (f"{TWO_TABLES}[build-system]\nbuild-backend = 'uv_build'", "", "", Metadata(module="of_uv")),
        ("[tool.uv.build-backend]\nmodule-name = 'a'\n[build-system]\nbuild-backend = 'maturin'", "", "", Metadata()),
        # a caret means a range in Poetry's table alone
        ("[tool.poetry.dependencies]\npython = '^3.9'", "", "", Metadata(requires_python=">=3.9,<4")),
        ("[project]\nrequires-python = '^3.9'", "", "", Metadata(requires_python="^3.9")),
        ("", "[options]\npython_requires = ~3.9", "", Metadata(requires_python="~3.9")),
    ],
)
def test_what_packaging_files_declare(pyproject: str, setup_cfg: str, setup_py: str, expected: Metadata) -> None:
    assert (
        read_metadata(files_of({"pyproject.toml": pyproject, "setup.cfg": setup_cfg, "setup.py": setup_py})) == expected
    )


@pytest.mark.parametrize(
    ("metadata", "paths", "expected"),
    [
        # everyday names, and those of the standard library, are packages where they are declared
        (Metadata(packages=("tools", "test")), "tools/__init__.py test/a.py docs/a.py", (".", "test tools", "docs")),
        (Metadata(packages=("acme.cloud",)), "acme/cloud/__init__.py other.py", (".", "acme", "other")),
        (Metadata(name="store", packages=("acme",)), "acme/store/__init__.py", (".", "acme", "")),
        (Metadata(name="box", roots=("code",)), "code/a.py code/tests/b.py box.py", ("code", "a tests", "")),
        (Metadata(roots=("gone",)), "box/__init__.py", (".", "box", "")),
        (Metadata(name="box", roots=("a", "b")), "a/x.py b/box/__init__.py", ("b", "box", "")),
        (Metadata(name="big", packages=("a", "b")), "a/__init__.py b.py c.py d/__init__.py", (".", "a b d", "c")),
        (Metadata(name="big", module="a.b"), "big/__init__.py src/a/b.py", ("src", "a", "")),
    ],
)
def test_what_is_declared_comes_first(metadata: Metadata, paths: str, expected: tuple[str, str, str]) -> None:
    layout = find_layout(paths.split(), metadata)
    assert (layout.import_root, " ".join(layout.packages), " ".join(layout.others)) == expected


PROJECT = '[project]\nname = "box"\n'


@pytest.mark.parametrize(
    ("files", "directory", "import_root", "expected"),
    [
        ({"pyproject.toml": PROJECT, "python/pyproject.toml": PROJECT, "box.py": ""}, None, None, (".", ".", "box")),
        ({"python/pyproject.toml": PROJECT, "python/src/box.py": ""}, None, None, ("python", "python/src", "box")),
        (
            {"pyproject.toml": "[tool.ruff]\n", "bindings/python/setup.py": "", "bindings/python/box.py": ""},
            None,
            None,
            ("bindings/python", "bindings/python", "box"),
        ),
        ({"libs/box/setup.py": "", "libs/box/box/__init__.py": ""}, None, None, ("libs/box", "libs/box", "box")),
        ({"libs/a/setup.py": "", "libs/b/setup.py": "", "a.py": ""}, None, None, (".", ".", "a")),
        ({"libs/a/setup.py": "", "libs/b/setup.py": "", "libs/b/b.py": ""}, "libs/b/", None, ("libs/b", "libs/b", "b")),
        ({"python/setup.py": "", "libs/b/setup.py": "", "python/b.py": ""}, None, None, ("python", "python", "b")),
        ({"box/__init__.py": "", "addons/more/setup.py": ""}, None, None, (".", ".", "box")),
        ({"tests/data/a/setup.py": "", "vendor/b/setup.py": "", ".ci/setup.py": ""}, None, None, (".", ".", "")),
        ({"setup.py": "", "box/__init__.py": ""}, "python", None, (".", ".", "box")),  # it has moved since
        ({"python/pyproject.toml": "not toml", "python/box.py": ""}, None, None, ("python", "python", "box")),
        ({"python/setup.py": "", "python/code/a.py": ""}, None, "code", ("python", "python/code", "a")),
        ({"python/setup.py": "", "lib/a.py": ""}, None, "lib", ("python", "lib", "a")),
        ({"python/pyproject.toml": PROJECT, "src/box/__init__.py": ""}, None, None, ("python", "src", "box")),
    ],
)
def test_the_project_may_be_in_a_folder(
    files: dict[str, str], directory: str | None, import_root: str | None, expected: tuple[str, str, str]
) -> None:
    layout = locate([*files], files_of(files), directory=directory, import_root=import_root)
    assert (layout.directory, layout.import_root, " ".join(layout.packages)) == expected


def test_projects_of_a_monorepo_are_listed() -> None:
    paths = "a/setup.py a/sub/setup.py b/x/pyproject.toml docs/setup.py c/pyproject.toml deep/er/and/deeper/setup.py"
    files = {**dict.fromkeys(paths.split(), ""), "b/x/pyproject.toml": PROJECT, "c/pyproject.toml": "[tool.x]\n"}
    assert find_projects(files, files_of(files)) == ("a", "b/x")
