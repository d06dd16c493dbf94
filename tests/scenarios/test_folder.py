# ruff: noqa: E501 - the tables read better with one case per line

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from memharness.errors import MemharnessError
from memharness.files.copies import copy_folder
from memharness.model.scenarios import Call, Scenario, Thresholds
from memharness.model.values import digest
from memharness.scenarios import all_cases, load_scenarios, select_cases, skipped_entries
from memharness.scenarios.metadata import without_metadata

RUN = "def run(): pass\n"


def write(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def block(*lines: str) -> str:
    return "\n".join(["# /// script", *(f"# {line}" if line else "#" for line in lines), "# ///", ""])


def failure(folder: Path) -> tuple[str, str]:
    """Message and hint, with the folder left out."""
    with pytest.raises(MemharnessError) as caught:
        load_scenarios(folder)
    assert caught.value.exit_code == 2
    return caught.value.message.replace(f"{folder}{os.sep}", ""), caught.value.hint


def identities(folder: Path) -> dict[str, str]:
    return {scenario.name: scenario.identity for scenario in load_scenarios(folder)}


def test_every_field(tmp_path: Path) -> None:
    text = '"""Waste memory.\n\nA lot."""\n' + block(
        'requires-python = ">=3.9"',
        "dependencies = [",
        '  "numpy>=1.26",',
        "]",
        "",
        "[tool.other]",
        "x = 1",
        "[tool.memharness]",
        'params = { rows = [100, 400], kind = ["a", true, 1.5], cols = 100 }',
        "calls = 127",
        "fresh-setup = true",
        'timeout = "2m"',
        'memory-limit = "1 GiB"',
        'limits = { peak = "8 MiB", growth = "0 B", gc_objects = 100 }',
        'thresholds = { relative = "1%", absolute = "16 KiB", retained = "1 kB" }',
        'since = "v1.0"',
        'tags = ["slow"]',
        'metrics = ["peak", "growth"]',
    )
    text += "def setup(rows): ...\ndef run(state, rows, cols, *, kind): ...\ndef teardown(state, **params): ...\n"
    write(tmp_path, {"waste.py": text, "README.md": "", ".hidden.py": "(", "data/x.json": ""})
    (scenario,) = load_scenarios(tmp_path)
    assert len(scenario.identity) == 16
    assert scenario == Scenario(
        name="waste",
        path=str(tmp_path / "waste.py"),
        summary="Waste memory.",
        identity=scenario.identity,
        text_identity=scenario.text_identity,
        setup=Call(takes_state=False, params=("rows",)),
        run=Call(takes_state=True, params=("rows", "kind", "cols")),
        teardown=Call(takes_state=True, params=("rows", "kind", "cols")),
        params={"rows": (100, 400), "kind": ("a", True, 1.5), "cols": (100,)},
        tags=("slow",),
        dependencies=("numpy>=1.26",),
        requires_python=">=3.9",
        metrics=("peak", "growth"),
        calls=127,
        fresh_setup=True,
        timeout=120.0,
        memory_limit=1 << 30,
        limits={"peak": 8 << 20, "growth": 0, "gc_objects": 100},
        thresholds=Thresholds(relative=0.01, absolute=16 << 10, metrics={"retained": 1000}),
        since="v1.0",
    )


def test_never_imported(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": f"open({str(tmp_path / 'touched')!r}, 'w')\nraise SystemExit\n" + RUN})
    assert [scenario.name for scenario in load_scenarios(tmp_path)] == ["a"]
    assert not (tmp_path / "touched").exists()


def test_helpers_are_no_scenarios(tmp_path: Path) -> None:
    files = {
        "z.py": "import helper\n" + RUN,
        "a.py": RUN,
        "helper.py": "from deeper import x\n",
        "deeper.py": "x = 1\n",
        "_private.py": "(",
        "__init__.py": "(",
        "package/__init__.py": "",
        "package/inner.py": "",
        "waste/__init__.py": RUN,
    }
    assert [scenario.name for scenario in load_scenarios(write(tmp_path, dict(files)))] == ["a", "waste", "z"]


SIGNATURES = [  # functions, params -> calls of setup, run, teardown
    ("def run(): ...", "", (None, Call(takes_state=False, params=()), None)),
    ("def run(n=5): ...", "", (None, Call(takes_state=False, params=()), None)),
    ("def run(*a, **k): ...", "rows", (None, Call(takes_state=False, params=("rows",)), None)),
    ("def setup(): ...\ndef run(): ...", "", (Call(takes_state=False, params=()), Call(takes_state=False, params=()), None)),
    ("def setup(): ...\ndef run(s, /): ...", "", (Call(takes_state=False, params=()), Call(takes_state=True, params=()), None)),
    ("def setup(): ...\ndef run(s=None): ...", "", (Call(takes_state=False, params=()), Call(takes_state=True, params=()), None)),
    ("def setup(): ...\ndef run(rows): ...", "rows", (Call(takes_state=False, params=()), Call(takes_state=False, params=("rows",)), None)),
    ("def setup(*a): ...\ndef run(*a, rows): ...", "rows", (Call(takes_state=False, params=()), Call(takes_state=True, params=("rows",)), None)),
    ("def setup(**k): ...\ndef run(s, rows): ...\ndef teardown(rows): ...", "rows", (Call(takes_state=False, params=("rows",)), Call(takes_state=True, params=("rows",)), Call(takes_state=False, params=("rows",)))),
    ("def run(a): ...\ndef run(): yield_ = lambda: (yield)", "", (None, Call(takes_state=False, params=()), None)),
]  # fmt: skip


@pytest.mark.parametrize(("functions", "param", "calls"), SIGNATURES)
def test_signatures(tmp_path: Path, functions: str, param: str, calls: tuple[Call | None, ...]) -> None:
    metadata = block("[tool.memharness]", f"params.{param} = [1]") if param else ""
    (scenario,) = load_scenarios(write(tmp_path, {"a.py": metadata + functions}))
    assert (scenario.setup, scenario.run, scenario.teardown) == calls


def test_several_workloads_in_one_file(tmp_path: Path) -> None:
    text = '"""Of both."""\n\ndef setup(): ...\ndef run_a(state):\n    """Of a."""\nasync def run_b(): ...\n'
    helper = "def run_all(): ...\n"
    one, two = load_scenarios(write(tmp_path, {"two.py": f"import help\n{text}", "help.py": helper}))
    assert (one.name, one.summary, one.run) == ("two.a", "Of a.", Call(takes_state=True, params=(), function="run_a"))
    assert (two.name, two.run.function, two.run.is_async) == ("two.b", "run_b", True)
    assert one.setup == two.setup == Call(takes_state=False, params=())
    (single,) = load_scenarios(write(tmp_path / "beside", {"one.py": f"{text}def run(state): ...\n"}))
    assert (single.name, single.summary) == ("one", "Of both.")


ROWS = block("[tool.memharness]", "params = { rows = [1] }")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n", "a.py:1: no function run"),
        ("run = print\n", "a.py:1: no function run"),
        ("\ndef run(:\n", "a.py:2: invalid syntax"),
        ("x = '\0'\n", "a.py:1: source code string cannot contain null bytes"),
        (b"# ok\n#\n#\nx = '\xff'\n" + RUN.encode(), "a.py:4: not utf-8"),
        (b"# coding: nonsense\n", "a.py:1: unknown encoding: nonsense"),
        ("def run():\n    if x: yield 1\n", "a.py:1: run is a generator, and calling it runs nothing; the signature is def run(), the params none"),
        ("def run(s): ...\n", "a.py:1: run has a first parameter s for a state, but there is no setup; the signature is def run(s), the params none"),
        ("def run(): ...\ndef teardown(s): ...\n", "a.py:2: teardown has a first parameter s for a state, but there is no setup; the signature is def teardown(s), the params none"),
        (ROWS + "def run(): ...\n", "a.py:5: run takes no parameter named rows; the signature is def run(), the params rows"),
        (ROWS + "def run(rows, cols, *, k): ...\n", "a.py:5: run needs cols, k, which is no parameter; the signature is def run(rows, cols, *, k), the params rows"),
        (ROWS + "def run(rows, /): ...\n", "a.py:5: run needs rows, which can only be passed by position; the signature is def run(rows, /), the params rows"),
        ("def setup(n): ...\n" + RUN, "a.py:1: setup needs n, which is no parameter; the signature is def setup(n), the params none"),
        (ROWS + RUN + ROWS, "a.py:6: a second metadata block; the first is on line 1"),
        ("#\n# /// script\n# x = 1\n" + RUN, "a.py:2: a metadata block that does not end"),
        (block("x = 1"), "a.py:2: x: unknown key"),
        (block("dependencies = ", "x = 1"), "a.py:2:18: not valid TOML: Invalid value"),
        (block('dependencies = ["a",', '"not one"]'), 'a.py:3: dependencies: "not one" is not a dependency: Expected semicolon (after name with no version specifier) or end'),
        (block('requires-python = "3.9 or so"'), 'a.py:2: requires-python: "3.9 or so" is no version specifier'),
        (block("tool = { memharness = 3 }"), "a.py:2: tool.memharness: expected a table"),
        (block("[tool.memharness]", "call = 3"), "a.py:3: tool.memharness.call: unknown key"),
        (block("[tool.memharness]", "calls = 64"), "a.py:3: tool.memharness.calls: 64 is no number of calls that the leak rule has windows for"),
        (block("[tool.memharness]", "fresh-setup = 1"), "a.py:3: tool.memharness.fresh-setup: expected true or false, got a whole number"),
        (block("[tool.memharness]", "fresh-setup = true") + RUN, "a.py:5: tool.memharness.fresh-setup: there is no setup"),
        (block("[tool.memharness]", "timeout = '0s'"), "a.py:3: tool.memharness.timeout: must be more than zero"),
        (block("[tool.memharness]", "memory-limit = 0"), "a.py:3: tool.memharness.memory-limit: must be more than zero"),
        (block("[tool.memharness]", "limits = { peek = 1 }"), "a.py:3: tool.memharness.limits.peek: unknown key"),
        (block("[tool.memharness.limits]", "peak = '1 MB/s'"), "a.py:3: tool.memharness.limits.peak: '1 MB/s' is not a size"),
        (block("[tool.memharness]", "thresholds = { relative = '1' }"), "a.py:3: tool.memharness.thresholds.relative: '1' is not a percentage"),
        (block("[tool.memharness]", "metrics = ['rss']"), 'a.py:3: tool.memharness.metrics: unknown metric "rss"'),
        (block("[tool.memharness]", "params = [1]"), "a.py:3: tool.memharness.params: expected a table, got a list"),
        (block("[tool.memharness.params]", "rows = []"), "a.py:3: tool.memharness.params.rows: no values"),
        (block("[tool.memharness.params]", "rows = [1, 1]"), "a.py:3: tool.memharness.params.rows: a value stands twice"),
        (block("[tool.memharness.params]", "rows = [[1]]"), "a.py:3: tool.memharness.params.rows: a value is a list"),
        (block("[tool.memharness.params]", "rows = nan"), "a.py:3: tool.memharness.params.rows: nan cannot be stored"),
        (block("[tool.memharness.params]", "rows = 9223372036854775808"), "a.py:3: tool.memharness.params.rows: 9223372036854775808 cannot be stored"),
        (block("[tool.memharness.params]", "class = 1"), "a.py:3: tool.memharness.params.class: not a parameter's name"),
        (block("[tool.memharness.params]", *(f"p{n} = [1, 2]" for n in range(10))), "a.py:2: tool.memharness.params: 1,024 combinations, the most is 1,000"),
    ],
)  # fmt: skip
def test_faults_name_file_and_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    has_run = isinstance(text, bytes) or "run" in text or not text.startswith("# ///")
    write(tmp_path, {"a.py": text if has_run else f"{text!s}{RUN}"})
    found, hint = failure(tmp_path)
    assert found == message
    assert hint


def test_faults_of_folders(tmp_path: Path) -> None:
    assert failure(tmp_path / "absent") == (
        f"{tmp_path / 'absent'}: no such scenario folder",
        "Run `memharness init`, or set run.scenarios. See `memharness help configuration`.",
    )
    assert failure(tmp_path)[0] == f"{tmp_path}: no scenarios"
    write(tmp_path, {"a.py": RUN, "a/__init__.py": RUN})
    assert failure(tmp_path)[0] == f'a{os.sep}__init__.py: a second scenario named "a"; the first is a.py'
    assert failure(tmp_path / "a.py")[0] == f"{tmp_path / 'a.py'}: cannot be read: Not a directory"
    write(tmp_path / "other", {"a b.py": RUN})
    assert failure(tmp_path / "other")[0] == 'a b.py: "a b" cannot name a scenario'
    write(tmp_path / "helpers", {"a.py": "import b\n" + RUN, "b.py": "x ="})
    assert failure(tmp_path / "helpers")[0] == "b.py:1: invalid syntax"


def test_encoding_and_line_ends(tmp_path: Path) -> None:
    latin = '# coding: latin-1\n"""Größe."""\n' + ROWS + "def run(rows): ...\n"
    (scenario,) = load_scenarios(write(tmp_path, {"a.py": latin.encode("latin-1")}))
    (crlf,) = load_scenarios(write(tmp_path, {"a.py": latin.replace("\n", "\r\n").encode("latin-1")}))
    assert (scenario.summary, scenario.params) == ("Größe.", {"rows": (1,)})
    assert crlf == scenario
    (marked,) = load_scenarios(write(tmp_path, {"a.py": b"\xef\xbb\xbf" + RUN.encode()}))
    assert marked.name == "a"


@pytest.mark.parametrize("unit", ["# /// script\n", "# /// a\n#\n", "# /// a\n# ///\n", "#\n"])
def test_reading_metadata_takes_linear_time(unit: str) -> None:
    """The expression that PEP 723 gives takes minutes for this."""
    began = time.process_time()
    text = unit * (400_000 // len(unit))
    assert len(without_metadata(text)) <= len(text)
    assert time.process_time() - began < 3


CODE = '''"""Parse."""
import json
from _helper import make

LIMIT = 255


class Box:
    """Holds."""

    def fill(self, n):
        """Fill it."""
        return f"{n:>{LIMIT}}" "x"


def setup():
    """Make it."""
    if LIMIT:
        return Box()
    elif json:
        pass


def run(box):
    """Run it."""
    return [box.fill(n) for n in range(3)], make()
'''
HELPER = 'def make():\n    """Make."""\n    return {**{}, 1: -2.5}\n'
SAME_CODE = {
    "comments": CODE.replace("LIMIT = 255", "LIMIT = 255  # as ever\n# end"),
    "docstrings": CODE.replace("Parse.", "")
    .replace("Holds.", "H")
    .replace("Fill", "F")
    .replace("Make", "")
    .replace("Run", "R"),
    "no docstrings": "\n".join(line for line in CODE.split("\n") if '"""' not in line),
    "texts that do nothing": CODE.replace("LIMIT = 255", 'LIMIT = 255\n"""The most."""'),
    "blank lines": CODE.replace("\n\n", "\n\n\n").replace("import json\n", "import json\n\n"),
    "indentation": CODE.replace("    ", "\t"),
    "line ends": CODE.replace("\n", "\r\n"),
    "quotes": CODE.replace('"x"', "'x'"),
    "numbers": CODE.replace("255", "0xFF"),
    "parentheses": CODE.replace("range(3)], make()", "range(3)], (make())"),
    "joined texts": CODE.replace('}}" "x"', '}}x"'),
    "elif": CODE.replace("    elif json:\n        pass", "    else:\n        if json:\n            pass"),
    "form feed, mark": "\ufeff" + CODE.replace("\n\n\n", "\n\x0c\n\n"),
}
OTHER_CODE = {
    "constant": CODE.replace("255", "256"),
    "type of a constant": CODE.replace("255", "255.0"),
    "text": CODE.replace('"x"', '"y"'),
    "bytes": CODE.replace('"x"', 'b"x"').replace('f"{n:>{LIMIT}}" ', ""),
    "order": CODE.replace("import json\nfrom _helper import make", "from _helper import make\nimport json"),
    "condition": CODE.replace("    elif json:\n        pass", "    if json:\n        pass"),
    "name": CODE.replace("box", "crate"),
    "format": CODE.replace(":>", ":<"),
    "conversion": CODE.replace("{n:", "{n!r:"),
    "async": CODE.replace("for n in range", "async for n in range"),
    "level of an import": CODE.replace("from _helper", "from ._helper"),
}
READ_DOCSTRINGS = {
    "__doc__": "x = __doc__\n",
    "of another": "x = len.__doc__\n",
    "by name": "x = getattr(len, '__doc__')\n",
    "doctest": "import doctest\n",
    "inspect": "from inspect import getdoc\n",
}


@pytest.mark.parametrize("change", SAME_CODE)
def test_identity_is_that_of_the_code(tmp_path: Path, change: str) -> None:
    files: dict[str, str | bytes] = {"a.py": CODE, "_helper.py": HELPER}
    before = identities(write(tmp_path, files))
    assert before == {"a": "a27af1abe230bc52"}  # the same under every Python that memharness runs on
    assert identities(write(tmp_path, {"a.py": SAME_CODE[change]})) == before
    assert identities(write(tmp_path, {"_helper.py": "# made\n" + HELPER.replace("Make.", "") + "\n"})) == before


def test_identity_follows_all_code(tmp_path: Path) -> None:
    write(tmp_path, {f"{number}.py": text for number, text in enumerate((CODE, *OTHER_CODE.values()))})
    write(tmp_path, {"_helper.py": HELPER})
    found = identities(tmp_path)
    assert len(set(found.values())) == len(found) == len(OTHER_CODE) + 1


@pytest.mark.parametrize("code", READ_DOCSTRINGS.values(), ids=READ_DOCSTRINGS)
def test_docstrings_count_where_code_reads_them(tmp_path: Path, code: str) -> None:
    before = identities(write(tmp_path, {"a.py": CODE + code, "_helper.py": HELPER}))
    assert identities(write(tmp_path, {"a.py": CODE.replace("Fill", "Empty") + code})) != before


@pytest.mark.parametrize(
    "code",
    [
        "@register\ndef made(): 'one'\n",
        "class Made(Base): 'one'\n",
        "def p_sum(p): 'one'\n",  # as parser generators have it: found by its name's beginning
    ],
)
def test_docstrings_count_where_code_is_handed_to_others(tmp_path: Path, code: str) -> None:
    before = identities(write(tmp_path, {"a.py": code + RUN + "made, Made\n"}))
    assert identities(write(tmp_path, {"a.py": code.replace("one", "two") + RUN + "made, Made\n"})) != before


def test_the_identity_of_earlier_versions_is_known(tmp_path: Path) -> None:
    text = "# of old\n" + RUN
    block_ = block("[tool.memharness]", "calls = 31", "tags = ['x']")
    (scenario,) = load_scenarios(write(tmp_path, {"a.py": (block_ + text).replace("\n", "\r\n")}))
    assert scenario.text_identity == digest([[("a.py", text)], {"calls": 31}], 16)


DEEP = {
    "sum": "+".join(["1"] * 50_000),
    "minus": "-" * 100_000 + "1",
    "brackets": "[" * 5_000 + "]" * 5_000,
    "attributes": "a" + ".b" * 50_000,
    "calls": "a" + "()" * 50_000,
    "not": "not " * 50_000 + "1",
    "lambda": "lambda: " * 50_000 + "1",
    "else": "1 if 1 else " * 20_000 + "1",
    "power": "**".join(["1"] * 50_000),
    "digits": "9" * 5_000,
}


@pytest.mark.parametrize("value", DEEP.values(), ids=DEEP)
def test_what_python_cannot_read_is_an_error_with_its_line(tmp_path: Path, value: str) -> None:
    message, hint = failure(write(tmp_path, {"a.py": f"x = 1\n\n\ny = {value}\n{RUN}"}))
    assert message.startswith("a.py:4: ")
    assert hint
    message, _ = failure(write(tmp_path, {"a.py": "import _b\n" + RUN, "_b.py": f"def f(): return {value}\n"}))
    assert message.startswith("_b.py:1: ")


READ = {
    "long sum": "x = " + "+".join(["1"] * 2_000),
    "long list": "x = [" + "1, " * 50_000 + "]",
    "long hexadecimal": "x = 0x" + "f" * 5_000,
    "deep in run": "def f():\n    return " + "-" * 1_000 + "1",
    "long name": f"import {'a' * 300}, b.{'c' * 300}",
    "dots": "from " + "." * 1_000 + " import x",
    "star": "from _h import *",
    "surrogate": 'x = "\\ud800"',
    "infinite": "x = 1e999, -1e999j",
    "tabs": "if 1:\n\tx = 1",
}


@pytest.mark.parametrize("code", READ.values(), ids=READ)
def test_what_python_can_read_is_read(tmp_path: Path, code: str) -> None:
    deep = "-" * 1_000
    assert len(identities(write(tmp_path, {"a.py": f"{code}\ndef run():\n    return {deep}1\n"}))) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"# coding: rot13\n", "a.py:1: 'rot13' is not a text encoding"),
        (b"# coding: hex\n", "a.py:1: 'hex' is not a text encoding"),
        (b"# coding: undefined\n", "a.py:1: decoding with 'undefined' codec failed"),
        (b"# coding: raw_unicode_escape\nx = '\\ud800'\n", "a.py:1: 'utf-8' codec can't encode"),
        (b"\xff\n", "a.py:1: invalid or missing encoding declaration"),
        (b"x = 1\n" * (3 << 20), "a.py: has more than 16 MiB"),
    ],
)
def test_strange_encodings_and_sizes_are_errors(tmp_path: Path, text: bytes, message: str) -> None:
    assert failure(write(tmp_path, {"a.py": text + RUN.encode()}))[0].startswith(message)


def test_metadata_of_any_length_is_read_in_time_that_grows_with_it(tmp_path: Path) -> None:
    many = "# /// script-\n" * 300_000
    (scenario,) = load_scenarios(write(tmp_path, {"a.py": many + "x = 1\n" + block("dependencies = []") + RUN}))
    assert scenario.tags == ()
    long = block(f"dependencies = [{', '.join(['1'] * 40_000)}]")
    assert (
        failure(write(tmp_path, {"a.py": long + RUN}))[0]
        == "a.py:1: 120,015 characters of metadata, the most is 65,536"
    )
    digits = block(f"tool.x = {'9' * 5_000}")
    assert "a.py: not valid TOML: Exceeds the limit" in failure(write(tmp_path, {"a.py": digits + RUN}))[0]


@pytest.fixture
def strange_folder(tmp_path: Path) -> Iterator[Path]:
    """Return a scenario folder with all that editors, programs and jokers leave in one."""
    folder = write(
        tmp_path / "scenarios",
        {
            "good.py": RUN,
            ".good.py.swp": "x",
            "good.py~": "x",
            "#good.py#": "x",
            "data/lines.txt": "one",
            "data/__pycache__/x.pyc": "x",
            "folder.py/inner.txt": "x",
            "outside.json": "old",
        },
    )
    outside = write(tmp_path / "outside", {"more.txt": "more"})
    (folder / ".#good.py").symlink_to("user@host.1234:1")
    (folder / "dangling.py").symlink_to("absent.py")
    (folder / "loop.py").symlink_to("loop.py")
    (folder / "pipe.py").unlink(missing_ok=True)
    os.mkfifo(folder / "pipe.py")
    os.mkfifo(folder / "data" / "pipe")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(folder / "socket.py"))
    (folder / "back").symlink_to("..", target_is_directory=True)
    (folder / "more").symlink_to(outside, target_is_directory=True)
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.txt")).write_text("x")
    with (folder / "sparse.bin").open("wb") as file:
        file.truncate(1 << 38)
        file.seek(1 << 37)
        file.write(b"middle")
    deep = tempfile.mkdtemp()  # not below tmp_path, which could not be removed then
    (folder / "deep").symlink_to(deep, target_is_directory=True)
    at = os.open(deep, os.O_RDONLY)
    for _ in range(2_000):
        os.mkdir("deep", dir_fd=at)
        at, above = os.open("deep", os.O_RDONLY, dir_fd=at), at
        os.close(above)
    os.close(at)
    yield folder
    subprocess.run(["rm", "-rf", "--", deep], check=True)


def test_what_else_lies_in_the_folder_stops_nothing(tmp_path: Path, strange_folder: Path) -> None:
    folder = strange_folder
    assert list(identities(folder)) == ["good"]
    assert skipped_entries(folder) == tuple(
        f"{folder / name} is left out: it is no file, or leads to none"
        for name in ("dangling.py", "loop.py", "pipe.py", "socket.py")
    )
    copy = tmp_path / "copy"  # which the link "back" leads to as well
    copy_folder(folder, copy)
    assert identities(copy) == identities(folder)
    assert {str(path.relative_to(copy)): path.stat().st_size for path in copy.rglob("*") if path.is_file()} == {
        "good.py": len(RUN),
        ".good.py.swp": 1,
        "good.py~": 1,
        "#good.py#": 1,
        "data/lines.txt": 3,
        "folder.py/inner.txt": 1,
        "outside.json": 3,
        "more/more.txt": 4,
        "caf\udce9.txt": 1,
        "sparse.bin": 1 << 38,
        "back/outside/more.txt": 4,
    }
    with (copy / "sparse.bin").open("rb") as file:
        file.seek((1 << 37) - 1)
        assert file.read(8) == b"\0middle\0"


def test_identity_follows_only_metadata_that_changes_figures(tmp_path: Path) -> None:
    def identity(*lines: str) -> str:
        block = "".join(f"# {line}\n" for line in lines)
        header = f"# /// script\n# [tool.memharness]\n{block}# ///\n" if lines else ""
        return identities(write(tmp_path, {"a.py": f"{header}def run():\n    pass\n"}))["a"]

    plain = identity()
    assert identity('limits = { peak = "1 MiB" }', 'tags = ["x"]', 'thresholds = { relative = "2%" }') == plain
    assert identity("calls = 31") not in {plain, identity("calls = 15")}
    assert identity("fresh-setup = false") == plain


def test_identity_follows_imports(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "a.py": "def run():\n    import _one.deep\n",
        "b.py": "from _one import side\n" + RUN,
        "c.py": "import json, absent\n" + RUN,
        "waste/__init__.py": "from . import part\nfrom .._one import side\n" + RUN,
        "waste/part.py": "",
        "_one/__init__.py": "",
        "_one/deep.py": "if True:\n    from .loop import x\n",
        "_one/loop.py": "from . import deep\nx = 1\n",
        "_one/side.py": "",
        "_space/inner.py": "",
        "d.py": "import _space.inner\n" + RUN,
    }
    before = identities(write(tmp_path, files))
    assert len(set(before.values())) == 5

    def changed_by(name: str) -> set[str]:
        after = identities(write(tmp_path, files | {name: "x = 2\n"}))
        return {scenario for scenario in before if after[scenario] != before[scenario]}

    assert changed_by("_one/loop.py") == {"a"}
    assert changed_by("_one/side.py") == {"b", "waste"}
    assert changed_by("_one/__init__.py") == {"a", "b", "waste"}
    assert changed_by("_space/inner.py") == {"d"}
    assert changed_by("waste/part.py") == {"waste"}
    assert changed_by("_unused.py") == set()
    write(tmp_path, files)
    assert identities(tmp_path) == before


@pytest.fixture(name="scenarios")
def _scenarios(tmp_path: Path) -> tuple[Scenario, ...]:
    waste = block("[tool.memharness]", "tags = ['slow']", "params = { rows = [100, 400], cols = [1, 2] }")
    write(tmp_path, {"waste.py": waste + "def run(rows, cols): ...\n", "parse.py": RUN, "Load_big.py": RUN})
    return load_scenarios(tmp_path)


def test_values_that_look_alike_make_cases_of_their_own(tmp_path: Path) -> None:
    params = block("[tool.memharness.params]", "x = ['true', true, 1, 1.0, '1']")
    cases = all_cases(load_scenarios(write(tmp_path, {"a.py": params + "def run(x): ..."})))
    assert [case.name for case in cases] == ['a[x="true"]', "a[x=true]", "a[x=1]", "a[x=1.0]", 'a[x="1"]']


def test_expand(scenarios: tuple[Scenario, ...]) -> None:
    assert [case.name for case in all_cases(scenarios)] == [
        "Load_big",
        "parse",
        "waste[cols=1,rows=100]",
        "waste[cols=2,rows=100]",
        "waste[cols=1,rows=400]",
        "waste[cols=2,rows=400]",
    ]


@pytest.mark.parametrize(
    ("pattern", "tags", "names"),
    [
        (None, (), ["Load_big", "parse", "waste[cols=1,rows=100]", "waste[cols=2,rows=100]", "waste[cols=1,rows=400]", "waste[cols=2,rows=400]"]),
        ("PARSE", (), ["parse"]),
        ("load_B", (), ["Load_big"]),
        ("parse or big", (), ["Load_big", "parse"]),
        ("rows=400 and not cols=1", (), ["waste[cols=2,rows=400]"]),
        ("not waste and not parse", (), ["Load_big"]),
        ("waste and 400 or parse", (), ["parse", "waste[cols=1,rows=400]", "waste[cols=2,rows=400]"]),
        ("waste and (400 or parse)", (), ["waste[cols=1,rows=400]", "waste[cols=2,rows=400]"]),
        ("not (waste or not not parse)", (), ["Load_big"]),
        ("cols=2", ("slow", "other"), ["waste[cols=2,rows=100]", "waste[cols=2,rows=400]"]),
    ],
)  # fmt: skip
def test_select(scenarios: tuple[Scenario, ...], pattern: str | None, tags: tuple[str, ...], names: list[str]) -> None:
    assert [case.name for case in select_cases(all_cases(scenarios), pattern, tags)] == names


@pytest.mark.parametrize(
    ("pattern", "place"),
    [
        ("and x", "and"),
        ("x or", "its end"),
        ("(x", "its end"),
        ("x y", "y"),
        ("x)", ")"),
        ("()", ")"),
        ("not", "its end"),
    ],
)
def test_faults_of_patterns(scenarios: tuple[Scenario, ...], pattern: str, place: str) -> None:
    with pytest.raises(MemharnessError) as caught:
        select_cases(all_cases(scenarios), pattern)
    assert caught.value.message == f'-k "{pattern}": cannot be read at {place}'


def test_nothing_selected(scenarios: tuple[Scenario, ...]) -> None:
    with pytest.raises(MemharnessError) as caught:
        select_cases(all_cases(scenarios[:2]), "nope", ["slow"])
    assert (caught.value.message, caught.value.hint) == (
        'no case matches -k "nope" and the tag slow',
        "The cases are Load_big, parse.",
    )
    with pytest.raises(MemharnessError) as caught:
        select_cases(all_cases(scenarios[2:]), "parse")
    assert caught.value.hint.endswith(" The tags are slow.")


def test_scenarios_of_this_project_load() -> None:
    folder = Path(__file__).parents[2] / "scenarios"
    assert "waste_memory" in [scenario.name for scenario in load_scenarios(folder)]


def test_a_parameter_in_an_expression_is_whole(tmp_path: Path) -> None:
    text = block("[tool.memharness]", "params = { n = [10, 100], word = ['ä b'] }") + "def run(n, word): ...\n"
    cases = all_cases(load_scenarios(write(tmp_path, {"grow.py": text})))
    names = ['grow[n=10,word="ä b"]', 'grow[n=100,word="ä b"]']
    assert [case.name for case in cases] == names
    assert [case.name for case in select_cases(cases, "n=10")] == names[:1]
    assert [case.name for case in select_cases(cases, "Ä")] == names
