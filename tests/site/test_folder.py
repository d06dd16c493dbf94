"""The folder of a site: what is written, left alone and removed."""

import os
import shutil
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import msgspec
import pytest

from memharness.errors import MemharnessError
from memharness.site.folder import MANIFEST, SiteFolder, Written


def publish(folder: Path, files: dict[str, str]) -> Written:
    with SiteFolder(folder) as site:
        for path, text in files.items():
            site.put(path, text)
        return site.finish()


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".memharness-site"))
    return {str(path.relative_to(folder)): path.read_text() for path in files}


def test_only_what_changed_is_written_and_what_is_no_longer_part_goes(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "site"
    first = {"index.html": "one", "data/a.js": "a", "data/b.js": "b", "scenario/page.html": "gone"}
    assert publish(folder, first) == Written(written=4)
    before = (folder / "data/a.js").stat().st_mtime_ns
    second = {"index.html": "two", "data/a.js": "a", "data/c.js": "c"}
    assert publish(folder, second) == Written(written=2, kept=1, removed=2)
    assert contents(folder) == second
    assert not (folder / "scenario").exists()
    assert (folder / "data/a.js").stat().st_mtime_ns == before


def test_what_others_put_into_the_folder_stays(tmp_path: Path) -> None:
    publish(tmp_path / "site", {"commit/page.html": "x"})
    (tmp_path / "site" / "CNAME").write_text("memory.example.org")
    (tmp_path / "site" / "commit" / "note").write_text("mine")
    publish(tmp_path / "site", {"index.html": "x"})
    assert contents(tmp_path / "site") == {"CNAME": "memory.example.org", "commit/note": "mine", "index.html": "x"}


def test_a_file_drawn_from_the_same_inputs_is_left_alone(tmp_path: Path) -> None:
    drawn: list[object] = []

    def draw(inputs: object, *, there: bool = True) -> bool:
        def drawing() -> str | None:
            drawn.append(inputs)
            return f"from {inputs}" if there else None

        return site.draw("assets/a", inputs, drawing)

    with SiteFolder(tmp_path / "site") as site:
        assert draw("one")
        assert draw("one")
        assert site.finish() == Written(written=1)
    with SiteFolder(tmp_path / "site") as site:
        assert draw("one")
        assert site.finish() == Written(kept=1)
    assert drawn == ["one"]
    with SiteFolder(tmp_path / "site") as site:
        assert draw("other")
        assert site.finish() == Written(written=1)
    assert contents(tmp_path / "site") == {"assets/a": "from other"}
    (tmp_path / "site" / "assets/a").unlink()
    with SiteFolder(tmp_path / "site") as site:
        assert draw("other")
        site.finish()
    assert drawn == ["one", "other", "other"]
    with SiteFolder(tmp_path / "site") as site:
        assert not draw("nothing", there=False)
        assert site.finish() == Written(removed=1)


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(MemharnessError, match="is not empty and holds no site"):
        publish(tmp_path, {"index.html": "x"})
    assert contents(tmp_path) == {"thesis.tex": "mine"}


def test_what_was_written_before_a_fault_is_known_afterwards(tmp_path: Path) -> None:
    publish(tmp_path / "site", {"leaks.html": "x"})
    (tmp_path / "site" / "status.html").mkdir()
    with pytest.raises(MemharnessError), SiteFolder(tmp_path / "site") as site:  # noqa: PT012  (both happen in there)
        site.put("commit/half.html", "y")
        site.put("status.html", "a file where a folder is")
    assert publish(tmp_path / "site", {"index.html": "z"}) == Written(written=1, removed=2)


@pytest.mark.parametrize(
    "manifest",
    ["not json", '{"format": 9, "files": {"data/a": ""}}', '{"format": 1, "files": ' + "[" * 100_000, "[]", ""],
    ids=["text", "newer", "deep", "list", "nothing"],
)
def test_a_damaged_list_removes_nothing(tmp_path: Path, manifest: str) -> None:
    publish(tmp_path / "site", {"data/a": "x"})
    (tmp_path / "site" / MANIFEST).write_text(manifest)
    assert publish(tmp_path / "site", {"data/b": "y"}) == Written(written=1)
    assert contents(tmp_path / "site") == {"data/a": "x", "data/b": "y"}


def list_files(folder: Path, *names: str) -> None:
    (folder / MANIFEST).write_bytes(msgspec.json.encode({"format": 1, "files": dict.fromkeys(names, "key")}))


def test_a_list_names_only_files_of_a_site(tmp_path: Path) -> None:
    outside, site = tmp_path / "outside", tmp_path / "site"
    publish(site, {"data/a": "x", "leaks.html": "x"})
    foreign = {"CNAME": "mine", "data/deep/a": "mine", "notes/a.html": "mine", ".git/config": "mine"}
    for path, text in {**foreign, "../outside": "mine"}.items():
        (site / path).parent.mkdir(exist_ok=True)
        (site / path).write_text(text)
    strange = ("", ".", "data", "data/", "data/..", "a\0b", "data/a\0b", "x" * 300, "data/" + "x" * 300, "index.html/x")
    list_files(site, *foreign, *strange, "../outside", str(outside), "data/../../outside", "leaks.html")
    assert publish(site, {"data/a": "x"}) == Written(kept=1, removed=1)
    assert contents(site) == {**foreign, "data/a": "x"}
    assert outside.read_text() == "mine"


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """Return a folder beside the site, with a file that is worth something."""
    folder = tmp_path / "victim"
    folder.mkdir()
    (folder / "precious.txt").write_text("mine")
    return folder


@pytest.mark.parametrize("name", ["assets", "data", "data/commit", "scenario", "commit", "picture"])
def test_no_link_below_the_folder_is_followed(tmp_path: Path, victim: Path, name: str) -> None:
    site = tmp_path / "site"
    (site / name).parent.mkdir(parents=True)
    (site / name).symlink_to(victim)
    list_files(site, f"{name}/precious.txt")
    with pytest.raises(MemharnessError) as caught:
        publish(site, {"index.html": "x", f"{name}/new": "y"})
    assert caught.value.message.startswith(f"cannot publish to {site / name}: it is a symbolic link")
    assert contents(victim) == {"precious.txt": "mine"}
    assert not (site / "index.html").exists()


def test_a_link_in_place_of_a_file_is_not_written_through(tmp_path: Path, victim: Path) -> None:
    site, precious = tmp_path / "site", victim / "precious.txt"
    publish(site, {"index.html": "x"})
    (site / "index.html").unlink()
    for name in ("index.html", "index.html.tmp", f"{MANIFEST}.tmp", "leaks.html"):
        (site / name).symlink_to(precious)
    list_files(site, "index.html", "leaks.html")
    assert publish(site, {"index.html": "mine"}) == Written(written=1)
    assert not (site / "index.html").is_symlink()
    assert contents(victim) == {"precious.txt": "mine"}


@pytest.mark.parametrize("name", [MANIFEST, ".memharness-site.lock"])
def test_a_link_in_place_of_what_goes_with_a_site_is_refused(tmp_path: Path, victim: Path, name: str) -> None:
    list_files(victim, "index.html")
    before = contents(victim)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / name).symlink_to(victim / (MANIFEST if name == MANIFEST else "precious.txt"))
    with pytest.raises(MemharnessError):
        publish(tmp_path / "site", {"index.html": "x"})
    assert contents(victim) == before
    assert os.listdir(tmp_path / "site") == [name]  # noqa: PTH208  (names, not paths)


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "site").symlink_to(tmp_path / "elsewhere")
    publish(tmp_path / "site", {"data/a": "x"})
    assert contents(tmp_path / "elsewhere") == {"data/a": "x"}


KILLED = """
import os, pathlib, signal, sys
from memharness.site.folder import SiteFolder
with SiteFolder(pathlib.Path(sys.argv[1])) as site:
    site.draw("commit/a.html", "newer", lambda: "newer")
    (site.folder / "commit" / ".memharness-0123456789abcdef.tmp").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("before", [{}, {"commit/a.html": "old", "commit/b.html": "old"}], ids=["first", "later"])
def test_what_was_killed_can_be_repeated(tmp_path: Path, before: dict[str, str]) -> None:
    folder = tmp_path / "site"
    if before:
        with SiteFolder(folder) as site:
            for path, text in before.items():
                site.draw(path, text, partial(str, text))
            site.finish()
    subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=False)
    assert (folder / "commit" / "a.html").read_text() == "newer"
    with SiteFolder(folder) as site:
        site.draw("commit/a.html", "old", lambda: "old")  # the file is not what these inputs made any more
        site.finish()
    assert contents(folder) == {"commit/a.html": "old"}
    assert sorted(path.name for path in folder.iterdir()) == [MANIFEST, ".memharness-site.lock", "commit"]


def test_a_folder_that_cannot_be_written_is_an_error_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MemharnessError, match=f"cannot publish to {tmp_path / 'file'}"):
        publish(tmp_path / "file" / "site", {})


def test_a_second_publishing_waits_for_the_first(tmp_path: Path) -> None:
    second = threading.Thread(target=publish, args=(tmp_path / "site", {"data/a": "second", "data/b": "second"}))
    with SiteFolder(tmp_path / "site") as site:
        second.start()
        site.put("data/a", "first")
        site.put("data/c", "first")
        assert contents(tmp_path / "site") == {"data/a": "first", "data/c": "first"}
        site.finish()
    second.join()
    assert contents(tmp_path / "site") == {"data/a": "second", "data/b": "second"}


def test_a_first_publishing_that_is_under_way_or_was_killed_leaves_a_folder_of_ours(tmp_path: Path) -> None:
    second = threading.Thread(target=publish, args=(tmp_path / "site", {"data/a": "second"}))
    with SiteFolder(tmp_path / "site") as site:
        site.put("data/a", "first")
        second.start()
        shutil.copytree(tmp_path / "site", tmp_path / "killed")  # as a process leaves it that is killed now
    second.join()
    assert contents(tmp_path / "site") == {"data/a": "second"}
    publish(tmp_path / "killed", {"data/a": "again"})
    assert contents(tmp_path / "killed") == {"data/a": "again"}


def test_lone_surrogates_are_written_visibly(tmp_path: Path) -> None:
    publish(tmp_path / "site", {"data/a": "caf\udce9"})
    assert (tmp_path / "site" / "data" / "a").read_text() == "caf\\udce9"
