"""What ends a command without being foreseen, and what the system refuses: exit codes, messages and reports."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from memharness.cli import main
from memharness.commands import options
from memharness.config import configuration as config
from repositories import RepositoryBuilder

SECRET = f"https://ada:p@{'secret' * 200}@example.org/repo"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository with a scenario, the current folder."""
    monkeypatch.setenv("MEMHARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OTHER_TOKEN", "do-not-tell")
    builder = RepositoryBuilder(tmp_path / "project")
    text = '"""Größe → 日本 😀."""\ndef run(): ...\n'
    builder.commit({"box.py": "", "scenarios/fill.py": text, "memharness.toml": '[environment]\ninstall = "path"\n'})
    monkeypatch.chdir(builder.path)
    return builder.path


def fails_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every command that reads the configuration fail."""

    def load(*_: object, **__: object) -> config.Config:
        raise error

    monkeypatch.setattr(options, "load_config", load)


def reports(folder: Path) -> list[Path]:
    return sorted((folder.parent / "cache" / "faults").glob("*"))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("odd\x1b[31m"), r"KeyError: 'odd\x1b[31m'"),
        (RecursionError("too deep"), "RecursionError: too deep"),
        (OSError("no number"), "OSError: no number"),
        (ValueError(SECRET), "ValueError: https://example.org/repo"),
        (
            ValueError("x" * 270 + SECRET),
            f"ValueError: {'x' * 270}https://example.or",
        ),  # cut, and not within the password
        (SystemExit(1), "SystemExit: 1"),
    ],
)
def test_what_is_not_foreseen_ends_with_a_code_of_its_own_and_a_report(
    folder: Path,
    error: BaseException,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fails_with(error, monkeypatch)
    assert main(["list", "--repo", SECRET, "--json"]) == 70
    out, err = capsys.readouterr()
    (report,) = reports(folder)
    hint = f"This is a fault of memharness, not of your project. Its report: {report}"
    assert err == f"memharness: internal error: {said}\n  {hint}\n"
    fault = {"message": f"internal error: {said}", "hint": hint, "exit_code": 70, "report": str(report)}
    assert json.loads(out) == {"format": 1, "error": fault}
    text = report.read_text()
    assert text.startswith("memharness 0.1.0, CPython 3.")
    assert "\ncommand: memharness list --repo https://example.org/repo --json\n" in text
    assert "in fails_with" not in text
    assert 'test_fault_report.py", line' in text
    assert "secret" not in text
    assert "do-not-tell" not in text


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/full/file"), 3, "/full/file: No space left on device"),
        (OSError(errno.EMFILE, "Too many open files"), 3, "Too many open files"),
        (PermissionError(errno.EACCES, "Permission denied", "/root/file"), 2, "/root/file: Permission denied"),
        (MemoryError(), 3, "memharness ran out of memory"),
    ],
)
def test_what_the_system_refuses_is_no_fault_of_memharness(
    folder: Path,
    error: BaseException,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fails_with(error, monkeypatch)
    assert main(["list", "--json"]) == code
    out, err = capsys.readouterr()
    told = json.loads(out)["error"]
    assert said in told["message"]
    assert told["hint"]
    assert told["exit_code"] == code
    assert len(err.splitlines()) == 2
    assert reports(folder) == []


@pytest.mark.parametrize("error", [KeyError(1), SystemExit(1), OSError(errno.ENOSPC, "full"), MemoryError()])
def test_git_bisect_takes_no_fault_for_an_answer(
    folder: Path, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails_with(error, monkeypatch)
    assert main(["bisect-step"]) >= 128


def test_the_newest_reports_are_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fails_with(KeyError(1), monkeypatch)
    assert {main(["list"]) for _ in range(12)} == {70}
    assert len(reports(folder)) == 10


def run(*arguments: str, **how: object) -> "subprocess.CompletedProcess[bytes]":
    """Run memharness as its users do; variables that are named are added, standard streams are pipes unless given."""
    variables = {**os.environ, **{name: str(value) for name, value in how.items() if name.isupper()}}
    given = {name: value for name, value in how.items() if not name.isupper()}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **given}
    command = [sys.executable, "-m", "memharness", *arguments]
    return subprocess.run(command, env=variables, timeout=60, check=False, **streams)  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize("package", ["click", "msgspec"])
def test_a_package_that_cannot_be_imported_is_reported_too(folder: Path, package: str, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / f"{package}.py").write_text("raise RuntimeError('not for this machine')\n")
    (tmp_path / "temporary").mkdir()
    ended = run("list", PYTHONPATH=tmp_path / "broken", TMPDIR=tmp_path / "temporary")
    (report,) = [*reports(folder), *(tmp_path / "temporary").glob("memharness-fault-*")]
    assert ended.returncode == 70
    assert ended.stderr.decode().splitlines() == [
        "memharness: internal error: RuntimeError: not for this machine",
        f"  This is a fault of memharness, not of your project. Its report: {report}",
    ]
    assert "not for this machine" in report.read_text()


def test_a_fault_in_a_thread_is_not_overlooked(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "patched").mkdir()
    (tmp_path / "patched" / "sitecustomize.py").write_text(
        "import memharness.config.configuration, threading\n"
        "load = memharness.config.configuration.load_config\n"
        "def load_beside(*args, **kwargs):\n"
        "    thread = threading.Thread(target={}.pop, args=('odd',))\n"
        "    thread.start()\n"
        "    thread.join()\n"
        "    return load(*args, **kwargs)\n"
        "memharness.config.configuration.load_config = load_beside\n"
    )
    ended = run("list", "--json", PYTHONPATH=tmp_path / "patched")
    assert (ended.returncode, json.loads(ended.stdout)["scenarios"][0]["cases"][0]["name"]) == (70, "fill")
    assert ended.stderr.startswith(b"memharness: internal error: KeyError: 'odd'\n")
    assert len(reports(folder)) == 1


def test_a_full_disk_behind_stdout_is_said_once(folder: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = run("list", stdout=full)
    assert (ended.returncode, ended.stderr.count(b"\n")) == (3, 2)
    assert b"No space left on device" in ended.stderr


@pytest.mark.parametrize("arguments", [["list"], ["--help"], ["bisect-step", "--help"]])
def test_a_reader_that_went_away_ends_a_command_as_any_other_program(folder: Path, arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = run(*arguments, stdout=writing)
    finally:
        os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, b"")


def test_what_the_encoding_of_stdout_lacks_is_escaped_and_json_is_utf8(folder: Path) -> None:
    ended = run("list", PYTHONIOENCODING="latin-1")
    assert (ended.returncode, ended.stdout) == (0, b"fill  Gr\xf6\xdfe \\u2192 \\u65e5\\u672c \\U0001f600.\n")
    found = json.loads(run("list", "--json", PYTHONIOENCODING="latin-1").stdout.decode())
    assert found["scenarios"][0]["scenario"]["summary"] == "Größe → 日本 😀."


def test_closed_streams_are_no_fault(folder: Path) -> None:
    command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-m", "memharness", "list"]
    assert subprocess.run(command, timeout=60, check=False).returncode == 0
    assert reports(folder) == []
