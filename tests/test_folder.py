"""The folder of a site: what is written, left alone and removed."""

import shutil
import threading
from pathlib import Path

import pytest

from memharness.errors import MemharnessError
from memharness.present.folder import MANIFEST, SiteFolder, Written


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
    first = {"index.html": "one", "data/a.js": "a", "data/b.js": "b", "old/page.html": "gone"}
    assert publish(folder, first) == Written(written=4)
    before = (folder / "data/a.js").stat().st_mtime_ns
    second = {"index.html": "two", "data/a.js": "a", "data/c.js": "c"}
    assert publish(folder, second) == Written(written=2, kept=1, removed=2)
    assert contents(folder) == second
    assert not (folder / "old").exists()
    assert (folder / "data/a.js").stat().st_mtime_ns == before


def test_what_others_put_into_the_folder_stays(tmp_path: Path) -> None:
    publish(tmp_path / "site", {"old/page.html": "x"})
    (tmp_path / "site" / "CNAME").write_text("memory.example.org")
    (tmp_path / "site" / "old" / "note").write_text("mine")
    publish(tmp_path / "site", {"index.html": "x"})
    assert contents(tmp_path / "site") == {"CNAME": "memory.example.org", "old/note": "mine", "index.html": "x"}


def test_a_file_made_by_the_same_key_is_kept_without_a_look(tmp_path: Path) -> None:
    with SiteFolder(tmp_path / "site") as site:
        assert not site.keeps("a", "1")
        site.put("a", "one", "1")
        assert site.keeps("a", "1")
        site.finish()
    with SiteFolder(tmp_path / "site") as site:
        assert site.keeps("a", "1")
        assert not site.keeps("a", "2")
        assert site.finish() == Written(kept=1)
    (tmp_path / "site" / "a").unlink()
    with SiteFolder(tmp_path / "site") as site:
        assert not site.keeps("a", "1")


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(MemharnessError, match="is not empty and holds no site"):
        publish(tmp_path, {"index.html": "x"})
    assert contents(tmp_path) == {"thesis.tex": "mine"}


def test_what_was_written_before_a_fault_is_known_afterwards(tmp_path: Path) -> None:
    publish(tmp_path / "site", {"kept.html": "x"})
    with pytest.raises(MemharnessError), SiteFolder(tmp_path / "site") as site:  # noqa: PT012  (both happen in there)
        site.put("half.html", "y")
        site.put("half.html/page", "a file where a folder is needed")
    assert publish(tmp_path / "site", {"index.html": "z"}) == Written(written=1, removed=2)


@pytest.mark.parametrize("manifest", ["not json", '{"format": 9, "files": {"a": ""}}'])
def test_a_damaged_list_removes_nothing(tmp_path: Path, manifest: str) -> None:
    publish(tmp_path / "site", {"a": "x"})
    (tmp_path / "site" / MANIFEST).write_text(manifest)
    assert publish(tmp_path / "site", {"b": "y"}) == Written(written=1)
    assert contents(tmp_path / "site") == {"a": "x", "b": "y"}


def test_a_list_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine")
    publish(tmp_path / "site", {"a": "x"})
    (tmp_path / "site" / MANIFEST).write_text(f'{{"format": 1, "files": {{"../outside": "", "{outside}": ""}}}}')
    publish(tmp_path / "site", {"a": "x"})
    assert outside.read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_an_error_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MemharnessError, match=f"cannot publish to {tmp_path / 'file'}"):
        publish(tmp_path / "file" / "site", {})


def test_a_second_publishing_waits_for_the_first(tmp_path: Path) -> None:
    second = threading.Thread(target=publish, args=(tmp_path / "site", {"a": "second", "b": "second"}))
    with SiteFolder(tmp_path / "site") as site:
        second.start()
        site.put("a", "first")
        site.put("c", "first")
        assert contents(tmp_path / "site") == {"a": "first", "c": "first"}
        site.finish()
    second.join()
    assert contents(tmp_path / "site") == {"a": "second", "b": "second"}


def test_a_first_publishing_that_is_under_way_or_was_killed_leaves_a_folder_of_ours(tmp_path: Path) -> None:
    second = threading.Thread(target=publish, args=(tmp_path / "site", {"a": "second"}))
    with SiteFolder(tmp_path / "site") as site:
        site.put("a", "first")
        second.start()
        shutil.copytree(tmp_path / "site", tmp_path / "killed")  # as a process leaves it that is killed now
    second.join()
    assert contents(tmp_path / "site") == {"a": "second"}
    publish(tmp_path / "killed", {"a": "again"})
    assert contents(tmp_path / "killed") == {"a": "again"}


def test_lone_surrogates_are_written_visibly(tmp_path: Path) -> None:
    publish(tmp_path / "site", {"a": "caf\udce9"})
    assert (tmp_path / "site" / "a").read_text() == "caf\\udce9"
