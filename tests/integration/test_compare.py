"""`memharness compare` on real repositories and environments."""

from pathlib import Path

import pytest

from built_projects import MINI_BACKEND, in_tree
from memharness.wording.text import bytes_text
from workbench import LEAK, Workbench, module


def test_what_is_missing_is_measured_and_the_lines_are_named(quick: Workbench) -> None:
    first = quick.commit(module(), tag="v1.0")
    quick.commit(module(size=150_000))
    last = quick.commit(module(size=300_000, above="\n\n"), tag="v2.0")

    code, report = quick.call_json("compare", "v1.0", "v2.0")

    assert code == 1
    assert report["counts"] == {"commits": 2, "measured": 2, "cached": 0, "reused": 0, "failed": 0}
    peak, result = (next(c for c in report["changes"] if c["metric"] == name) for name in ("peak", "result"))
    assert (peak["range"], peak["verdict"]) == ([first, last], "regressed")
    assert [(line["path"], line["bytes"], line["changed_here"]) for line in result["blame"]] == [
        ("box.py", 200_000, True)
    ]
    assert report["environments"] == []
    code, text = quick.call("compare", "v1.0", "v2.0")
    assert code == 1
    assert "box.py:6" in text


def test_revisions_of_different_branches_and_the_wrong_way_round(quick: Workbench) -> None:
    quick.commit(module(), tag="start")
    quick.repository.branch("big")
    quick.commit(module(size=300_000))
    quick.repository.switch("main")
    quick.commit(module(size=200_000))
    code, report = quick.call_json("compare", "big", "main")
    assert code == 0
    assert {c["verdict"] for c in report["changes"]} == {"improved"}


def test_one_commit_under_two_names_is_refused(bench: Workbench) -> None:
    bench.commit(module(), tag="v1.0")
    code, answer = bench.call_json("compare", "v1.0", "HEAD")
    assert (code, answer["error"]["message"]) == (2, "v1.0 and HEAD are the same commit")


def test_a_revision_that_fails_is_incomplete_and_has_no_figures(quick: Workbench) -> None:
    quick.commit(module(), tag="v1.0")
    quick.commit("import missing_module\n" + module())
    for failed, pair in enumerate((("HEAD", "v1.0"), ("v1.0", "HEAD"))):
        code, report = quick.call_json("compare", *pair)
        assert (code, [f["phase"] for f in report["failures"]]) == (3, ["import"])
        (peak,) = (row for row in report["series"] if row["metric"] == "peak")
        sides = [peak["first"], peak["last"]]
        assert (sides[failed], peak["residual"]) == (None, None)
        assert sides[1 - failed] > 100_000
        (line,) = (line for line in quick.call("compare", *pair)[1].splitlines() if line.startswith("  peak "))
        figures = " ".join("-" if size is None else bytes_text(size) for size in sides)
        assert " ".join(line.split()) == f"peak {figures} ✗ {('before', 'after')[failed]} failed"
        assert "1 with failures; nothing could be compared\n" in quick.call("compare", *pair)[1]


def test_a_metric_whose_pass_fails_at_one_revision_has_no_figure_there(bench: Workbench) -> None:
    bench.commit(module(), tag="v1.0")
    bench.commit(module(kept="    KEPT.append(1)\n    assert len(KEPT) < 2\n"))
    code, report = bench.call_json("compare", "v1.0", "HEAD")
    rows = {row["metric"]: row for row in report["series"]}
    assert (code, report["changes"]) == (3, [])
    assert (rows["growth"]["first"], rows["growth"]["last"], rows["growth"]["residual"]) == (0, None, None)
    assert rows["peak"]["last"] - rows["peak"]["first"] == rows["peak"]["residual"]


def test_environments_are_made_alike_for_cases_that_want_later_calls_only(bench: Workbench) -> None:
    bench.set("metrics = ['growth']")
    bench.commit(module(), tag="v1.0")
    bench.commit(module(kept=LEAK), tag="v2.0")
    code, report = bench.call_json("compare", "v1.0", "v2.0", "--same-env")
    assert (code, [(c["metric"], c["verdict"]) for c in report["changes"]]) == (1, [("growth", "regressed")])


def needing(version: str) -> dict[str, str]:
    """Return the files of a project that needs a version of iniconfig."""
    extra = f'dependencies = ["iniconfig{version}"]\n[tool.setuptools]\npy-modules = ["box"]\n'
    return {"box.py": module() + "import iniconfig\n", "back.py": MINI_BACKEND, "pyproject.toml": in_tree(extra=extra)}


@pytest.mark.registry
def test_environments_differ_first_and_can_be_made_alike(quick: Workbench) -> None:
    config = Path("memharness.toml")
    config.write_text(config.read_text().replace('"path"', '"auto"'))
    for tag, version in {"v1": "==2.0.0", "v2": "==1.1.1", "v3": ">=2.0.0"}.items():
        quick.repository.commit(needing(version), tag=tag)

    _, report = quick.call_json("compare", "v1", "v2")
    (difference,) = report["environments"]
    assert (difference["name"], difference["before"], difference["after"]) == ("iniconfig", "2.0.0", "1.1.1")
    assert quick.call("compare", "v1", "v2")[1].index("iniconfig 2.0.0") < 200

    _, alike = quick.call_json("compare", "v3", "v1", "--same-env")
    assert alike["environments"] == []
    assert all(row["family"] != report["series"][0]["family"] for row in alike["series"])
