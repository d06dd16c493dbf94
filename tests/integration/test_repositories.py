"""`memharness run` on repositories as they come: submodules, Git LFS, partial and shallow clones, odd commits."""

import hashlib
import os
import subprocess
from pathlib import Path
from typing import Any

from indexes import wheel
from repositories import RepositoryBuilder
from workbench import Workbench, module

READING = '''"""Read a file of the project."""
# /// script
# [tool.memharness]
# calls = 15
# ///
import pathlib

import box


def run():
    return (pathlib.Path(box.__file__).parent / "words.dat").read_bytes()
'''


def outcomes(bench: Workbench) -> list[Any]:
    return [m["outcome"] for record in bench.records().values() for m in record.get("measurements", ())]


def test_a_submodule_is_measured_as_part_of_its_commit(quick: Workbench, tmp_path: Path) -> None:
    parts = RepositoryBuilder(tmp_path / "parts")
    parts.commit({"__init__.py": module(size=50_000)})
    larger = parts.commit({"__init__.py": module(size=90_000)})
    allowed = ("-c", "protocol.file.allow=always")
    quick.repository.git(*allowed, "submodule", "--quiet", "add", str(parts.path), "parts")
    quick.repository.git("-C", "parts", "checkout", "--quiet", "HEAD~1")
    quick.commit("from parts import fill\n")
    quick.repository.git("-C", "parts", "checkout", "--quiet", larger)
    grown = quick.commit("from parts import fill\n")
    code, report = quick.call_json("run")
    assert code == 1
    found = {change["metric"]: change for change in report["changes"]}
    assert (found["result"]["commit"], found["result"]["after"] - found["result"]["before"]) == (grown, 40_000)
    (line,) = found["result"]["blame"]
    assert (line["path"], line["line"], line["changed_here"]) == ("parts/__init__.py", 4, True)


def test_a_missing_submodule_is_the_reason_where_it_is_needed_and_else_no_matter(
    quick: Workbench, tmp_path: Path
) -> None:
    parts = RepositoryBuilder(tmp_path / "parts")
    parts.commit({"__init__.py": module()})
    quick.repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(parts.path), "parts")
    quick.commit("from parts import fill\n", "needs it")
    quick.commit(module(), "does not")
    clone = tmp_path / "clone"
    quick.repository.git("clone", "--quiet", str(quick.path), str(clone))
    parts.path.rename(tmp_path / "gone")
    os.chdir(clone)
    code, report = quick.call_json("run", "--scenarios", str(quick.path / "scenarios"))
    (failure,) = report["failures"]
    assert (code, failure["phase"]) == (0, "import")
    assert failure["reason"].startswith("ModuleNotFoundError: No module named 'parts'")
    assert "(parts: the submodule is missing: no repository of this clone has its commit" in failure["reason"]
    assert [outcome.get("notes", []) for outcome in outcomes(quick)] in ([[], []], [[], [], []])


def test_a_file_of_git_lfs_is_measured_or_named(quick: Workbench) -> None:
    quick.scenario.write_text(READING)
    for size in (10_000, 60_000):
        data = bytes(size)
        oid = hashlib.sha256(data).hexdigest()
        text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n"
        place = quick.path / ".git/lfs/objects" / oid[:2] / oid[2:4] / oid
        if size == 60_000:
            place.parent.mkdir(parents=True)
            place.write_bytes(data)
        quick.repository.commit({".gitattributes": "*.dat filter=lfs\n", "words.dat": text, "box.py": ""})
    code, report = quick.call_json("run")
    (series,) = [series for series in report["series"] if series["metric"] == "result"]
    assert (code, series["last"]) == (1, 60_033)
    notes = {note for outcome in outcomes(quick) for note in outcome.get("notes", ())}
    assert "words.dat: this clone has only its Git LFS pointer: get it with `git lfs fetch --all`" in notes


def test_a_shallow_clone_and_a_short_history_say_why_commits_are_few(quick: Workbench, tmp_path: Path) -> None:
    for number in range(3):
        quick.commit(module(size=50_000 + number))
    _, report = quick.call_json("run", "--last", "10")
    first = quick.repository.git("rev-list", "--max-parents=0", "HEAD")[:10]
    assert report["notices"] == [f"there are only 3 commits: the history begins with {first}"]
    _, report = quick.call_json("run", "--last", "2")
    assert report["notices"] == []
    clone = tmp_path / "clone"
    quick.repository.git("clone", "--quiet", "--depth=1", f"file://{quick.path}", str(clone))
    os.chdir(clone)
    results = ["--results", str(tmp_path / "others"), "--scenarios", str(quick.path / "scenarios")]
    for how in (["--last", "2"], ["--last", "1"], ["--all"], ["--new"], ["--new"]):
        _, report = quick.call_json("run", *how, *results)
        assert "there is only 1 commit: the clone is shallow." in report["notices"][0]
        assert "older commits is not compared with" in report["notices"][0]
        assert "git fetch --unshallow" in report["notices"][0]
        if how == ["--all"]:
            subprocess.run(["rm", "-r", str(tmp_path / "others")], check=True)


HEADERS = {
    "no time": "author A <a@x> 1700000000 +0000\ncommitter A <a@x>\n",
    "before 1970": "author A <a@x> -5 +0000\ncommitter A <a@x> -5 +0000\n",
    "far future": "author A <a@x> 1 +0000\ncommitter A <a@x> 99999999999999 +9999\n",
    "beyond numbers": f"author A <a@x> 1 +0000\ncommitter A <a@x> {'9' * 400} +0000\n",
    "no committer": "author A <a@x> 1700000000 +0000\n",
    "nobody": "author  <> 0 +0000\ncommitter  <> 0 +0000\nencoding nonsense\nencoding latin-1\n",
    "nothing": "",
    "NUL": "author A\0B <a@x> 1 +0000\ncommitter A <a@x> 1 -9959\n",
    "octopus": "",
}


def test_malformed_commits_are_listed_and_measured(quick: Workbench) -> None:
    quick.commit(module())
    for number, (what, headers) in enumerate(HEADERS.items()):
        quick.commit(module(size=50_000 + number * 10_000))
        tree = quick.repository.git("rev-parse", "HEAD^{tree}")
        parents = quick.repository.git("rev-list", f"--max-count={8 if what == 'octopus' else 1}", "HEAD~1")
        lines = "".join(f"parent {id_}\n" for id_ in parents.split())
        content = f"tree {tree}\n{lines}{headers}\n".encode() + b"subject \xff\0 of %s\n" % what.encode()
        made = subprocess.run(
            ["git", "hash-object", "-t", "commit", "-w", "--stdin", "--literally"],
            cwd=quick.path,
            input=content,
            capture_output=True,
            check=True,
        )
        quick.repository.git("reset", "--quiet", "--soft", made.stdout.decode().strip())
    code, report = quick.call_json("run")
    assert (code, report["counts"]["failed"]) == (1, 0)
    assert report["counts"]["measured"] == len(HEADERS) + 1
    for command in (["run"], ["show"], ["check"], ["list"], ["publish"], ["plot", "-m", "peak", "-o", "x.svg"]):
        code, _ = quick.call(*command)
        assert code in (0, 1), (command, quick.stderr)


def test_what_a_workload_leaves_in_its_environment_reaches_no_other(quick: Workbench, tmp_path: Path) -> None:
    packed = tmp_path / "dep-1.0-py3-none-any.whl"
    packed.write_bytes(wheel("dep", {"dep/__init__.py": ""}))
    quick.scenario.write_text(
        f'# /// script\n# dependencies = ["dep @ file://{packed}"]\n# ///\nimport box, dep, pathlib, time\n\n\n'
        "def run():\n    cache = pathlib.Path(dep.__file__).parent / 'cache.py'\n"
        "    size = 10 if cache.exists() else 100_000\n    cache.write_text('')\n"
        "    pathlib.Path(dep.__file__).write_text('# changed')\n    time.sleep(0.1)\n    return bytearray(size)\n"
    )
    for number in range(4):
        quick.commit(module(size=number))
    code, report = quick.call_json("run", "--no-reuse", "-j", "2")
    assert (code, report["failures"]) == (0, [])
    figures = {outcome["metrics"]["result"] for outcome in outcomes(quick)}
    assert figures == {100_057}
