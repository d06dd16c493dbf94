"""Addresses of workloads, read from a configuration and from the command line."""

from pathlib import Path

import pytest

from memharness.config.configuration import Config, load_config
from memharness.config.document import Document
from memharness.errors import MemharnessError
from memharness.model.scenarios import Scenario
from memharness.workloads import load_workloads, read_collections
from repositories import RepositoryBuilder


def configured(folder: Path, text: str, *addresses: str) -> Config:
    (folder / "memharness.toml").write_text(text)
    return load_config(folder, environment={}, addresses=addresses)


def load(folder: Path, text: str, *addresses: str) -> tuple[Scenario, ...]:
    config = configured(folder, text, *addresses)
    read_collections(config.workloads)
    return load_workloads(config.workloads, config.project.repo)


def test_workloads_of_the_configuration_have_names_and_the_settings_of_scenarios(tmp_path: Path) -> None:
    reader, slow = load(
        tmp_path,
        '[workloads]\nload = "call:box.api:Reader.load"\n'
        '[workloads.slow]\naddress = "call:box:fill"\ntimeout = "2m"\nlimits = { growth = "0 B" }\ntags = ["big"]\n',
    )
    assert (reader.name, reader.driver, reader.target) == (
        "load",
        "call",
        {"module": "box.api", "function": "Reader.load"},
    )
    assert (slow.timeout, slow.limits, slow.tags) == (120, {"growth": 0}, ("big",))
    assert reader.identity != slow.identity


def test_addresses_of_the_command_line_take_the_place_of_all_others(tmp_path: Path) -> None:
    config = configured(tmp_path, '[workloads]\nload = "call:box:load"\n', "call:box:fill", "call:box:fill")
    assert config.only_workloads
    assert [one.name for one in load_workloads(config.workloads, config.project.repo)] == ["call:box:fill"]


def test_a_name_does_not_change_what_a_workload_is(tmp_path: Path) -> None:
    (one,) = load(tmp_path, '[workloads]\nfill = "call:box:fill"\n')
    (other,) = load(tmp_path, "", "call:box:fill")
    assert one.identity == other.identity


def test_a_script_is_that_of_the_commit_where_it_is_tracked_and_else_a_copy(tmp_path: Path) -> None:
    repository = RepositoryBuilder(tmp_path / "project")
    repository.commit({"bench/run.py": "x = 1\n"}, "begin")
    (repository.path / "bench/new.py").write_text("import helper\n")
    (repository.path / "bench/helper.py").write_text("x = 1\n")
    scripts = "script:bench/run.py --size '1 0'", "script:bench/new.py"
    tracked, copied = load(repository.path, "", *scripts)
    assert tracked.target == {"path": "bench/run.py", "below": "tree", "arguments": ("--size", "1 0")}
    assert (copied.target["below"], copied.path) == ("scenarios", str(repository.path / "bench/new.py"))

    with pytest.raises(MemharnessError, match="there is no script"):
        load(repository.path, "", "script:bench")

    (repository.path / "bench/run.py").write_text("x = 2\n")
    (repository.path / "bench/helper.py").write_text("x = 2\n")
    again = load(repository.path, "", *scripts)
    assert again[0].identity == tracked.identity
    assert again[1].identity != copied.identity


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('load = "cal:box:fill"', '{toml}:2: workloads.load: "cal:box:fill" is no address of a workload'),
        ('load = "box"', '{toml}:2: workloads.load: "box" is no address of a workload'),
        ('load = "call:box"', '{toml}:2: workloads.load: "box" names no function'),
        ('load = "call:a-b:c"', '{toml}:2: workloads.load: "a-b:c" names no function'),
        ('load = "script:"', '{toml}:2: workloads.load: "" names no script'),
        ('load = "script:\'a"', '{toml}:2: workloads.load: "\'a" names no script'),
        ('load = "script:none.py"', "{toml}:2: workloads.load: there is no script {folder}/none.py"),
        ('load = "asv:"', "{toml}:2: workloads.load: names no folder of asv benchmarks"),
        ('load = "asv:nowhere"', "{toml}:2: workloads.load: there is no folder {folder}/nowhere with asv benchmarks"),
        ("load = {}", "{toml}:2: workloads.load: no address"),
        ("load = 1", "{toml}:2: workloads.load: expected a table"),
        ('"a b" = "call:a:b"', "{toml}:2: workloads.'a b': \"a b\" cannot name a workload"),
        ('load = { address = "call:a:b", params = {} }', "{toml}:2: workloads.load.params: unknown key"),
        (
            'load = { address = "call:a:b", at = "commit" }',
            "{toml}:2: workloads.load.at: call:a:b is no address of tests",
        ),
        ('load = { address = "call:a:b", calls = 3 }', "{toml}:2: workloads.load.calls: 3 is no number of calls"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(MemharnessError) as caught:
        load(tmp_path, f"[workloads]\n{text}\n")
    assert caught.value.message.startswith(message.format(toml=tmp_path / "memharness.toml", folder=tmp_path))
    assert caught.value.hint


def test_two_scenarios_of_one_name_are_refused(tmp_path: Path) -> None:
    config = configured(tmp_path, '[workloads]\nfill = "call:box:fill"\n')
    with pytest.raises(MemharnessError, match=r'a second scenario named "fill"; the first is fill\.py'):
        load_workloads(config.workloads, config.project.repo, taken={"fill": "fill.py"})


def test_many_workloads_are_read_without_looking_up_their_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "".join(f'work_{number} = "call:box:work_{number}"\n' for number in range(300))
    with monkeypatch.context() as patch:
        patch.delattr(Document, "line")  # it parses the text before the line, again and again
        assert len(load(tmp_path, f"[workloads]\n{lines}")) == 300
    with pytest.raises(MemharnessError, match=r'memharness.toml:302: workloads.last: "box" names no function'):
        load(tmp_path, f'[workloads]\n{lines}last = "call:box"\n')
