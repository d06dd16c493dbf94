"""Rules of configuration and scenario files that hold for every input."""

import itertools
import math
import tomllib
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from memharness.config import readers
from memharness.config.configuration import load_config
from memharness.config.document import Document
from memharness.errors import MemharnessError
from memharness.scenarios import all_cases, load_scenarios

SIZES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
SECONDS = {"ms": Fraction(1, 1000), "s": Fraction(1), "m": Fraction(60), "min": Fraction(60), "h": Fraction(3600)}
SPACE = st.sampled_from(["", " ", "  "])


@given(number=st.integers(0, 2**33 - 1), unit=st.sampled_from(sorted(SIZES)), space=SPACE)
def test_sizes_are_exact(number: int, unit: str, space: str) -> None:
    assert readers.size(f"{number}{space}{unit}", "") == number * SIZES[unit]


@given(thousandths=st.integers(1, 10**9), unit=st.sampled_from(sorted(SECONDS)), space=SPACE)
def test_durations_round_once(thousandths: int, unit: str, space: str) -> None:
    text = f"{thousandths // 1000}.{thousandths % 1000:03}{space}{unit}"
    assert readers.duration(text, "") == float(Fraction(thousandths, 1000) * SECONDS[unit])
    assert readers.percent(f"{thousandths}%", "") == float(Fraction(thousandths, 100))


@given(st.text() | st.floats().map(str) | st.from_regex(r"\A-?[0-9.]+ ?[KMG]?i?B?\Z"))
def test_a_size_is_whole_and_not_negative_or_refused(text: str) -> None:
    try:
        size = readers.size(text, "here")
    except MemharnessError as refusal:
        message = refusal.message
    else:
        assert 0 <= size < 1 << 63
        return
    assert message.startswith("here: ")


SOURCES = st.fixed_dictionaries({}, optional={name: st.integers(1, 99) for name in ("file", "variable", "option")})


@given(SOURCES)
@settings(deadline=None)
def test_the_strongest_source_decides(given_: dict[str, int]) -> None:
    with TemporaryDirectory() as folder:
        if "file" in given_:
            (Path(folder) / "memharness.toml").write_text(f"[run]\nworkers = {given_['file']}\n")
        config = load_config(
            Path(folder),
            environment={"MEMHARNESS_WORKERS": str(given_["variable"])} if "variable" in given_ else {},
            overrides={"run.workers": given_.get("option")},
        )
        default = load_config(Path("/"), environment={}).run.workers
    order = [given_[name] for name in ("option", "variable", "file") if name in given_]
    assert config.run.workers == next(iter(order), default)


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")))
SCALARS = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
NAMES = st.from_regex(r"\Ap[a-z_0-9]{0,8}\Z")
PARAMS = st.dictionaries(NAMES, st.lists(SCALARS, min_size=1, max_size=3, unique_by=lambda v: (type(v), v)), max_size=3)


def toml(value: object) -> str:
    """Write a scalar as TOML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return repr(value)


@given(PARAMS, st.sampled_from(["\n", "\r\n"]))
@settings(deadline=None)
def test_metadata_round_trip(params: dict[str, list[bool | int | float | str]], line_end: str) -> None:
    lines = [f"# {name} = [{', '.join(map(toml, values))}]" for name, values in params.items()]
    signature = f"def run({', '.join(params)}): ..."
    text = line_end.join(["# /// script", "# [tool.memharness.params]", *lines, "# ///", signature, ""])
    with TemporaryDirectory() as folder:
        (Path(folder) / "a.py").write_bytes(text.encode())
        (scenario,) = load_scenarios(Path(folder))
    assert {name: list(values) for name, values in scenario.params.items()} == params
    cases = all_cases([scenario])
    assert [tuple(case.params.values()) for case in cases] == list(itertools.product(*params.values()))
    assert len({case.name for case in cases}) == math.prod(map(len, params.values()))


ENTRIES = st.tuples(
    st.from_regex(r"\A[a-z]{1,4}\Z"),
    st.lists(st.sampled_from(["", "# a = 1", "  ", "# [x]"]), max_size=3),  # lines above
    st.sampled_from(["1", "[\n1,\n]", "'''\na = 1\n'''"]),
)


@given(st.lists(ENTRIES, min_size=1, max_size=6, unique_by=lambda entry: entry[0]))
def test_the_line_of_a_key_is_where_it_stands(entries: list[tuple[str, list[str], str]]) -> None:
    text, lines = "", {}
    for key, fillers, value in entries:
        text += "".join(f"{filler}\n" for filler in fillers)
        lines[key] = text.count("\n") + 1
        text += f"{key} = {value}\n"
    document = Document(Path("file.toml"), text)
    assert {key: document.line((key,)) for key in tomllib.loads(text)} == lines
