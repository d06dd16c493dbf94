"""The guide and README say what the program has, and nothing else: keys, options, variables, exit codes, words."""

import ast
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click
import pytest

import memharness as api
from memharness import errors
from memharness.analyse.steps import RELATIVE, RELATIVE_OF
from memharness.cli import main
from memharness.cli import memharness as group
from memharness.config import readers
from memharness.config.configuration import KEYS, load_config, variable_name
from memharness.errors import MemharnessError
from memharness.guide import read_topic, topics
from memharness.model.findings import Confidence, Report, Verdict
from memharness.model.metrics import COMMON, METRICS, PASSES
from memharness.scenarios.metadata import read_metadata
from memharness_pytest.measuring import MEASURED

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "harness" / "memharness"
SOURCES = [path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")]
CONTEXT = click.Context(group, **group.context_settings)
COMMANDS = {name: group.get_command(CONTEXT, name) for name in group.list_commands(CONTEXT)}
TEXTS = {name: read_topic(name) for name in topics()} | {"README": (ROOT / "README.md").read_text(encoding="utf-8")}
FOREIGN = ("git", "cp", "python", "pip", "uv", "ulimit", "pytest ", ".venv")  # commands of others


def table(topic: str, heading: str, number: int = 0) -> list[list[str]]:
    """Return the cells of a table below a heading, without its head."""
    section = re.split(r"(?m)^#+ ", read_topic(topic).partition(f"# {heading}\n")[2])[0]
    blocks = re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE)
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in blocks[number].splitlines()[2:]]


def codes(text: str) -> list[str]:
    """Return what is written as code within sentences and tables."""
    return re.findall(r"`([^`]+)`", re.sub(r"(?ms)^```.*?^```", "", text))


def first_codes(rows: list[list[str]]) -> list[str]:
    return [code for row in rows for code in codes(row[0])]


def options_of(command: click.Command | None) -> set[str]:
    """Return all spellings of a command's options."""
    assert command is not None
    params = command.get_params(click.Context(command, parent=CONTEXT))
    return {name for one in params if isinstance(one, click.Option) for name in (*one.opts, *one.secondary_opts)}


OPTIONS = {name: options_of(command) for name, command in COMMANDS.items()}
PLUGIN = ROOT / "harness" / "memharness_pytest" / "plugin.py"
PLUGIN_OPTIONS = set(re.findall(r'"(--[a-z-]+)"', PLUGIN.read_text(encoding="utf-8")))


def options_in(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])(?:--[a-z][a-z-]+|-[a-z])(?![\w-])", text))


def named(hint: str) -> set[str]:
    """Return the names that a hint lists."""
    return set(re.findall(r"[\w-]+", hint.partition("Known are ")[2]))


def known_metadata(block: str) -> set[str]:
    """Return the keys that a metadata block may have where `block` has an unknown one."""
    with pytest.raises(MemharnessError) as caught:
        read_metadata(Path("s.py"), f"# /// script\n{block}# ///\n")
    return named(caught.value.hint)


def test_the_keys_of_a_scenario() -> None:
    assert {*first_codes(table("scenarios", "The metadata")), "tool"} == known_metadata("# nonsense = 1\n")
    keys = known_metadata("# [tool.memharness]\n# nonsense = 1\n")
    assert sorted(first_codes(table("scenarios", "The metadata", 1))) == sorted(keys)
    for key, example, _ in table("scenarios", "The metadata", 1):
        read_metadata(
            Path("s.py"), f"# /// script\n# [tool.memharness]\n# {codes(key)[0]} = {codes(example)[0]}\n# ///\n"
        )


def test_the_keys_of_the_configuration(tmp_path: Path) -> None:
    rows = {
        f"{section}.{codes(row[0])[0]}": row
        for section in dict.fromkeys(name.partition(".")[0] for name in KEYS)
        for row in table("configuration", f"[{section}]")
    }
    assert list(rows) == list(KEYS)
    assert {name: codes(row[1]) for name, row in rows.items()} == {
        name: [variable_name(name)] if key.split else [] for name, key in KEYS.items()
    }
    values = [f"{name} = {row[2].strip('`')}\n" for name, row in rows.items() if re.fullmatch("`[^`]*`", row[2])]
    (tmp_path / "memharness.toml").write_text("".join(values))
    written, default = load_config(tmp_path, environment={}), load_config(tmp_path / "none", environment={})
    assert written.thresholds.metrics == {name: METRICS[name].floor for name in COMMON if METRICS[name].floor}
    for name in ("environment", "publish"):
        assert getattr(written, name) == getattr(default, name)
    assert (written.run.growth_budget, written.run.timeout) == (default.run.growth_budget, default.run.timeout)


def test_the_environment_variables(tmp_path: Path) -> None:
    (note,) = load_config(tmp_path, environment={"MEMHARNESS_NONSENSE": ""}).notes
    mentioned = {name for text in TEXTS.values() for name in re.findall(r"MEMHARNESS_\w+[A-Z]", text)}
    assert mentioned == named(note)


def test_keys_that_are_named_exist() -> None:
    mentioned = re.findall(r"`([\w-]+)(?: = [^`\n]+)?` under `\[(\w+)\]`", " ".join(TEXTS.values()))
    mentioned += re.findall(r"([\w-]+) under \[(\w+)\]", " ".join(SOURCES))
    assert ("build-requires", "environment") in mentioned
    assert [(key, section) for key, section in mentioned if f"{section}.{key}" not in KEYS] == []


def test_the_options() -> None:
    shared = [row[0] for row in table("commands", "Options of many commands")]
    single = [
        (command, options_in(row[1]))
        for row in table("commands", "Options of single commands")
        for command in codes(row[0])
    ]
    common = options_in(" ".join(shared)) | {"--version"}
    for name, options in OPTIONS.items():
        own = set[str]().union(*(found for command, found in single if command == name))
        assert own <= options, name
        assert options - common <= own, name
    assert common <= set[str]().union(*OPTIONS.values(), options_of(group))
    without = [name for name, options in OPTIONS.items() if "--json" not in options]
    assert set(codes(table("commands", "Options of many commands")[-2][1])) == set(without)
    shown = [code.partition(" ")[0] for code in first_codes(table("commands", "Every command with its options"))]
    assert shown == list(COMMANDS)


@pytest.mark.parametrize("name", TEXTS)
def test_options_that_are_named_exist(name: str) -> None:
    known = set[str]().union(*OPTIONS.values(), options_of(group), PLUGIN_OPTIONS if name == "pytest" else ())
    inline = [code for code in codes(TEXTS[name]) if not code.startswith(FOREIGN)]
    assert options_in(" ".join(inline)) <= known
    for words in command_lines(TEXTS[name]):
        command = COMMANDS.get(words[0])
        if command is None:
            assert {words[0]} <= options_of(group), words
        else:
            command.make_parser(click.Context(command)).parse_args(words[1:])


def test_the_plugin_for_pytest() -> None:
    title = "Limits of memory in your own test run"
    assert {code.split()[0] for code in first_codes(table("pytest", title))} == PLUGIN_OPTIONS
    assert first_codes(table("pytest", "The marker")) == list(MEASURED)


def command_lines(text: str) -> Iterator[list[str]]:
    """Yield the words after `memharness` of each command line in code."""
    for line in re.findall(r"(?:`|^ *|bin/|\$ |run: |bisect run )memharness +([^|#`\n]+)", text, re.MULTILINE):
        words = shlex.split(line.partition(" || ")[0])
        if words[0].islower() or words[0].startswith("-"):
            yield words


def test_the_exit_codes() -> None:
    numbers = {value for name, value in vars(errors).items() if re.fullmatch("[A-Z]+", name)}
    assert [int(row[0]) for row in table("output", "Exit codes")] == sorted({0, *numbers})


def test_the_metrics() -> None:
    assert {codes(row[0])[0]: row[1] for row in table("metrics", "What is measured, and what cannot be seen")} == {
        name: metric.unit for name, metric in METRICS.items()
    }
    passes = {codes(row[0])[0]: set(codes(row[1])) for row in table("metrics", "How a case is measured")}
    assert passes == {name: {m.name for m in METRICS.values() if m.measured_in == name} for name in PASSES}
    assert {
        codes(name)[0]: (readers.percent(relative, ""), readers.size(floor, ""))
        for name, relative, floor in table("tuning", "Thresholds")
    } == {name: (RELATIVE_OF.get(name, RELATIVE), METRICS[name].floor) for name in COMMON if METRICS[name].floor}


def test_the_words_of_a_report() -> None:
    assert set(first_codes(table("findings", "Verdicts"))) == set(get_args(Verdict))
    assert set(first_codes(table("findings", "How sure a finding is"))) == set(get_args(Confidence))
    assert set(first_codes(table("output", "--json"))) == set(Report.__struct_fields__)
    assert set(api.__all__) <= set(codes(TEXTS["python"]))


def test_topics_that_are_named_exist() -> None:
    mentioned = re.findall(r"memharness\s+help\s+([a-z][a-z-]*)", " ".join((*TEXTS.values(), *SOURCES)))
    assert set(mentioned) <= {*topics(), *COMMANDS}
    assert set(topics()).isdisjoint(COMMANDS)


def test_readme_is_short_and_has_the_commands_that_the_gate_runs() -> None:
    assert len(TEXTS["README"].splitlines()) <= 150
    gate = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (test_command,) = [line for line in gate.splitlines() if line.endswith("pytest -n auto")]
    assert f"```\n{test_command}\n```" in TEXTS["README"]


def test_readme_draws_the_folders_as_the_import_contract_has_them() -> None:
    """Each level of the drawing is a layer of the contract, and each sentence the beginning of a docstring."""
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = [layer.replace("memharness.", "").split(" | ") for layer in contract["contracts"][0]["layers"]]
    drawn: list[list[str]] = []
    for sign, name, sentence in re.findall(r"(?m)^([├│]) (\S+) +(.+)$", TEXTS["README"].partition("## Design")[2]):
        module = PACKAGE / name / "__init__.py" if (PACKAGE / name).is_dir() else PACKAGE / name
        docstring = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
        assert sentence == " ".join(docstring.partition("\n\n")[0].split())
        drawn += [[]] if sign == "├" else []
        drawn[-1].append(name.removesuffix(".py"))
    folders = {file.parent.name for file in PACKAGE.glob("*/__init__.py")}
    assert folders <= {name for level in drawn for name in level}
    assert drawn == layers[1:]


def test_contributing_names_places_that_exist() -> None:
    text = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("\n## Rules")[0]
    rows = re.findall(r"(?m)^\| [^|`]+ \| (.+) \|$", text)
    named_ = [code for row in rows for code in codes(row) if "/" in code]
    assert [name for name in named_ if not ((PACKAGE / name).exists() or (ROOT / name).exists())] == []
    assert len(named_) > 20


def test_the_list_of_topics(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help"]) == 0
    listed = capsys.readouterr().out
    assert all(f"  {name} " in listed for name in (*topics(), *COMMANDS))
    assert "  tuning           Thresholds, classes, budgets and run times\n" in listed


@pytest.mark.parametrize("topic", topics())
def test_a_topic_is_plain_text_or_drawn(
    topic: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["help", topic]) == 0
    assert capsys.readouterr().out == read_topic(topic)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert main(["help", topic]) == 0
    drawn = capsys.readouterr().out
    assert "\x1b[" in drawn
    assert "```" not in drawn
    assert topics()[topic].replace("`", "") in drawn


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", name]) == 0
    printed = capsys.readouterr().out
    assert main([name, "--help"]) == 0
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize(
    ("words", "topic", "heading"), [("exit", "output", "Exit codes"), ("timed OUT", "troubleshooting", "It timed out")]
)
def test_a_word_that_one_heading_has(words: str, topic: str, heading: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", *words.split()]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"## {heading}\n")
    assert printed.removesuffix(f"\nFrom `memharness help {topic}`.\n") in read_topic(topic)


@pytest.mark.parametrize("word", ["cython", "timeout", "thresholds"])
def test_a_word_that_several_sections_have(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", word]) == 0
    title, *rows = capsys.readouterr().out.splitlines()
    assert title == "Sections (memharness help TOPIC):"
    named_ = [row.split()[0] for row in rows if row[2] != " "]
    assert len(named_) > 1
    assert all(word in read_topic(topic) for topic in named_)


def test_a_word_is_not_found_within_another(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "rofiles"]) == 2  # as in "profiles"
    assert "there is no topic or command 'rofiles'" in capsys.readouterr().err


def test_an_unknown_topic(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "enviroments"]) == 2
    message, hint = capsys.readouterr().err.splitlines()
    assert message == "memharness: error: there is no topic or command 'enviroments'"
    assert hint.startswith('  Did you mean "environments"?')
