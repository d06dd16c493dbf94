"""Results that lost a part: what mends them, and that it is over then."""

import json
from pathlib import Path
from typing import Any

import pytest

from workbench import LEAK, Workbench, module


def explained(bench: Workbench, commit: str) -> tuple[Path, dict[str, Any]]:
    """Return the record of a commit and, in it, the outcome that was explained."""
    (path,) = bench.results.rglob(f"{commit}.json")
    record = json.loads(path.read_text())
    (outcome,) = (m["outcome"] for m in record["measurements"] if "deep" in m["outcome"]["passes"] and m["round"] > 0)
    return path, {"record": record, "outcome": outcome}


def profile_path(bench: Workbench, profile: str) -> Path:
    (path,) = bench.results.rglob(f"{profile}.json.gz")
    return path


@pytest.mark.parametrize("kind", ["alive", "peak", "leak"])
def test_a_deleted_profile_is_made_again_once(bench: Workbench, kind: str) -> None:
    bench.commit(module())
    bad = bench.commit(module(kept=LEAK))
    _, whole = bench.call_json("run", "--since", "HEAD~1")
    before = bench.records()
    _, found = explained(bench, bad)
    path = profile_path(bench, found["outcome"]["profiles"][kind])
    content = path.read_bytes()
    path.unlink()
    _, mended = bench.call_json("run")
    assert (mended["counts"]["measured"], mended["changes"]) == (1, whole["changes"])
    assert (path.read_bytes(), bench.records()) == (content, before)
    assert bench.call_json("run")[1]["counts"]["measured"] == 0


def test_a_profile_that_comes_out_otherwise_takes_the_place_of_the_lost_one(bench: Workbench) -> None:
    bench.commit(module())
    bad = bench.commit(module(kept=LEAK))
    _, whole = bench.call_json("run", "--since", "HEAD~1")
    before = bench.records()
    path, found = explained(bench, bad)
    found["outcome"]["profiles"]["alive"] = "0" * 32
    path.write_text(json.dumps(found["record"]))
    _, mended = bench.call_json("run")
    assert (mended["counts"]["measured"], mended["changes"], bench.records()) == (1, whole["changes"], before)
    assert bench.call_json("run")[1]["counts"]["measured"] == 0


def test_a_damaged_profile_is_set_aside_and_made_again(bench: Workbench) -> None:
    bench.commit(module())
    bad = bench.commit(module(kept=LEAK))
    _, whole = bench.call_json("run", "--since", "HEAD~1")
    path = profile_path(bench, explained(bench, bad)[1]["outcome"]["profiles"]["peak"])
    content = path.read_bytes()
    path.write_bytes(content[:-4])
    _, noticed = bench.call_json("run")
    assert any("to be measured again" in notice for notice in noticed["notices"])
    assert (bench.call_json("run")[1]["changes"], path.read_bytes()) == (whole["changes"], content)
    assert bench.call_json("run")[1]["counts"]["measured"] == 0
