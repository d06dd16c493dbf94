"""When the lines of a change are looked for anew, and when what was found before still holds."""

from pathlib import Path

import pytest

from memharness import Selection
from memharness.config.configuration import Config
from memharness.findings.describe import open_source_edits
from memharness.model.measurements import PROBE_METHOD, Measured, Observation, Profile, ProfileLine
from memharness.site.changes import find_changes
from memharness.site.contents import open_contents
from memharness.store import Store
from stored import FACTS, FAMILY, records, stored_project


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMHARNESS_CACHE", str(tmp_path / "cache"))


def found(config: Config, monkeypatch: pytest.MonkeyPatch) -> tuple[list[tuple[str, int]], bool]:
    """Return metric and value of each change, and whether profiles were read for them."""
    contents = open_contents(config, Selection())
    (case,) = contents.families[0].cases
    asked, store = list[str](), case.stored.project.store
    profile = store.profile

    def counted(id_: str) -> Profile | None:
        asked.append(id_)
        return profile(id_)

    monkeypatch.setattr(store, "profile", counted)
    with open_source_edits(contents.project.repository) as source_edits:
        changes = find_changes(case, source_edits)
    return [(change.metric, change.after) for change in changes], bool(asked)


def add(config: Config, position: int, peak: int) -> None:
    """Store one more measurement of a commit, with a profile."""
    contents = open_contents(config, Selection())
    (case,) = contents.families[0].cases
    line = ProfileLine(path="box.py", line=1, function="fill", source="0", size=peak, count=1)
    profile = Profile(lines=(line,))
    outcome = Measured(
        metrics={"peak": peak, "retained": peak // 2}, profiles={"alive": profile.id}, passes=("first",), calls=1
    )
    observation = Observation(outcome=outcome, profiles={profile.id: profile})
    key = (case.case.name, case.case.scenario.identity, PROBE_METHOD)
    round_ = len(case.measurements(position)) if position in case.measured else 0
    Store(config.run.results, config.run.machine).add(
        FAMILY, contents.history[position], FACTS, [(*key, round_, observation)]
    )


def test_lines_are_looked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = stored_project(tmp_path, 100_000, 300_000, 300_000, 300_001)
    for position in range(4):
        add(config, position, (100_000, 300_000, 300_000, 300_001)[position])
    changes = [("peak", 300_000), ("retained", 150_000)]
    assert found(config, monkeypatch) == (changes, True)
    assert found(config, monkeypatch) == (changes, False)
    add(config, 3, 300_001)  # beyond the change
    assert found(config, monkeypatch) == (changes, False)
    add(config, 1, 300_000)  # beside it
    assert found(config, monkeypatch) == (changes, True)
    assert found(config, monkeypatch) == (changes, False)
    add(config, 1, 300_040)
    add(config, 1, 300_060)
    assert found(config, monkeypatch) == ([("peak", 300_000), ("retained", 150_000)], True)


def test_a_rewritten_record_is_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = stored_project(tmp_path, 100_000, 300_000)
    add(config, 0, 100_000)
    add(config, 1, 300_000)
    assert found(config, monkeypatch)[1]
    for record in records(config):
        record.write_bytes(record.read_bytes() + b"\n")
    assert found(config, monkeypatch) == ([("peak", 300_000), ("retained", 150_000)], True)
