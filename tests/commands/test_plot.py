"""`memharness plot` on what is stored of a real repository, with a real store."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from drawings import texts
from memharness import Results, load_config, load_results
from memharness.cli import main
from memharness.findings.report import trends
from memharness.git.history import find_commit
from memharness.git.repository import open_repository
from memharness.model.findings import TrendPoint
from memharness.model.measurements import PROBE_METHOD, Failed, Measured, Observation, Outcome, Profile, ProfileLine
from memharness.scenarios import all_cases, load_scenarios
from memharness.store import Store
from repositories import RepositoryBuilder

FAMILY = "cpython-3.11.7-path"
SCENARIO = '# /// script\n# [tool.memharness]\n# limits = { peak = "4 MB" }\n# ///\ndef run():\n    pass\n'
PEAKS: tuple[tuple[int, ...], ...] = ((1_000_000,), (1_000_000, 1_000_400, 1_000_000), (), (1_000_000,), (1_500_000,))


class Stored:
    """A repository of five commits and what is stored for them; the third one failed."""

    def __init__(self, folder: Path) -> None:
        builder = RepositoryBuilder(folder / "project")
        self.path = builder.path
        subjects = ["Start", "Wait", "Break", "Mend", "Keep \u202e$more$"]
        self.ids = [builder.commit({"a.py": str(number)}, subject) for number, subject in enumerate(subjects)]
        builder.git("tag", "v1.0", self.ids[0])
        (self.path / "scenarios").mkdir()
        (self.path / "scenarios" / "idle.py").write_text(SCENARIO)
        (self.case,) = all_cases(load_scenarios(self.path / "scenarios"))
        self.config = load_config(self.path, environment={})
        self._repository = open_repository(str(self.path), folder / "cache")
        for id_, peaks in zip(self.ids, PEAKS, strict=True):
            self._add(id_, [self._measured(peak) for peak in peaks] or [Observation(outcome=FAILED)])

    def _measured(self, peak: int) -> Observation:
        lines = (ProfileLine(path="a.py", line=7, function="keep", source="k", size=peak, count=1),)
        profile = Profile(lines=lines)
        outcome: Outcome = Measured(
            metrics={"peak": peak, "result": 2 * peak}, profiles={"alive": profile.id}, passes=("first",)
        )
        return Observation(outcome=outcome, profiles={profile.id: profile})

    def _add(self, id_: str, observations: Sequence[Observation]) -> None:
        store = Store(self.config.run.results, self.config.run.machine)
        key = self.case.name, self.case.scenario.identity, PROBE_METHOD
        entries = [(*key, number, observation) for number, observation in enumerate(observations)]
        store.add(FAMILY, find_commit(self._repository, id_), None, entries)

    def results(self) -> Results:
        return load_results(self.config)


FAILED = Failed(phase="import", reason="no")
SAME = "It is measured, and its figures are those of the commit before it, as far as they are judged."


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    return Stored(tmp_path_factory.mktemp("stored"))


@pytest.fixture
def stored(built: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stored:
    """What is stored, for commands that run in its repository and write into the test's own folder."""
    monkeypatch.setenv("MEMHARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(built.path)
    return built


def drawn(file: Path) -> set[str]:
    return set(texts(ET.fromstring(file.read_text(encoding="utf-8"))))


def test_trends_hold_repeats_that_differ_failures_and_the_limit(stored: Stored) -> None:
    peak, result = trends(stored.results(), "result", "peak")
    short = [id_[:10] for id_ in stored.ids]
    assert peak.points == (
        TrendPoint(commit=short[0], subject="Start", tags=("v1.0",), value=1_000_000),
        TrendPoint(commit=short[1], subject="Wait", value=1_000_000, low=1_000_000, high=1_000_400),
        TrendPoint(commit=short[2], subject="Break", failed=True),
        TrendPoint(commit=short[3], subject="Mend", value=1_000_000),
        TrendPoint(commit=short[4], subject="Keep \u202e$more$", value=1_500_000),
    )
    assert (peak.metric, peak.limit, result.metric, result.limit) == ("peak", 4_000_000, "result", None)
    assert trends(stored.results(), "peak") == (peak,)


def test_metrics_are_drawn_below_one_another(
    stored: Stored, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "trend.svg"
    assert main(["plot", "-m", "peak", "-m", "result", "-m", "growth", "-o", str(file), "--theme", "dark"]) == 0
    out, err = capsys.readouterr()
    assert out == f"{file}\n"
    assert f"note: no value of growth is stored for the chosen commits and cases in {stored.config.run.results}" in err
    assert {
        "idle: peak of the first call",
        "idle: held by the returned value",
        "v1.0",
        "spread of repeats",
        "could not be measured",
        "limit 3.81 MiB, above ↑",
        f"+488.28 KiB at {stored.ids[4][:10]}",
        r"Keep \u202e$more$",
    } <= drawn(file)


def test_where_only_failures_are_stored_they_are_said_to_be(stored: Stored, capsys: pytest.CaptureFixture[str]) -> None:
    failed = stored.ids[2]
    assert main(["plot", f"{failed}~1..{failed}", "-m", "growth", "-o", "trend.svg"]) == 2
    assert (
        f"1 commit failed; see `memharness show {failed[:10]}`, or try again: `memharness run --retry-failed`."
        in capsys.readouterr().err
    )
    assert main(["plot", "--until", stored.ids[1], "-m", "growth", "-o", "trend.svg"]) == 2
    assert "Measure them with `memharness run`" in capsys.readouterr().err


def test_before_and_after_of_a_commit(stored: Stored, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "changes.svg"
    code = main(["plot", "--before-after", "HEAD", "-o", str(file), "--json"])
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (code, answer["file"], answer["commit"]["id"]) == (0, str(file), stored.ids[4])
    assert [(c["metric"], c["before"], c["after"]) for c in answer["changes"]] == [
        ("peak", 1_000_000, 1_500_000),
        ("result", 2_000_000, 3_000_000),
    ]
    assert drawn(file) == {
        stored.ids[4][:10],
        r"Keep \u202e$more$",
        "idle: peak of the first call",
        "+488.28 KiB, +50.0%",
        "idle: held by the returned value",
        "+976.56 KiB, +50.0%",
        "regressed (located)",
        *("before", "after", "976.56 KiB", "1.43 MiB", "1.91 MiB", "2.86 MiB"),
        *("a.py:7", "keep", "+488.28 KiB", "elsewhere"),
    }


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (
            ["HEAD~1"],
            "no change of the chosen cases is found at {3} in {results}",
            f"{SAME} There are changes at {{4}}.",
        ),
        (
            ["HEAD", "-m", "growth", "-m", "import"],
            "no change of growth or import of the chosen cases is found at {4} in {results}",
            SAME,
        ),
        (
            ["HEAD~4", "--last", "2"],
            "no change of the chosen cases is found at {0} in {results}",
            "It is not among the chosen commits, which follow first parents. There are changes at {4}.",
        ),
        (["nowhere"], "'nowhere' is no revision of {project}", ""),
    ],
)
def test_a_commit_without_a_change_is_an_error_that_says_what_to_do(
    stored: Stored, arguments: list[str], message: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plot", "-o", "x.png", "--before-after", *arguments]) == 2
    words = {"results": stored.config.run.results, "project": stored.path}
    short = [id_[:10] for id_ in stored.ids]
    out, err = capsys.readouterr()
    assert (out, Path("x.png").exists()) == ("", False)
    assert err.startswith(f"memharness: error: {message.format(*short, **words)}\n  {hint.format(*short, **words)}")


def test_a_commit_that_is_not_measured_is_named_with_the_command_that_does_it(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(shutil.copytree(stored.path, tmp_path / "copy"))
    (record,) = Path().rglob(f"{stored.ids[3]}.json")
    record.unlink()
    assert main(["plot", "-o", "x.png", "--before-after", "HEAD~1"]) == 2
    short = stored.ids[3][:10]
    assert f"It is not measured: `memharness run --until {short} --last 2` does that." in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--width", "2"], ["--height", "30"], ["--dpi", "5000"]])
def test_a_size_out_of_bounds_is_an_error(
    stored: Stored, option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plot", "-o", "x.png", *option]) == 2
    assert f"{' '.join(option)} is out of bounds" in capsys.readouterr().err
    assert not Path("x.png").exists()
