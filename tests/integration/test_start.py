"""The first commands of a new user: `demo` and `init`, then `run`."""

import json
import re
import shutil
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from memharness import __all__ as offered
from memharness.cli import main
from memharness.config.configuration import load_config
from missing import skip_for_want_of
from repositories import RepositoryBuilder
from workbench import Workbench


def _shown_in(document: str) -> str:
    """Return the finding of the demo that a document quotes."""
    text = (Path(__file__).parents[2] / document).read_text(encoding="utf-8")
    return text.partition("```\n▲")[2].partition("```")[0]


def _without_figures(text: str) -> str:
    return " ".join(re.sub(r"[\d,.]+( [KM]i)?", "#", text).split())


@pytest.mark.registry
def test_the_demo_finds_what_its_history_holds(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMHARNESS_GROWTH_BUDGET", "100ms")
    folder = tmp_path / "demo"
    code, report = bench.call_json("demo", str(folder))
    commits = RepositoryBuilder.__new__(RepositoryBuilder)
    commits.path, commits.time = folder, 0
    ids = dict(line.split(" ", 1)[::-1] for line in commits.git("log", "--format=%H %s").splitlines())
    undo, leak, fix = (
        ids[subject]
        for subject in (
            "Keep an undo grid",
            "Remember what every grid held, for an audit",
            "Undo the last tenth only",
        )
    )
    assert code == 1
    assert {(change["commit"], change["metric"], change["verdict"]) for change in report["changes"]} >= {
        (undo, "peak", "regressed"),
        (undo, "result", "regressed"),
        (leak, "retained", "regressed"),
        (leak, "growth", "regressed"),
        (fix, "peak", "improved"),
        (fix, "result", "improved"),
    }
    assert {change["commit"] for change in report["changes"]} == {undo, leak, fix}
    sources = {(change["commit"], change["metric"]): change["blame"][0]["source"] for change in report["changes"]}
    assert sources[undo, "peak"] == "self.data = os.urandom(100)"
    assert sources[leak, "growth"] == "_AUDIT.append([item.data[:8] for row in grid for item in row])"
    assert [(f["commit"], f["phase"]) for f in report["failures"]] == [
        (ids["Compress buffers (does not import)"], "import")
    ]
    *_, suggested, pages = bench.stderr.partition("Try next:")[2].split("\n\n")
    assert pages == f"Trend pages: {folder}/site/index.html\n"
    assert len({line.index(" # ") for line in suggested.splitlines() if " # " in line}) == 1
    assert "Keep an undo grid" in (folder / "site" / "index.html").read_text()
    monkeypatch.chdir(folder)
    _, printed = bench.call("check", "--all")
    if sys.version_info[:2] == (3, 11):  # other versions allocate at other lines
        assert _without_figures(_shown_in("README.md")) in _without_figures(printed)
        assert _without_figures(_shown_in("harness/memharness/guide/findings.md")) in _without_figures(printed)


def test_the_demo_needs_an_empty_folder(bench: Workbench, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    code, _ = bench.call("demo", str(tmp_path / "full"))
    assert code == 2
    assert "is not an empty folder" in bench.stderr


def test_nothing_hides_in_the_path_of_a_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MEMHARNESS_CACHE", str(tmp_path / "cache"))
    builder = RepositoryBuilder(tmp_path / "pro\x1b[31mject\u202e")
    builder.commit({"box.py": "", "b\x1b[31mx/__init__.py": ""})
    monkeypatch.chdir(builder.path)
    assert main(["init"]) == 0
    wrote = capsys.readouterr().out
    assert main(["run", "-k", "nothing"]) == 2
    text = wrote + capsys.readouterr().err
    assert text.count(r"/pro\x1b[31mject\u202e/") == 3
    assert [character for character in text if not character.isprintable() and character != "\n"] == []


def test_init_writes_what_runs_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MEMHARNESS_CACHE", str(tmp_path / "cache"))
    builder = RepositoryBuilder(tmp_path / "project")
    builder.commit({"src/box/__init__.py": "SIZE = 100\n"})
    monkeypatch.chdir(builder.path)
    assert main(["init"]) == 0
    assert "import root: src, packages: box" in capsys.readouterr().out
    monkeypatch.setenv("MEMHARNESS_GROWTH_BUDGET", "100ms")
    assert main(["run", "--last", "10", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["counts"]["measured"], report["failures"]) == (1, [])
    assert main(["init"]) == 2
    assert "already there" in capsys.readouterr().err


SETUPTOOLS = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
NAMED = '[project]\nname = "box"\nversion = "1.0"\n'
FIND = '[tool.setuptools.packages.find]\nexclude = ["tests*"]\n'
BUILDS = {
    "flat-package": ({"pyproject.toml": SETUPTOOLS + NAMED, "box/__init__.py": ""}, ".memharness"),
    "flat-module": ({"pyproject.toml": SETUPTOOLS + NAMED, "box.py": ""}, ".memharness"),
    "found": ({"pyproject.toml": SETUPTOOLS + NAMED + FIND, "box/__init__.py": ""}, ".memharness"),
    "listed": ({"setup.py": "from setuptools import *\nsetup(name='box', packages=['box'])\n", "box/a.py": ""}, "."),
    "own-scenarios": ({"pyproject.toml": SETUPTOOLS + NAMED, "src/box.py": "", "scenarios/a.txt": ""}, ".memharness"),
}


@pytest.mark.registry
@pytest.mark.parametrize("kind", BUILDS)
def test_what_init_wrote_breaks_no_build(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MEMHARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MEMHARNESS_METRICS", "import")
    files, home = BUILDS[kind]
    builder = RepositoryBuilder(tmp_path / "project")
    builder.commit(files)
    monkeypatch.chdir(builder.path)
    assert main(["init", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["written"][1] == str(builder.path / home / "scenarios" / "first_workload.py")
    assert ("scenarios and results go to .memharness/" in err) is (home != ".")
    (builder.path / home / "results").mkdir()
    builder.commit({"site/page.py" if home == "." else ".memharness/site/page.py": ""})
    assert main(["run", "--last", "1", "--json"]) == 0, capsys.readouterr()
    assert json.loads(capsys.readouterr().out)["counts"]["measured"] == 1
    environments = tmp_path.glob("cache/environments/*/environment.json")
    assert [json.loads(path.read_text())["environment"]["packages"] for path in environments] == [["box"]]


def test_init_finds_the_project_to_measure(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(bench.path / "scenarios")
    (bench.path / "memharness.toml").unlink()
    projects = {f"{folder}/pyproject.toml": NAMED for folder in ("libs/one", "libs/two", "libs/two/inner")}
    bench.repository.commit({**projects, "libs/two/two/__init__.py": "", "libs/readme.txt": ""})
    assert bench.call("init")[0] == 2
    assert "the repository has several projects: libs/one, libs/two" in bench.stderr
    assert "memharness init --directory libs/one" in bench.stderr
    assert bench.call("init", "--directory", "libs/three")[0] == 2
    assert "no folder of the newest commit" in bench.stderr
    (bench.path / "libs/two/two").mkdir(exist_ok=True)
    monkeypatch.chdir(bench.path / "libs/two/two")
    code, out = bench.call_json("init")
    assert (code, out["directory"], out["import_root"]) == (0, "libs/two", "libs/two")
    assert out["written"][0] == str(bench.path / "libs/two/memharness.toml")
    config = load_config(Path.cwd())
    assert (config.project.directory, config.project.import_root) == ("libs/two", None)
    monkeypatch.chdir(bench.path)
    assert bench.call("init", "--directory", "libs/one")[0] == 0
    bench.repository.commit({"python/setup.py": "", "python/three.py": ""})
    code, out = bench.call_json("init")
    assert (code, out["directory"], out["written"][0]) == (0, "python", str(bench.path / "memharness.toml"))
    assert load_config(bench.path).project.directory == "python"


OWN = "{}.{}".format(*sys.version_info)


@pytest.mark.parametrize(
    ("files", "python", "said"),
    [
        ({"pyproject.toml": f'[project]\nname = "box"\nrequires-python = ">={OWN}"\n'}, OWN, ""),
        ({"setup.cfg": "[options]\npython_requires = <3.11\n", "setup.py": ""}, "3.10", "project requires <3.11"),
        ({"setup.py": "setup(python_requires='>=3.8,<3.10')"}, "3.9", "project requires <3.10,>=3.8"),
        ({"pyproject.toml": "[tool.poetry.dependencies]\npython = '~3.10'\n"}, "3.10", "project requires <3.11,>=3.10"),
        ({"pyproject.toml": '[project]\nname = "box"\nrequires-python = "what"\n'}, OWN, '"what", which is no version'),
        ({"pyproject.toml": '[project]\nname = "box"\nrequires-python = "^3.9"\n'}, OWN, '"^3.9", which is no version'),
        ({"pyproject.toml": '[project]\nname = "box"\nrequires-python = ">=3.99"\n'}, None, "none that fits"),
        ({"pyproject.toml": '[project]\nname = "box"\nrequires-python = "<3"\n'}, None, "none that fits"),
    ],
)
def test_init_chooses_a_python_that_the_project_allows(
    files: dict[str, str], python: str | None, said: str, bench: Workbench
) -> None:
    for path in ("scenarios/fill.py", "memharness.toml"):
        (bench.path / path).unlink()
    bench.repository.commit({**files, "box.py": ""})
    code, out = bench.call("init")
    if python is None:
        assert (code, "uv python install" in bench.stderr) == (2, True)
        assert not (bench.path / "memharness.toml").exists()
    elif code:
        skip_for_want_of(f"Python {python}")
    else:
        assert load_config(bench.path).environment.python == (python,)
    assert said in out + bench.stderr
    (bench.path / "memharness.toml").unlink(missing_ok=True)
    for folder in (".memharness", "scenarios"):
        shutil.rmtree(bench.path / folder, ignore_errors=True)
    code, _ = bench.call("init", "--python", OWN)
    assert (code, "does not fit" in bench.stderr) == (0, python != OWN)


def test_init_in_a_linked_work_tree_and_in_a_submodule(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.repository.commit({"box/__init__.py": ""})
    bench.repository.git("worktree", "add", "--quiet", "../linked")
    bench.repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "./.git", "sub")
    for folder in (bench.path.with_name("linked"), bench.path / "sub"):
        (folder / "memharness.toml").unlink(missing_ok=True)
        shutil.rmtree(folder / "scenarios", ignore_errors=True)
        monkeypatch.chdir(folder)
        code, out = bench.call_json("init")
        assert (code, out["written"][0]) == (0, str(folder / "memharness.toml"))


def test_init_needs_a_work_tree(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.repository.commit({"a.py": ""})
    bench.repository.git("clone", "--quiet", "--bare", ".", "../bare.git")
    monkeypatch.chdir(bench.path.with_name("bare.git"))
    assert bench.call("init")[0] == 2
    assert "is a bare repository" in bench.stderr
    monkeypatch.chdir(bench.path.parent)
    assert bench.call("init")[0] == 2
    assert "Run this inside a repository" in bench.stderr


def test_help_names_every_command_and_a_mistake_is_json_too(bench: Workbench) -> None:
    _, out = bench.call("--help")
    assert all(f"  {name} " in out for name in ("init", "run", "show", "list", "plot", "demo"))
    code, error = bench.call_json("run", "--since", "nowhere")
    assert (code, error["error"]["exit_code"]) == (2, 2)


def test_the_version_is_that_of_the_distribution(bench: Workbench) -> None:
    assert bench.call("--version") == (0, f"memharness, version {version('memharness-regression')}\n")


def test_the_package_offers_its_functions() -> None:
    import memharness

    assert dir(memharness) == offered
    assert all(getattr(memharness, name) is not None for name in offered)
    with pytest.raises(AttributeError, match="has no attribute 'gone'"):
        memharness.gone  # noqa: B018
