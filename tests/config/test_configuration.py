# ruff: noqa: E501 - the tables read better with one case per line

import os
import platform
import sys
from pathlib import Path

import pytest

from memharness.config.configuration import (
    KEYS,
    Config,
    EnvironmentConfig,
    ProjectConfig,
    PublishConfig,
    RunConfig,
    load_config,
    variable_name,
)
from memharness.errors import MemharnessError
from memharness.model.metrics import COMMON
from memharness.model.scenarios import Thresholds


def write(folder: Path, text: str | bytes, name: str = "memharness.toml") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def load(folder: Path, **overrides: object) -> Config:
    return load_config(folder, environment={}, overrides=overrides)


def failure(folder: Path, file: Path | None = None) -> tuple[str, str]:
    """Message and hint, with the folder left out."""
    with pytest.raises(MemharnessError) as caught:
        load_config(folder, file=file, environment={})
    assert caught.value.exit_code == 2
    return caught.value.message.replace(f"{folder}{os.sep}", ""), caught.value.hint


def test_defaults_without_a_file(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "src").mkdir()
    assert load(tmp_path / "src") == Config(
        folder=tmp_path,
        project=ProjectConfig(repo=str(tmp_path)),
        environment=EnvironmentConfig(
            python=(f"{sys.version_info.major}.{sys.version_info.minor}",),
            install="auto",
            dependencies=(),
            variables={},
            keep=8,
        ),
        run=RunConfig(
            scenarios=tmp_path / "scenarios",
            results=tmp_path / "results",
            workers=len(os.sched_getaffinity(0)),
            metrics=tuple(COMMON),
            growth_budget=1.0,
            timeout=60.0,
            machine=f"{platform.system()}-{platform.machine()}".lower(),
        ),
        thresholds=Thresholds(),
        publish=PublishConfig(folder=tmp_path / "site"),
    )


EVERYTHING = """\
[project]
repo = "../elsewhere"
import-root = "src"
[environment]
python = ["3.12", "./bin/python"]
install = "wheel"
dependencies = ["numpy>=1,<2", "dask[array,bag]"]
variables = { MODE = "test" }
keep = 3
[run]
scenarios = "perf"
results = "/var/results"
workers = 7
metrics = ["peak", "growth"]
growth-budget = "500ms"
timeout = "2m"
memory-limit = "2 GiB"
machine = "lab-1"
[thresholds]
relative = "2.5%"
absolute = 100
peak = "20 KiB"
[publish]
folder = "pages"
url = "https://example.org/memory/"
line-link = "https://example.org/{commit}/{path}#L{line}"
commit-link = "https://example.org/commit/{commit}"
"""


def everything(folder: Path, source: Path) -> Config:
    return Config(
        folder=folder,
        project=ProjectConfig(repo=str(folder.parent / "elsewhere"), import_root="src"),
        environment=EnvironmentConfig(
            python=("3.12", str(folder / "bin/python")),
            install="wheel",
            dependencies=("numpy>=1,<2", "dask[array,bag]"),
            variables={"MODE": "test"},
            keep=3,
        ),
        run=RunConfig(
            scenarios=folder / "perf",
            results=Path("/var/results"),
            workers=7,
            metrics=("peak", "growth"),
            growth_budget=0.5,
            timeout=120.0,
            memory_limit=2 << 30,
            machine="lab-1",
        ),
        thresholds=Thresholds(relative=0.025, absolute=100, metrics={"peak": 20480}),
        publish=PublishConfig(
            folder=folder / "pages",
            url="https://example.org/memory",
            line_link="https://example.org/{commit}/{path}#L{line}",
            commit_link="https://example.org/commit/{commit}",
        ),
        source=source,
    )


@pytest.mark.parametrize("text", [EVERYTHING, EVERYTHING.replace("\n", "\r\n"), "\ufeff" + EVERYTHING])
def test_every_key_of_a_file(tmp_path: Path, text: str) -> None:
    source = write(tmp_path, text)
    assert load(tmp_path) == everything(tmp_path, source)


def test_every_key_in_pyproject(tmp_path: Path) -> None:
    text = "".join(
        f"[tool.memharness.{line[1:]}" if line.startswith("[") else line
        for line in EVERYTHING.splitlines(keepends=True)
    )
    source = write(tmp_path, text, "pyproject.toml")
    assert load(tmp_path) == everything(tmp_path, source)


def test_searches_upward_to_the_git_root(tmp_path: Path) -> None:
    write(tmp_path, "[run]\nworkers = 9\n")
    inner = tmp_path / "project" / "pkg"
    inner.mkdir(parents=True)
    assert load(inner).run.workers == 9
    (tmp_path / "project" / ".git").mkdir()
    write(tmp_path / "project", "[project]\nname = 'x'\n", "pyproject.toml")
    found = load(inner)
    assert (found.source, found.folder) == (None, tmp_path / "project")


def test_memharness_toml_wins_over_pyproject_and_says_so(tmp_path: Path) -> None:
    own = write(tmp_path, "[run]\nworkers = 3\n")
    shared = write(tmp_path, "[tool.memharness.run]\nworkers = 4\n", "pyproject.toml")
    config = load(tmp_path)
    assert (config.source, config.run.workers) == (own, 3)
    assert config.notes == (f"memharness.toml is used; [tool.memharness] in {shared} beside it is not.",)
    write(tmp_path, "broken", "pyproject.toml")
    assert load(tmp_path).notes == ()


def test_a_named_file_is_not_searched_for(tmp_path: Path) -> None:
    write(tmp_path, "[run]\nworkers = 3\n")
    named = write(tmp_path / "ci", "[run]\nworkers = 4\n", "nightly.toml")
    config = load_config(tmp_path, file=Path("ci/nightly.toml"), environment={})
    assert (config.source, config.run.workers, config.run.results) == (named, 4, tmp_path / "ci" / "results")


FILE, VARIABLE, OPTION = "file", "variable", "command line"
PRECEDENCE = [  # key, default, and (raw, read) of file, variable and command line
    ("run.workers", len(os.sched_getaffinity(0)), ("5", 5), ("6", 6), ("7", 7)),
    ("run.timeout", 60.0, ('"5s"', 5.0), ("6s", 6.0), ("7s", 7.0)),
    ("run.metrics", tuple(COMMON), ('["peak"]', ("peak",)), ("peak,growth", ("peak", "growth")), ("rss_peak", ("rss_peak",))),
    ("run.results", Path("{file}/results"), ('"a"', Path("{file}/a")), ("b", Path("{start}/b")), ("/c", Path("/c"))),
    ("run.memory-limit", None, ("5", 5), ("1 KiB", 1024), ("7 B", 7)),
    ("run.reuse", True, ("false", False), ("true", True), ("false", False)),
    ("run.machine", f"{platform.system()}-{platform.machine()}".lower(), ('"a"', "a"), ("b", "b"), ("c", "c")),
    ("environment.python", ("{}.{}".format(*sys.version_info),), ('["3.8"]', ("3.8",)), ("3.9, 3.10", ("3.9", "3.10")), (["3.11"], ("3.11",))),
    ("environment.install", "auto", ('"wheel"', "wheel"), ("path", "path"), ("existing", "existing")),
    ("environment.dependencies", (), ('["a"]', ("a",)), ("a>=1,<2,b[x,y]", ("a>=1,<2", "b[x,y]")), (["c"], ("c",))),
    ("project.repo", "{file}", ('"a"', "{file}/a"), ("https://host/r.git", "https://host/r.git"), ("git@host:r", "git@host:r")),
    ("project.directory", None, ('"python/"', "python"), ("py", "py"), (".", ".")),
    ("project.import-root", None, ('"src"', "src"), ("lib", "lib"), (".", ".")),
    ("thresholds.relative", None, ('"5%"', 0.05), ("6%", 0.06), ("7%", 0.07)),
]  # fmt: skip


@pytest.mark.parametrize(("key", "default", "in_file", "in_variable", "in_option"), PRECEDENCE)
def test_precedence(
    tmp_path: Path,
    key: str,
    default: object,
    in_file: tuple[str, object],
    in_variable: tuple[str, object],
    in_option: tuple[object, object],
) -> None:
    section, _, name = key.partition(".")
    start = tmp_path / "start"
    start.mkdir()

    def value(*sources: str) -> object:
        write(tmp_path, f"[{section}]\n{name} = {in_file[0]}\n" if FILE in sources else "")
        environment = {variable_name(key): str(in_variable[0])} if VARIABLE in sources else {variable_name(key): ""}
        overrides = {key: in_option[0] if OPTION in sources else None}
        config = load_config(start, environment=environment, overrides=overrides)
        return getattr(getattr(config, section), name.replace("-", "_"))

    def placed(expected: object) -> object:
        if isinstance(expected, str | Path):
            return type(expected)(str(expected).format(file=tmp_path, start=start))
        return expected

    assert [value(), value(FILE), value(FILE, VARIABLE), value(FILE, VARIABLE, OPTION)] == [
        placed(default),
        placed(in_file[1]),
        placed(in_variable[1]),
        placed(in_option[1]),
    ]
    assert value(VARIABLE) == placed(in_variable[1])


def test_variables_are_named_after_keys_and_never_collide() -> None:
    names = [variable_name(key) for key in KEYS]
    assert names[:3] == ["MEMHARNESS_REPO", "MEMHARNESS_DIRECTORY", "MEMHARNESS_IMPORT_ROOT"]
    assert variable_name("thresholds.peak") == "MEMHARNESS_THRESHOLDS_PEAK"
    assert len(set(names)) == len(names)


METRIC_NAMES = ", ".join(COMMON)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[run]\nworkers = \n", "2:11: not valid TOML: Invalid value", "See https://toml.io for the syntax."),
        ("[run", "1: not valid TOML: Expected ']' at the end of a table declaration", "See https://toml.io for the syntax."),
        ("# x\n[runs]\n", "2: runs: unknown key", 'Did you mean "run"? Known are environment, project, publish, run, thresholds, workloads.'),
        ("workers = 2\n", "1: workers: unknown key", "It belongs in [run]."),
        ("[run]\n\n[project]\n# timeout\ntimeout = '1s'\n", "5: project.timeout: unknown key", "It belongs in [run]."),
        ("[project]\nreop = '.'\n", "2: project.reop: unknown key", 'Did you mean "repo"? Known are directory, import-root, repo.'),
        ("run = 3\n", "1: run: expected a table", None),
        ("[run]\nworkers = '4'\n", "2: run.workers: expected a whole number, got a text", "Write a whole number without quotes."),
        ("[run]\nworkers = true\n", "2: run.workers: expected a whole number, got true or false", "Write a whole number without quotes."),
        ("[run]\nworkers = 0\n", "2: run.workers: must be more than zero", "Leave the key out for the default."),
        ("[run]\nworkers = -1\n", "2: run.workers: must be more than zero", "Leave the key out for the default."),
        ("[run]\ntimeout = '0s'\n", "2: run.timeout: must be more than zero", "Leave the key out for the default."),
        ("[run]\ntimeout = 60\n", "2: run.timeout: expected a text, got a whole number", 'Write it in quotes; a quantity has its unit: "60s", "1%", "20 KiB".'),
        ("[run]\ntimeout = '1 week'\n", "2: run.timeout: '1 week' is not a duration", 'Write a number and one of the units ms, s, m, min, h, such as "60s", "2m" or "500ms".'),
        ("[run]\nmemory-limit = '1 MiBs'\n", "2: run.memory-limit: '1 MiBs' is not a size", 'Write a number and one of the units B, kB, MB, GB, KiB, MiB, GiB, such as "20 KiB" or "8 MiB".'),
        ("[run]\nmemory-limit = '9000000000 GiB'\n", "2: run.memory-limit: '9000000000 GiB' is larger than any memory", "Write less than 8 EiB."),
        ("[run]\nmemory-limit = -5\n", "2: run.memory-limit: '-5' is not a size", None),
        ("[run]\nmetrics = [\n  'peak',\n  'paek',\n]\n", '4: run.metrics: unknown metric "paek"', f'Did you mean "peak"? Known are {METRIC_NAMES}.'),
        ("[run]\nmetrics = ['peak', 'peak']\n", '2: run.metrics: "peak" stands twice', "Leave one out."),
        ("[run]\nmetrics = []\n", "2: run.metrics: empty", "Name at least one, or leave the key out."),
        ("[run]\nresults = ''\n", "2: run.results: empty", "Write a text, or leave the key out."),
        ("[run]\nmachine = '../x'\n", '2: run.machine: "../x" cannot name a folder', "Use letters, digits, ., _ and -."),
        ("[environment]\ninstall = 'pip'\n", '2: environment.install: unknown way to install "pip"', "Known are auto, wheel, path, existing."),
        ("[environment]\npython = []\n", "2: environment.python: empty", "Name at least one, or leave the key out."),
        ("[environment]\npython = '3.11'\n", "2: environment.python: expected a list, got a text", 'Write a list, such as ["one"].'),
        ("[environment]\ndependencies = ['a', 'b ~~ 2']\n", '2: environment.dependencies: "b ~~ 2" is not a dependency: Expected semicolon (after name with no version specifier) or end', 'Write it like "numpy>=1.26".'),
        ("[environment.variables]\nOK = '1'\n'A=B' = '2'\n", "3: environment.variables.'A=B': not a variable", "Names hold letters, digits and _."),
        ("[project]\ndirectory = '/x'\n", '2: project.directory: "/x" is not inside the project', 'Write a folder such as "src".'),
        ("[project]\nimport-root = '../x'\n", '2: project.import-root: "../x" is not inside the project', 'Write a folder such as "src".'),
        ("[thresholds]\nrelative = 0.01\n", "2: thresholds.relative: expected a text, got float", 'Write it in quotes; a quantity has its unit: "60s", "1%", "20 KiB".'),
        ("[thresholds]\nrelative = '1'\n", "2: thresholds.relative: '1' is not a percentage", 'Write a number and one of the units %, such as "1%".'),
        ("[publish]\nurl = 'ftp://x'\n", '2: publish.url: "ftp://x" is not an address', "It begins with https:// or http://."),
        ("[publish]\nline-link = 'javascript:{commit}'\n", '2: publish.line-link: "javascript:{commit}" is not an address', "It begins with https:// or http://."),
        ("[publish]\nline-link = 'https://x/{path}'\n", '2: publish.line-link: "https://x/{path}" does not lead to a commit', "Write {commit} into it, and no fields but {commit}, {path}, {line}."),
        ("[publish]\ncommit-link = 'https://x/{commit}/{path}'\n", '2: publish.commit-link: "https://x/{commit}/{path}" does not lead to a commit', "Write {commit} into it, and no fields but {commit}."),
        ("[publish]\ncommit-link = 'https://x/{commit}}'\n", '2: publish.commit-link: "https://x/{commit}}" does not lead to a commit', "Write {commit} into it, and no fields but {commit}."),
        ("[publish]\ncommit-link = 'https://x/{commit}/{'\n", '2: publish.commit-link: "https://x/{commit}/{" does not lead to a commit', None),
        ("[publish]\nline-link = 'https://x/}{commit}'\n", '2: publish.line-link: "https://x/}{commit}" does not lead to a commit', None),
        ('[publish]\nurl = "https://x/\\u0007"\n', r"2: publish.url: 'https://x/\x07' holds an invisible character", "Leave it out, or write it as %xx."),
        ('[publish]\nurl = "https://x/\\u202ey"\n', r"2: publish.url: 'https://x/\u202ey' holds an invisible character", None),
        ('[publish]\ncommit-link = "https://x/{commit}\\u0000"\n', r"2: publish.commit-link: 'https://x/{commit}\x00' holds an invisible character", None),
        ('[publish]\nline-link = "https://\\u2066x/{commit}"\n', r"2: publish.line-link: 'https://\u2066x/{commit}' holds an invisible character", None),
        ("[thresholds]\npeek = 1\n", "2: thresholds.peek: unknown key", None),
    ],
)  # fmt: skip
def test_faults_name_file_line_and_key(tmp_path: Path, text: str, message: str, hint: str | None) -> None:
    write(tmp_path, text)
    found = failure(tmp_path)
    assert found == (f"memharness.toml:{message}", found[1] if hint is None else hint)


def test_faults_of_other_places(tmp_path: Path) -> None:
    with pytest.raises(MemharnessError, match=r"^MEMHARNESS_WORKERS: expected a whole number, got a text$"):
        load_config(tmp_path, environment={"MEMHARNESS_WORKERS": "many"})
    with pytest.raises(MemharnessError, match=r"^command line, run\.workers: must be more than zero$"):
        load_config(tmp_path, environment={}, overrides={"run.workers": 0})


def test_unreadable_files(tmp_path: Path) -> None:
    assert failure(tmp_path, Path("absent.toml"))[0] == "absent.toml: cannot be read: No such file or directory"
    assert failure(tmp_path, write(tmp_path, "", "pyproject.toml")) == (
        "pyproject.toml: no table [tool.memharness]",
        "Add one, or name another file.",
    )
    write(tmp_path, b"[run]\nmachine = '\xff'\n")
    assert failure(tmp_path) == ("memharness.toml:2: not UTF-8", "Save the file as UTF-8.")
    (tmp_path / "memharness.toml").unlink()
    (tmp_path / "memharness.toml").mkdir()
    assert failure(tmp_path)[0] == "memharness.toml: cannot be read: Is a directory"


def test_lines_are_found_in_spite_of_strings_and_comments(tmp_path: Path) -> None:
    text = "# [run]\n# workers = 0\n[environment]\nvariables.X = '''\n[run]\nworkers = 0\n'''\n\n[run] # workers = 0\n'workers' = 0\n"
    write(tmp_path, text)
    assert failure(tmp_path)[0] == "memharness.toml:10: run.workers: must be more than zero"


def test_a_broken_pyproject_above_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, "[project]\nname = \n", "pyproject.toml")
    assert failure(tmp_path)[0] == "pyproject.toml:2:8: not valid TOML: Invalid value"


@pytest.mark.parametrize("name", ["results", "site"])
def test_a_link_that_came_with_the_project_does_not_lead_out_of_it(tmp_path: Path, name: str) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    (project / ".git").mkdir(parents=True)
    (project / "inner" / "deep").mkdir(parents=True)
    (elsewhere / "deep").mkdir(parents=True)
    link, key = project / name, {"results": "run.results", "site": "publish.folder"}[name]

    def folder(**overrides: object) -> Path:
        config = load(project, **overrides)
        return config.run.results if name == "results" else config.publish.folder

    link.symlink_to("inner", target_is_directory=True)
    assert folder() == project / "inner"
    link.unlink()
    link.symlink_to(elsewhere, target_is_directory=True)
    for text in ("", f'[{key.partition(".")[0]}]\n{key.partition(".")[2]} = "{name}/deep/../deep"\n'):
        write(project, text)
        assert failure(project)[0].startswith(f"{link}".replace(f"{project}{os.sep}", ""))
        assert "leads to" in failure(project)[0]
    assert folder(**{key: name}) == elsewhere
    write(project, f'[{key.partition(".")[0]}]\n{key.partition(".")[2]} = "{elsewhere}"\n')
    assert folder() == elsewhere
