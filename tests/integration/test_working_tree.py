"""The working tree as a revision: `compare`, `run` and `show` name its lines, store nothing, measure nothing twice."""

from pathlib import Path

import pytest

from repositories import contents, facts
from workbench import LEAK, Workbench, module


def edit(bench: Workbench, text: str) -> None:
    (bench.path / "box.py").write_text(text)


def test_compare_alone_names_the_edited_line_and_measures_nothing_again(quick: Workbench) -> None:
    head = quick.commit(module())
    edit(quick, module(size=300_000, above="\n\n"))
    (quick.path / "other.py").write_text("OTHER = 1\n")
    before = facts(quick.path)

    code, report = quick.call_json("compare")

    assert (code, report["counts"]["measured"]) == (1, 2)
    (peak,) = (change for change in report["changes"] if change["metric"] == "peak")
    assert peak["range"] == [head, report["working_tree"]]
    assert [(line["path"], line["line"], line["changed_here"]) for line in peak["blame"]] == [("box.py", 6, True)]
    assert facts(quick.path) == before
    assert f"{head}.json" in quick.records()
    assert report["working_tree"] not in repr(quick.records())

    stored = contents(quick.results)
    code, again = quick.call_json("compare", head[:12])
    assert (code, again["counts"]["measured"], again["counts"]["cached"]) == (1, 0, 2)
    assert again["changes"] == report["changes"]
    assert contents(quick.results) == stored

    _, text = quick.call("compare")
    assert f"after   working tree  {report['working_tree'][:10]}  edits since {head[:10]}" in text
    assert "box.py:6" in text
    assert quick.call("show", "WORKTREE")[0] == 0
    assert facts(quick.path) == before


def test_the_working_tree_is_the_newest_commit_of_a_run(bench: Workbench) -> None:
    bench.commit(module())
    head = bench.commit(module(above="\n"))
    edit(bench, module(kept=LEAK))
    code, report = bench.call_json("run", "--last", "2", "--worktree")
    assert (code, report["counts"]["commits"]) == (1, 3)
    (leak,) = (change for change in report["changes"] if change["metric"] == "growth")
    assert leak["range"] == [head, report["working_tree"]]
    assert leak["commit"] == report["working_tree"]
    assert "not the working tree" not in bench.stderr
    assert bench.call_json("run", "--last", "2", "--worktree")[1]["counts"]["measured"] == 0
    assert "add --worktree" in (bench.call("run", "--last", "2"), bench.stderr)[1]
    assert report["working_tree"] not in repr(bench.records())


def test_show_prints_what_was_measured_of_the_working_tree(quick: Workbench) -> None:
    quick.commit(module())
    edit(quick, module(size=300_000))
    code, answer = quick.call_json("show", "WORKTREE")
    assert (code, answer["error"]["message"]) == (2, "Nothing is stored for the working tree as it is now")
    assert "run --last 1 --worktree" in answer["error"]["hint"]
    quick.call("compare")
    code, shown = quick.call_json("show", "WORKTREE")
    assert (code, shown["commit"]["working_tree"]) == (0, True)
    assert shown["cases"][0]["outcome"]["metrics"]["peak"] > 300_000
    assert quick.call("show", "WORKTREE", "--explain")[0] == 0
    of_commits = quick.records()
    for command in (["show"], ["compare", "HEAD"], ["run", "--until"], ["bisect", "HEAD"]):
        code, answer = quick.call_json(*command, shown["commit"]["id"])
        assert (code, "it stands for a working tree" in answer["error"]["message"]) == (2, True)
    assert quick.records() == of_commits
    edit(quick, module(size=300_000, above="\n"))
    assert quick.call("show", "WORKTREE")[0] == 2


def test_an_edit_that_was_taken_back_and_one_that_no_case_sees_are_not_measured(quick: Workbench) -> None:
    quick.commit(module())
    ids = []
    for size, counts in ((300_000, (2, 0)), (200_000, (1, 0)), (300_000, (0, 0))):
        edit(quick, module(size=size))
        _, report = quick.call_json("compare")
        ids.append(report["working_tree"])
        assert (report["counts"]["measured"], report["counts"]["reused"]) == counts
    assert (ids[0], len(set(ids))) == (ids[2], 2)
    edit(quick, module())
    (quick.path / "notes.txt").write_text("seen by no case\n")
    code, report = quick.call_json("compare")
    assert (code, report["counts"]["measured"], report["counts"]["reused"]) == (0, 0, 1)


def test_nothing_edited_is_said_and_results_of_head_are_those_of_head(quick: Workbench) -> None:
    quick.commit(module(), tag="v1.0")
    head = quick.commit(module(size=300_000))
    code, answer = quick.call_json("compare")
    message = "nothing is edited: HEAD and WORKTREE have the same files"
    assert (code, answer["error"]["message"]) == (2, message)
    code, answer = quick.call_json("compare", "WORKTREE")
    assert (code, answer["error"]["message"]) == (2, "WORKTREE and WORKTREE are the same commit")
    code, report = quick.call_json("compare", "v1.0", "WORKTREE")
    assert (code, report["working_tree"], f"{head}.json" in quick.records()) == (1, None, True)
    quick.call("run", "--last", "1", "--worktree")
    assert "nothing is edited: the working tree is commit" in quick.stderr


def test_results_of_commits_refer_to_none_of_the_working_tree(quick: Workbench) -> None:
    first = quick.commit(module())
    edit(quick, module() + "\n")
    quick.repository.git("add", "--all")
    quick.call("compare", "WORKTREE", first)
    (quick.path / "notes.txt").write_text("seen by no case\n")
    quick.call("compare")
    quick.commit(module() + "\n")
    assert quick.call("run")[0] == 0
    commits = set(quick.repository.git("rev-list", "--all").split())
    for record in quick.records().values():
        assert {reference["commit"] for reference in record.get("reused", ())} <= commits


def test_a_working_tree_that_cannot_be_imported_or_read(quick: Workbench) -> None:
    quick.commit(module())
    edit(quick, "import missing_module\n" + module())
    code, report = quick.call_json("compare")
    assert (code, [failure["phase"] for failure in report["failures"]]) == (3, ["import"])
    assert "✗ after failed  working tree" in quick.call("compare")[1]
    quick.repository.branch("side")
    quick.commit(module(size=2))
    quick.repository.switch("main")
    quick.commit(module(size=3))
    with pytest.raises(Exception, match="merge"):
        quick.repository.git("merge", "side")
    code, answer = quick.call_json("compare")
    assert code == 2
    assert "1 file with unresolved conflicts: box.py" in answer["error"]["message"]


def test_a_command_that_takes_commits_alone_says_which_do_not(quick: Workbench) -> None:
    quick.commit(module())
    for command in (["bisect", "HEAD", "WORKTREE"], ["run", "HEAD..WORKTREE"], ["check", "--until", "WORKTREE"]):
        code, answer = quick.call_json(*command)
        assert code == 2
        assert "`run` has --worktree" in answer["error"]["hint"]


def test_a_repository_without_a_working_tree(quick: Workbench) -> None:
    quick.commit(module())
    quick.repository.git("clone", "--quiet", "--bare", ".", "../bare.git")
    for option in ("../bare.git", quick.path.as_uri()):
        for command in (["compare"], ["run", "--worktree"], ["show", "WORKTREE"], ["try"]):
            code, answer = quick.call_json(*command, "--repo", option)
            assert (code, answer["error"]["message"].rpartition(" has ")[2]) == (2, "no working tree")


def test_what_memharness_writes_into_the_repository_is_no_edit(quick: Workbench) -> None:
    config = Path("memharness.toml")
    config.write_text(config.read_text().replace("../results", "results"))
    quick.commit(module())
    edit(quick, module(size=300_000))
    first = quick.call_json("compare")[1]["working_tree"]
    assert (quick.path / "results").is_dir()
    assert quick.call_json("compare")[1]["working_tree"] == first
