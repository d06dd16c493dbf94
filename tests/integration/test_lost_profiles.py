"""Results that lost a part: what mends them, and that it is over then."""

import json
from pathlib import Path
from typing import Any

import pytest

from workbench import Published


def explained(published: Published, kind: str = "leak") -> tuple[Path, dict[str, Any], dict[str, str]]:
    """Return the path of the record of the leak, what is in it, and therein the profiles of the explained outcome.

    The leak leaves the peak as it is: a profile of that is in the record of the commit that moved it.
    """
    path = published.record(published.ids[1 if kind == "peak" else 4])
    record = json.loads(path.read_text())
    (outcome,) = (
        m["outcome"]
        for m in record["measurements"]
        if m["case"] == "fill" and "deep" in m["outcome"]["passes"] and m["round"] > 0
    )
    return path, record, outcome["profiles"]


def profile_path(published: Published, kind: str) -> Path:
    (path,) = published.results.rglob(f"{explained(published, kind)[2][kind]}.json.gz")
    return path


@pytest.mark.parametrize("kind", ["alive", "peak", "leak"])
def test_a_deleted_profile_is_made_again_once(published: Published, kind: str) -> None:
    _, whole = published.call_json("check", "--all")
    before, path = published.records(), profile_path(published, kind)
    content = path.read_bytes()
    path.unlink()
    _, mended = published.call_json("run")
    assert (mended["counts"]["measured"], mended["changes"]) == (1, whole["changes"])
    assert (path.read_bytes(), published.records()) == (content, before)
    assert published.call_json("run")[1]["counts"]["measured"] == 0


def test_a_profile_that_comes_out_otherwise_takes_the_place_of_the_lost_one(published: Published) -> None:
    _, whole = published.call_json("check", "--all")
    before = published.records()
    path, record, profiles = explained(published)
    profiles["alive"] = "0" * 32
    path.write_text(json.dumps(record))
    _, mended = published.call_json("run")
    assert (mended["counts"]["measured"], mended["changes"], published.records()) == (1, whole["changes"], before)
    assert published.call_json("run")[1]["counts"]["measured"] == 0


def test_a_damaged_profile_is_set_aside_and_made_again(published: Published) -> None:
    _, whole = published.call_json("check", "--all")
    path = profile_path(published, "peak")
    content = path.read_bytes()
    path.write_bytes(content[:-4])
    _, noticed = published.call_json("run")
    assert any("to be measured again" in notice for notice in noticed["notices"])
    assert (published.call_json("run")[1]["changes"], path.read_bytes()) == (whole["changes"], content)
    assert published.call_json("run")[1]["counts"]["measured"] == 0
