"""Packaging files of strangers: whatever stands in them, they are read, or count as unreadable."""

import tomlkit
from hypothesis import example, given
from hypothesis import strategies as st

from memharness.environments import CommitFiles
from memharness.environments.fingerprint import fingerprint
from memharness.model.environments import EnvironmentSpec, Interpreter
from memharness.packages.layout import Layout, locate
from memharness.packages.metadata import is_project, read_metadata
from memharness.packages.pyproject import read_ini, read_toml

SPEC = EnvironmentSpec(
    interpreter=Interpreter(path="/python", version="3.12.0", implementation="cpython", cache_tag="cpython-312"),
    install="auto",
)
NAMES = st.sampled_from(
    """build-system backend-path build-backend requires project name version dynamic dependencies tool flit module
    metadata poetry packages include from hatch build targets wheel force-include setuptools package-dir package-data
    data-files py-modules dynamic attr file uv sources path workspace members pdm maturin ruff""".split()  # noqa: SIM905
)
TEXTS = st.sampled_from(
    ["", ".", "..", "/", "box", "src/box", "../out", "*", "box/*.txt", "a" * 300, "é\u202e", "box:x"]
)
SINGLE = TEXTS | st.text(max_size=9) | st.booleans() | st.integers() | st.floats() | st.datetimes() | st.dates()
VALUES = st.recursive(
    SINGLE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
FILES = dict.fromkeys(("pyproject.toml", "setup.cfg", "hatch.toml", "src/box/__init__.py", "box/a.txt"), "0" * 40)


def looked_into(files: dict[str, bytes]) -> None:
    """Ask everything that a run asks of the packaging files of a commit."""
    metadata = read_metadata(files.get)
    names = (metadata.name or "", metadata.module or "", *metadata.packages, *metadata.roots)
    assert all(isinstance(name, str) for name in names)
    layout = locate(FILES, files.get)
    assert isinstance(layout, Layout)
    assert is_project(files.get) in {True, False}
    assert len(fingerprint(SPEC, CommitFiles(ids=FILES, read=files.get, layout=layout))) == 32


@given(document=st.dictionaries(NAMES, VALUES, max_size=4))
@example(document={"tool": 1})
@example(document={"tool": {"flit": "x"}})
@example(document={"tool": [{"poetry": 3}]})
@example(document={"project": "x", "build-system": "y"})
@example(document={"build-system": {"backend-path": 1}})
@example(document={"build-system": {"backend-path": [1, "", ".", "../x", ["y"]]}})
def test_any_toml_document_is_read(document: dict[str, object]) -> None:
    content = tomlkit.dumps(document).encode(errors="replace")
    looked_into({"pyproject.toml": content, "hatch.toml": content})


@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@example(content=b"[" * 100_000)
@example(content=b"a = " + b"[" * 5_000 + b"]" * 5_000)
@example(content=b"a." * 5_000 + b"a = 1")
@example(content=b"a = " + b"{ a = " * 400 + b"1" + b" }" * 400)
@example(content=b"a = 0x" + b"f" * 5_000)
@example(content=b"a = " + b"9" * 5_000)
@example(content=b"a = 1\n" * 1_000_000)
@example(content=b"[metadata]\nname = b\xf6x\n a\n")
@example(content=b"[options]\n  a\n = b\n[options]\n[DEFAULT]\nx = %(y)s\n")
def test_any_file_is_read_or_counts_as_unreadable(content: bytes) -> None:
    looked_into({"pyproject.toml": content, "setup.cfg": content, "setup.py": content, "MANIFEST.in": content})


def test_what_others_read_is_read() -> None:
    """A byte order mark and Windows line ends are no fault of a file, nor is a name in Latin-1 beside one in ASCII."""
    assert read_toml(b'\xef\xbb\xbf[project]\r\nname = "box"\r\n') == {"project": {"name": "box"}}
    assert read_ini(b"\xef\xbb\xbf[metadata]\r\nname = box\r\nauthor = Zo\xeb\r\n") == {
        "metadata": {"name": "box", "author": "Zo\ufffd"}
    }
