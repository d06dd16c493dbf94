"""`memharness publish` over measured results: what is in the site, and what of it is written when."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

import memharness
from memharness.model.metrics import COMMON
from memharness.wording.text import value_text
from published import data_of, dead_links, read_page, site_files, site_times, text_of
from workbench import BROKEN, LEAK, Published, module

ATOM = "{http://www.w3.org/2005/Atom}"


# --- what is there ---------------------------------------------------------------------------------------


def test_the_layout_is_complete_and_every_link_leads_somewhere(published: Published) -> None:
    assert published.publish()["removed"] == 0
    files = published.files()
    subjects = published.subjects()
    assert sorted(data["subject"]["case"] for data in subjects.values()) == ["fill", "other"]
    pages = {f"{name}.html" for name in ("index", "changes", "leaks", "status", "compare")}
    expected = {*pages, "changes.atom", "data/history.js"}
    expected |= {path for id_ in published.ids for path in (f"commit/{id_}.html", f"data/commit/{id_}.js")}
    for id_ in subjects:
        expected |= {f"scenario/{id_}.html", f"data/scenario/{id_}.js"}
        expected |= {f"picture/{id_}-{metric}.svg" for metric in COMMON}
    rest = {path for path in files if not path.startswith(("assets/", "data/profile/"))}
    assert rest == expected
    assert dead_links(published.site) == []
    assert data_of(files["data/history.js"])["ids"] == published.ids
    profiles = [data_of(files[f"data/commit/{id_}.js"])["profiles"] for id_ in published.ids]
    named = {id_ for at in profiles for own in at.values() for id_ in own.values()}
    assert {f"data/profile/{id_}.js" for id_ in named} == {path for path in files if "data/profile/" in path}
    assert named


def test_the_pages_tell_the_findings_of_check(published: Published) -> None:
    published.publish()
    code, report = published.call_json("check", "--all")
    assert code == 1
    marks = {
        (data["subject"]["case"], trend["metric"], published.ids[mark["position"]], mark["before"], mark["after"])
        for data in published.subjects().values()
        for trend in data["trends"]
        for mark in trend["marks"]
    }
    told = {(c["case"], c["metric"], c["range"][1], c["before"], c["after"]) for c in report["changes"]}
    also = {(c["case"], name, c["range"][1]) for c in report["changes"] for name in c["also"]}
    assert {c["metric"] for c in report["changes"]} == {"peak", "result", "retained", "growth"}
    assert told <= marks
    assert {mark[:3] for mark in marks - told} == also
    changes = published.text("changes.html")
    for change in report["changes"]:
        page = published.text(f"commit/{change['range'][1]}.html")
        before, after = (value_text(change[side], change["unit"]) for side in ("before", "after"))
        figures = f"{before} → {after}"
        assert figures in page
        assert figures in changes
        for line in change["blame"]:
            assert f"{line['path']}:{line['line']}" in page
            assert line["source"] in page
    assert "missing_module" in published.text(f"commit/{published.ids[3]}.html")


def test_a_failing_commit_is_shown_with_the_end_of_its_output(published: Published) -> None:
    published.commit(BROKEN + module(), "break again")
    assert published.call("run", "--last", "1")[0] == 3
    published.publish()
    assert "note: 2 failures at the newest commits; `memharness run --retry-failed` measures again" in published.stderr
    (failed,) = published.repository.git("rev-list", "-1", "main").split()
    for path in (f"commit/{failed}.html", "index.html"):
        text = published.text(path)
        assert "No module named 'missing_module'" in text, path
        assert "opening the box" in text, path
    status = published.text("status.html")
    assert "ModuleNotFoundError: No module named 'missing_module'" in status
    assert re.search(r"times phase reason newest 4 import ", status)  # two cases at two commits
    scenario = next(path for path in published.files() if path.startswith("scenario/"))
    assert "missing_module" in published.text(scenario)
    assert dead_links(published.site) == []


def test_json_tells_what_was_done(published: Published) -> None:
    code, found = published.call_json("publish")
    assert code == 0
    number = len(published.files())
    assert found == {
        "format": 1,
        "folder": str(published.site),
        "files": {"written": number, "kept": 0, "removed": 0},
        "subjects": 2,
        "commits": 6,
        "notices": [],
    }
    code, out = published.call("publish")
    assert (code, out) == (0, f"{published.site}/index.html\n")
    assert published.stderr == f"2 trend pages, 6 commits; 0 files written, {number} as they were, 0 removed\n"


def test_machines_and_environments_are_siblings(published: Published) -> None:
    assert published.call("run", "--last", "1", "--machine", "other")[0] == 0
    existing = ("--install", "existing", "--python", sys.executable)
    assert published.call("run", "--last", "1", "-k", "fill", *existing)[0] == 0
    published.publish()
    names = [data["subject"] for data in published.subjects().values()]
    fill = {name["id"] for name in names if name["case"] == "fill"}
    assert len(names) == 5
    assert len(fill) == 3
    assert {name["machine"] for name in names} >= {"other"}
    assert len({name["family"] for name in names if name["id"] in fill}) == 2
    for id_ in fill:
        page = (published.site / f"scenario/{id_}.html").read_bytes()
        assert fill <= {Path(link).stem for link in read_page(page)[0]}
    assert dead_links(published.site) == []


def test_a_machine_that_is_named_is_published_alone(published: Published) -> None:
    assert published.call("run", "--last", "1", "--machine", "other")[0] == 0
    published.publish("--machine", "other")
    assert {data["subject"]["machine"] for data in published.subjects().values()} == {"other"}
    published.publish()
    assert len({data["subject"]["machine"] for data in published.subjects().values()}) == 2
    code, answer = published.call_json("publish", "--machine", "third")
    message = f"nothing is stored of these commits in {published.results}/third"
    assert (code, answer["error"]["message"]) == (2, message)


# --- what is written when --------------------------------------------------------------------------------


def test_publishing_again_writes_nothing(published: Published) -> None:
    first = published.publish()
    times = site_times(published.site)
    again = published.publish()
    assert again == {"written": 0, "kept": first["written"], "removed": 0}
    assert site_times(published.site) == times


def test_a_new_commit_rewrites_only_what_it_changes(published: Published) -> None:
    published.publish()
    before = site_times(published.site)
    newest = published.commit(module(size=400_000, kept=LEAK), "grow more")
    assert published.call("run", "--last", "2")[0] == 1
    published.publish()
    after = site_times(published.site)
    written = {path for path, time in after.items() if before.get(path) != time}
    beside = {newest, published.ids[-1]}
    assert {path for path in written if path.startswith("commit/")} == {f"commit/{id_}.html" for id_ in beside}
    figures = {path for path in written if path.startswith("data/commit/")}
    assert f"data/commit/{newest}.js" in figures
    assert figures <= {f"data/commit/{id_}.js" for id_ in beside}
    assert {path for path in written if path.startswith("assets/")} == set()
    assert {"index.html", "changes.html", "changes.atom", "status.html", "data/history.js"} <= written
    kept = {path for path in before if path.startswith("data/profile/")} & after.keys()
    assert kept
    assert not kept & written


def test_a_removed_scenario_takes_its_pages_along(published: Published) -> None:
    published.publish()
    (gone,) = (id_ for id_, data in published.subjects().items() if data["subject"]["case"] == "other")
    assert any(gone in path for path in published.files())
    (published.path / "scenarios" / "other.py").unlink()
    assert published.publish()["removed"] >= 3
    assert [path for path, content in published.files().items() if gone in path or gone.encode() in content] == []
    assert dead_links(published.site) == []


def test_an_accepted_change_moves(published: Published) -> None:
    published.publish()

    def groups() -> dict[str, str]:
        parts = re.split(r'<h2 id="group-\d+">', (published.site / "changes.html").read_text())[1:]
        return {part.split(" <")[0]: text_of(part.encode()) for part in parts}

    grown = published.ids[1]
    assert grown[:10] in groups()["Open regressions"]
    index = published.text("index.html")
    assert grown[:10] in index[index.index("Open regressions") : index.index("Every case, by the metric")]
    assert published.call("accept", grown, "--reason", "the box is <larger>")[0] == 0
    published.publish()
    assert grown[:10] not in groups()["Open regressions"]
    assert grown[:10] in groups()["Accepted"]
    assert "the box is <larger>" in published.text(f"commit/{grown}.html")


def test_ranges_and_cases_are_chosen(published: Published) -> None:
    published.publish("--since", published.ids[2], "-k", "fill")
    assert [data["subject"]["case"] for data in published.subjects().values()] == ["fill"]
    assert data_of(published.files()["data/history.js"])["ids"] == published.ids[2:]
    assert dead_links(published.site) == []
    published.publish(f"{published.ids[0]}..{published.ids[2]}")
    assert data_of(published.files()["data/history.js"])["ids"] == published.ids[:3]
    assert len(published.subjects()) == 2
    assert dead_links(published.site) == []


# --- what goes wrong -------------------------------------------------------------------------------------


def test_nothing_stored_is_an_error_and_makes_no_folder(published: Published) -> None:
    shutil.rmtree(published.results)
    code, out = published.call("publish")
    assert (code, out) == (2, "")
    assert published.stderr.startswith("memharness: error: nothing is stored of these commits in ")
    assert published.stderr.count("error") == 1
    assert not published.site.exists()


def test_the_folder_of_something_else_is_refused(published: Published) -> None:
    published.site.mkdir()
    (published.site / "thesis.txt").write_text("mine")
    assert published.call("publish")[0] == 2
    assert "is not empty and holds no site of memharness" in published.stderr
    assert [path.name for path in published.site.iterdir()] == ["thesis.txt"]


def test_files_of_others_beside_the_site_stay(published: Published) -> None:
    published.publish()
    (published.site / "CNAME").write_text("example.org")
    assert published.publish("-k", "fill")["removed"] > 0
    assert (published.site / "CNAME").read_text() == "example.org"


def test_a_damaged_record_is_named_each_time_and_the_rest_is_published(published: Published) -> None:
    record = published.record(published.ids[2])
    record.write_bytes(record.read_bytes()[:-40])
    for _ in range(2):
        code, found = published.call_json("publish")
        assert code == 0
        assert [str(record) in notice for notice in found["notices"]] == [True]
        assert str(record) in published.stderr
    assert len(published.subjects()) == 2
    assert published.ids[1][:10] in published.text("changes.html")
    assert dead_links(published.site) == []


def test_a_missing_profile_is_named_and_its_lines_return_with_it(published: Published) -> None:
    published.publish()
    whole = published.files()
    (machine,) = (path.parent for path in published.results.glob("*/machine.json"))
    profiles, aside = machine / "profiles", machine / "aside"
    shutil.rmtree(published.path.parent / "cache")
    profiles.rename(aside)
    assert any("is missing: no lines can be shown" in notice for notice in published.call_json("publish")[1]["notices"])
    assert published.files() != whole
    aside.rename(profiles)
    published.publish()
    assert published.files() == whole


def _array(content: bytes) -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "foreign": lambda _: b"not of memharness\n",
    "half": lambda content: content[: len(content) // 2],
    "cut": lambda content: content[:-1],
    "reversed": lambda content: bytes(reversed(content)),
    "array": _array,
    "another figure": lambda content: content[:-1] + bytes([content[-1] ^ 1]),
}


def test_damaged_caches_are_replaced(published: Published) -> None:
    published.publish()
    whole, kept = published.files(), published.path.parent / "cache" / "publish"
    sound = {path: path.read_bytes() for path in kept.rglob("*") if path.is_file()}
    assert len(sound) > 5
    for name, damage in DAMAGES.items():
        for path, content in sound.items():
            path.write_bytes(damage(content))
        shutil.rmtree(published.site)
        published.publish()
        assert published.files() == whole, name
        assert {path: path.read_bytes() for path in sound} == sound, name


CHANGES_OF_CODE = [  # a file, what it says, what it says instead, and what the page of a commit tells for that
    ("analyse/changes.py", "return min(1.0, sum(", "return min(0.5, sum(", "they explain 50 % of the peak"),
    ("site/render/templates/parts.html", "<caption>Lines that hold", "<caption>Lines with", "Lines with the diff"),
    ("model/history.py", "else self.id[:10]", 'else self.id[:7] + "..."', "..."),
    ("site/commit_pages.py", "(one.stat, one.now, one.size)", "(one.stat, 12345, one.size)", "12.06 KiB"),
]


def test_other_code_or_another_library_publishes_anew(published: Published, tmp_path: Path) -> None:
    published.publish()
    code = shutil.copytree(Path(memharness.__file__).parents[1], tmp_path / "code")
    (fill,) = (id_ for id_, data in published.subjects().items() if data["subject"]["case"] == "fill")
    commit, case = f"commit/{published.ids[1]}.html", f"scenario/{fill}.html"
    for file, old, new, told in CHANGES_OF_CODE:
        assert told not in published.text(commit)
        _change(code / "memharness" / file, old, new)
        _call_with(published, code, "publish", "-o", str(published.site))
        assert told in published.text(commit)
        assert told in published.text(case) or told == "12.06 KiB"

    assert "peak" in _changed_metrics(published)
    _change(code / "memharness/model/metrics.py", 'name="peak", floor=4 << 10', 'name="peak", floor=1 << 30')
    _call_with(published, code, "publish", "-o", str(published.site))
    checked = json.loads(_call_with(published, code, "check", "--all", "--json"))
    found = {metric for c in checked["changes"] for metric in (c["metric"], *c["also"])}
    assert _changed_metrics(published) == found
    assert "peak" not in found
    assert "result" in found
    _as_from_nothing(published, code, tmp_path / "other code")

    (code / "bokeh-99.0.dist-info").mkdir()
    (code / "bokeh-99.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: bokeh\nVersion: 99.0\n")
    _call_with(published, code, "publish", "-o", str(published.site))
    assert "assets/bokeh-99.0.min.js" in published.files()
    assert dead_links(published.site) == []
    _as_from_nothing(published, code, tmp_path / "another library")


def _change(file: Path, old: str, new: str) -> None:
    assert file.read_text().count(old) == 1
    file.write_text(file.read_text().replace(old, new))


def _changed_metrics(published: Published) -> set[str]:
    return {trend["metric"] for data in published.subjects().values() for trend in data["trends"] if trend["marks"]}


def _call_with(published: Published, code: Path, *arguments: str, cache: str = "cache") -> bytes:
    """Run a command of the packages in the folder `code`; return its stdout."""
    environment = {**os.environ, "PYTHONPATH": str(code), "MEMHARNESS_CACHE": str(published.path.parent / cache)}
    command = [sys.executable, "-m", "memharness.cli", *arguments]
    done = subprocess.run(command, cwd=published.path, env=environment, check=False, capture_output=True)
    assert done.returncode == (arguments[0] == "check"), done.stderr
    return done.stdout


def _as_from_nothing(published: Published, code: Path, anew: Path) -> None:
    _call_with(published, code, "publish", "-o", str(anew), cache=f"{anew.name} cache")
    assert published.files() == site_files(anew)


# --- links -----------------------------------------------------------------------------------------------


def test_the_feed_is_sound_and_its_links_are_absolute(published: Published) -> None:
    published.commit(module(size=900_000), 'grow & <b> "quote" \x1b[31m \u202e')
    published.call("run", "--last", "2")
    published.publish("--url", "https://example.org/memory/")
    feed = ElementTree.fromstring((published.site / "changes.atom").read_text())
    links = [link.get("href", "") for link in feed.iter(f"{ATOM}link")]
    entries = feed.findall(f"{ATOM}entry")
    assert len(links) == len(entries) + 2
    anchors = read_page((published.site / "changes.html").read_bytes())[1]
    for link in links:
        assert link.startswith("https://example.org/memory/changes.")
        assert "#" not in link or link.partition("#")[2] in anchors
    assert len({entry.findtext(f"{ATOM}id") for entry in entries}) == len(entries)
    for element in (feed, *entries):
        assert all(element.findtext(f"{ATOM}{name}") for name in ("id", "title", "updated"))
    content = "".join(entry.findtext(f"{ATOM}content") or "" for entry in entries)
    assert 'grow &amp; &lt;b&gt; "quote" \\x1b[31m \\u202e' in content
    published.publish()
    assert 'href="changes.atom"' in (published.site / "changes.atom").read_text()


def test_links_lead_to_the_forge_of_the_remote(published: Published) -> None:
    published.publish()
    assert b"https://" not in published.files()[f"commit/{published.ids[1]}.html"]
    published.repository.git("remote", "add", "origin", "git@github.com:o/r.git")
    published.publish()
    grown = published.ids[1]
    links = read_page(published.files()[f"commit/{grown}.html"])[0]
    assert f"https://github.com/o/r/commit/{grown}" in links
    assert f"https://github.com/o/r/blob/{grown}/box.py#L4" in links
    assert b'data-line="https://github.com/o/r/blob/{commit}/{path}#L{line}"' in published.files()["compare.html"]


def test_links_follow_the_templates_of_the_configuration(published: Published) -> None:
    published.repository.git("remote", "add", "origin", "git@github.com:o/r.git")
    with (published.path / "memharness.toml").open("a") as file:
        file.write('[publish]\nline-link = "https://forge.example/{commit}?f={path}&l={line}"\n')
        file.write('commit-link = "https://forge.example/c/{commit}"\n')
    published.publish()
    grown = published.ids[1]
    links = read_page(published.files()[f"commit/{grown}.html"])[0]
    assert f"https://forge.example/c/{grown}" in links
    assert f"https://forge.example/{grown}?f=box.py&l=4" in links
    assert [path for path, text in published.files().items() if "assets/" not in path and b"github.com" in text] == []
