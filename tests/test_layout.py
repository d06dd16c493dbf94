import pytest

from memharness.layout import Layout, detect, distribution_name, project_name


@pytest.mark.parametrize(
    ("name", "configured", "paths", "expected"),
    [
        ("box", None, "setup.py box/__init__.py box/core.py tests/test_box.py docs/conf.py", (".", "box")),
        ("box", None, "src/box/__init__.py tests/__init__.py noxfile.py", ("src", "box")),
        ("big-box", None, "src/big_box/__init__.py src/_helper.py", ("src", "_helper big_box")),
        ("Big-Box", None, "Big_Box/__init__.py", (".", "Big_Box")),
        ("Box", None, "box/__init__.py", (".", "box")),
        ("six", None, "six.py setup.py conftest.py test_six.py", (".", "six test_six")),
        ("zope.interface", None, "src/zope/interface/__init__.py", ("src", "zope")),
        ("zope.interface", None, "zope/interface/__init__.py notes/x.py", (".", "zope")),
        ("PyYAML", None, "lib/yaml/__init__.py setup.py packaging/x.py", ("lib", "yaml")),
        ("beautifulsoup4", None, "bs4/__init__.py tools/a/__init__.py", (".", "bs4")),
        ("memharness-regression", None, "harness/memharness/__init__.py scenarios/x.py", ("harness", "memharness")),
        ("box", None, "vendor/other/box/__init__.py backend/box/__init__.py", ("backend", "box")),
        ("box", None, "app/__init__.py app/box/__init__.py", (".", "app")),
        ("box", None, "tests/box/__init__.py", (".", "")),
        ("tools", None, "tools/__init__.py", (".", "tools")),
        (None, None, "src/box/deep/module.py README", ("src", "box")),
        (None, None, "src/main.c box/__init__.py", (".", "box")),
        (None, None, "src/py/box/__init__.py box.py", ("src", "py")),
        ("box", "src/py", "src/py/box/__init__.py box.py", ("src/py", "box")),
        ("box", "./src/", "src/box/__init__.py", ("src", "box")),
        ("box", "src", "box/__init__.py", (".", "box")),
        (None, ".", "src/box/__init__.py a.py", (".", "a")),
        (None, None, "", (".", "")),
        (None, None, "README bad-name.py", (".", "")),
    ],
)
def test_detect(name: str | None, configured: str | None, paths: str, expected: tuple[str, str]) -> None:
    layout = Layout(import_root=expected[0], packages=tuple(expected[1].split()))
    assert detect(paths.split(), project_name=name, configured=configured) == layout


@pytest.mark.parametrize(
    ("pyproject", "setup_cfg", "expected"),
    [
        (b'[project]\nname = "box"', b"[metadata]\nname = other", "box"),
        (b'[tool.poetry]\nname = "box"', None, "box"),
        (b'[project]\nname = "big"\n[tool.flit.module]\nname = "box"', None, "box"),
        (b'[tool.flit.metadata]\nmodule = "box"', None, "box"),
        (b"[tool.black]\n", b"[metadata]\nname = box\n", "box"),
        (b"not toml", b"[metadata]\nname = box\n", "box"),
        (b"\xff", b"no section", None),
        (None, None, None),
    ],
)
def test_project_name(pyproject: bytes | None, setup_cfg: bytes | None, expected: str | None) -> None:
    assert project_name(pyproject, setup_cfg) == expected


def test_a_distribution_may_be_named_unlike_its_package() -> None:
    pyproject = b'[project]\nname = "big"\n[tool.flit.module]\nname = "box"'
    assert (project_name(pyproject), distribution_name(pyproject)) == ("box", "big")
    assert distribution_name(None, b"[metadata]\nname = box\n") == "box"
