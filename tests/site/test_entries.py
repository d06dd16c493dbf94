"""When the changes of a subject are found anew, and when what was found before still holds."""

from pathlib import Path

import pytest

from memharness import Selection
from memharness.config.configuration import Config
from memharness.findings.describe import open_source_edits
from memharness.model.measurements import PROBE_METHOD, Failed, Measured, Observation, Outcome
from memharness.site.catalogue import open_catalogue
from memharness.site.entries import find_changes
from memharness.site.kept import Findings
from memharness.store import Store
from stored import FACTS, FAMILY, stored_project


def found(config: Config, known: Findings | None = None, *, until: str = "HEAD") -> Findings:
    catalogue = open_catalogue(config, Selection(until=until))
    (subject,) = catalogue.shelves[0].subjects()
    with open_source_edits(catalogue.project.repository) as source_edits:
        return find_changes(subject, source_edits, known)


def add(config: Config, outcome: Outcome, round_: int = 1) -> None:
    """Store one more measurement of the newest commit."""
    catalogue = open_catalogue(config, Selection())
    (subject,) = catalogue.shelves[0].subjects()
    entry = (subject.case.name, subject.case.scenario.identity, PROBE_METHOD, round_, Observation(outcome=outcome))
    Store(config.run.results, config.run.machine).add(FAMILY, catalogue.history[-1], FACTS, [entry])


def measured(peak: int) -> Measured:
    return Measured(metrics={"peak": peak, "retained": peak // 2}, passes=("first",))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMHARNESS_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("again", [False, True], ids=["once", "twice"])
def test_newest_commits_that_repeat_the_one_before_are_no_news(tmp_path: Path, *, again: bool) -> None:
    config = stored_project(tmp_path, 100_000, 300_000, 300_000, 300_000, 300_000)
    known = found(config, until="HEAD~2")
    assert [one.change.after for one in known.found] == [300_000, 150_000]
    if again:
        add(config, measured(300_000))
    assert found(config, known) is known


@pytest.mark.parametrize(
    "news",
    [measured(400_000), measured(300_400), Failed(phase="run", reason="no"), measured(299_999)],
    ids=["risen", "spread", "failed", "apart"],
)
def test_what_else_was_found_of_them_is_news(tmp_path: Path, news: Outcome) -> None:
    config = stored_project(tmp_path, 100_000, 300_000, 300_000, 300_000)
    known = found(config, until="HEAD~1")
    add(config, news)
    assert found(config, known) is not known


def test_another_newest_value_is_news(tmp_path: Path) -> None:
    config = stored_project(tmp_path, 100_000, 300_000, 300_000, 300_001)
    known = found(config, until="HEAD~1")
    assert found(config, known) is not known
    assert found(config, known).found == known.found
