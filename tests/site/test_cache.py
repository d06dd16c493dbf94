"""What publishing keeps in the cache folder: it comes back as it was, or is computed again."""

import hashlib
import random
import threading
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from memharness.cli import main
from memharness.site.cache import Cache
from published import site_files
from stored import stored_project

VALUE = ["a", "b", "c" * 100]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MEMHARNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "publish"


def open_cache(notices: list[str] | None = None) -> Cache:
    return Cache(Path("results"), "machine", "family", [] if notices is None else notices)


def is_computed(inputs: object = "inputs", kind: type[Any] = list[str]) -> bool:
    """Tell whether a value is computed, not found."""
    computed = []

    def compute() -> list[str]:
        computed.append(inputs)
        return VALUE

    assert open_cache().value(kind, inputs, compute) == VALUE
    return bool(computed)


def _says(holds: bool, _value: object) -> bool:
    return holds


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_value_is_computed_once_from_the_same_inputs() -> None:
    assert is_computed(["one", 1])
    assert not is_computed(["one", 1])
    assert is_computed(["one", 2])
    assert is_computed(["one", 1], kind=tuple[str, ...])


def test_a_value_that_does_not_hold_is_replaced() -> None:
    for value, holds in (("old", True), ("new", False), ("newer", True)):
        found = open_cache().value(str, "inputs", partial(str, value), partial(_says, holds))
    assert found == "new"


def test_what_is_not_asked_for_goes(folder: Path) -> None:
    is_computed("one")
    is_computed("two")
    cache = open_cache()
    cache.value(list[str], "two", list)
    cache.forget_the_rest()
    assert len(files(folder)) == 1
    assert not is_computed("two")
    assert is_computed("one")


def test_what_brings_a_notice_is_computed_each_time() -> None:
    notices = ["known"]

    def noticing(said: str) -> str:
        if said not in notices:  # as a store does
            notices.append(said)
        return said

    for _ in range(2):
        for said in ("known", "news"):
            assert open_cache(notices).value(str, "inputs", partial(noticing, said)) == said
    assert notices == ["known", "news"]


def test_a_damaged_file_counts_as_nothing_known(folder: Path) -> None:
    is_computed()
    (file,), source = files(folder), random.Random(1)
    whole = file.read_bytes()
    damaged = [whole[: source.randrange(len(whole))] for _ in range(40)]
    damaged += [
        whole[:at] + bytes([whole[at] ^ 1 << source.randrange(8)]) + whole[at + 1 :]
        for at in source.sample(range(len(whole)), 80)
    ]
    for content in damaged:
        file.write_bytes(content)
        assert is_computed()
        assert file.read_bytes() == whole


def test_a_sound_file_with_something_else_counts_as_nothing_known(folder: Path) -> None:
    is_computed()
    (file,) = files(folder)
    other = [msgspec.msgpack.encode(value) for value in (None, 1, {"a": "b"}, [1])]
    for content in (b"", b"\xc1" * 90, b"x", b"[" * 100_000, b"\x91" * 100_000, *other):
        file.write_bytes(hashlib.blake2b(content, digest_size=16).digest() + content)
        assert is_computed()


def test_those_who_keep_at_once_do_not_disturb_one_another(folder: Path) -> None:
    faults: list[BaseException] = []

    def keep() -> None:
        try:
            for number in range(50):
                cache = open_cache()
                assert cache.value(list[str], "same", lambda: VALUE) == VALUE
                assert cache.value(int, ["other", number], partial(int, number)) == number
                cache.forget_the_rest()
                assert cache.fault is None
        except BaseException as fault:  # noqa: BLE001  (told below)
            faults.append(fault)

    threads = [threading.Thread(target=keep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert not [path for path in files(folder) if path.name.startswith(".")]


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
