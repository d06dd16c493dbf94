"""What publishing keeps in the cache folder: it comes back as it was, or counts as nothing known."""

import hashlib
import random
import threading
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from memharness.cli import main
from memharness.model.measurements import Failed, Measurement
from memharness.site.columns import Columns
from memharness.site.kept import Findings, Fragment, read_columns, read_kept, write_columns, write_kept
from published import site_files
from stored import stored_project

FINDINGS = {"id": Findings(ground="a", key="b", steps="c", stamps={"d": "e"}, found=())}


def columns(rows: int = 3, width: int = 2) -> Columns:
    found = Columns.empty([(f"case{number}", "identity", 1) for number in range(width)], rows, ["facts"])
    found.commits = [f"{row:040x}" for row in range(rows)]
    found.stamps = [((commit, 1, 2),) for commit in found.commits]
    for metric, values in found.values.items():
        values[:] = len(metric) + np.arange(rows * width).reshape(rows, width)
    outcome = Failed(phase="run", reason="no")
    found.special[1, 1] = (
        Measurement(case="case1", identity="identity", probe=1, round=0, environment=None, outcome=outcome),
    )
    return found


def told(found: Columns | None) -> object:
    assert found is not None
    arrays: list[npt.NDArray[Any]] = [found.states, found.environments, *found.values.values()]
    rest = (found.subjects, found.commits, found.stamps, [*found.values], found.facts, found.special)
    return rest, [(array.dtype, array.tolist()) for array in arrays]


def test_what_was_kept_comes_back(tmp_path: Path) -> None:
    write_columns(tmp_path / "deep" / "a.columns", columns())
    assert told(read_columns(tmp_path / "deep" / "a.columns")) == told(columns())
    write_kept(tmp_path / "deep" / "a.findings", FINDINGS)
    assert read_kept(tmp_path / "deep" / "a.findings", Findings) == FINDINGS
    fragments = {"id": Fragment(key="a", html="<p>\u202f</p>")}
    write_kept(tmp_path / "deep" / "a.changes", fragments)
    assert read_kept(tmp_path / "deep" / "a.changes", Fragment) == fragments


def test_a_damaged_file_counts_as_nothing_known(tmp_path: Path) -> None:
    file, source = tmp_path / "a", random.Random(1)
    write_columns(file, columns())
    whole = file.read_bytes()
    damaged = [whole[: source.randrange(len(whole))] for _ in range(40)]
    damaged += [
        whole[:at] + bytes([whole[at] ^ 1 << source.randrange(8)]) + whole[at + 1 :]
        for at in source.sample(range(len(whole)), 80)
    ]
    for content in damaged:
        file.write_bytes(content)
        assert read_columns(file) is None
        assert read_kept(file, Findings) == {}


def test_a_sound_file_with_something_else_counts_as_nothing_known(tmp_path: Path) -> None:
    """Each of these has a right digest; numpy answers them with a kind of exception of its own."""
    file, numpy_file = tmp_path / "a", tmp_path / "b.npz"
    np.savez(numpy_file, header=np.array([b"\xc1" * 90]), states=np.array([None]))
    zipped = numpy_file.read_bytes()
    listed = zipped.index(b"PK\x01\x02")
    encrypted = zipped[: listed + 8] + b"\1" + zipped[listed + 9 :]
    packed = zipped[: listed + 10] + b"\x63" + zipped[listed + 11 :]  # in an unknown way
    contents: Sequence[bytes] = (b"", b"\x93NUMPY", b"\x93NUMPY" + b"x" * 50, b"PK\x03\x04", b"x", b"[" * 100_000)
    for content in (*contents, b"\x91" * 100_000, zipped, encrypted, packed):
        file.write_bytes(hashlib.blake2b(content, digest_size=16).digest() + content)
        assert read_columns(file) is None
        assert read_kept(file, Findings) == {}


def test_large_columns_are_not_copied(tmp_path: Path) -> None:
    large = columns(rows=1 << 16, width=16)
    size = sum(values.nbytes for values in large.values.values())
    tracemalloc.start()
    try:
        write_columns(tmp_path / "a", large)
        writing = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        assert read_columns(tmp_path / "a") is not None
        reading = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert writing < size
    assert reading < 2 * size


def test_those_who_keep_at_once_do_not_disturb_one_another(tmp_path: Path) -> None:
    faults: list[BaseException] = []

    def keep() -> None:
        try:
            for _ in range(50):
                write_kept(tmp_path / "a", FINDINGS)
                assert read_kept(tmp_path / "a", Findings) == FINDINGS
        except BaseException as fault:  # noqa: BLE001  (told below)
            faults.append(fault)

    threads = [threading.Thread(target=keep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "a.lock"]


@pytest.mark.parametrize("unusable", ["cache", "cache/publish"])
def test_publishing_does_without_a_cache(
    tmp_path: Path, unusable: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = stored_project(tmp_path, 1_000_000, 3_000_000)
    monkeypatch.chdir(config.folder)
    monkeypatch.setenv("MEMHARNESS_CACHE", str(tmp_path / "sound"))
    assert main(["publish", "-o", str(tmp_path / "expected")]) == 0
    monkeypatch.setenv("MEMHARNESS_CACHE", str(tmp_path / "cache"))
    (tmp_path / unusable).parent.mkdir(exist_ok=True)
    (tmp_path / unusable).write_text("a file where a folder is needed")
    capsys.readouterr()
    for _ in range(2):
        assert main(["publish"]) == 0
        said = capsys.readouterr().err
        assert said.count("cannot be used as a cache") == 1, said
    assert site_files(config.publish.folder) == site_files(tmp_path / "expected")
