"""The first commands of a new user: `demo` and `init`, then `run`."""

import json
from importlib.metadata import version
from pathlib import Path

import pytest

from integration.conftest import Workbench
from memharness import __all__ as offered
from memharness.cli import main
from repositories import RepositoryBuilder


@pytest.mark.registry
def test_the_demo_finds_what_its_history_holds(bench: Workbench, tmp_path: Path) -> None:
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
    assert bench.stderr.splitlines()[-1] == f"Trend pages: {folder}/site/index.html"
    assert "Keep an undo grid" in (folder / "site" / "index.html").read_text()


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
    assert main(["run", "--last", "10", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["counts"]["measured"], report["failures"]) == (1, [])
    assert main(["init"]) == 2
    assert "already there" in capsys.readouterr().err


def test_init_needs_a_work_tree(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.repository.commit({"a.py": ""})
    bench.repository.git("clone", "--quiet", "--bare", ".", "../bare.git")
    monkeypatch.chdir(bench.path.with_name("bare.git"))
    assert bench.call("init")[0] == 2
    assert "is a bare repository" in bench.stderr


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
