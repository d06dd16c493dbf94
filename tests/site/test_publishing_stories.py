"""What a site says of results that are made up to tell one story each."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from memharness import Selection, load_config
from memharness.config.configuration import Config
from memharness.git.history import select_commits
from memharness.git.repository import open_repository
from memharness.model.environments import EnvironmentFacts as Facts
from memharness.model.measurements import (
    PROBE_METHOD,
    Failed,
    Frame,
    Measured,
    Observation,
    Outcome,
    Profile,
    ProfileLine,
    Stack,
)
from memharness.scenarios import all_cases, load_scenarios
from memharness.site.publish import publish
from memharness.store import Store
from published import data_of, text_of
from repositories import RepositoryBuilder
from stored import FAMILY, stored_project

LIMITED = "# /// script\n# [tool.memharness]\n# limits = { peak = '200 kB' }\n# ///\ndef run():\n    pass\n"


class At(NamedTuple):
    """What is stored of a case at a commit: the outcomes of its repeats, in an environment with some NumPy."""

    outcomes: Sequence[Outcome]
    numpy: str = "1.0"
    profiles: Sequence[Profile] = ()


def values(*repeats: Mapping[str, int], numpy: str = "1.0") -> At:
    return At([Measured(metrics=dict(metrics), passes=("first", "growth", "rss")) for metrics in repeats], numpy)


def peaks(*levels: int) -> list[At]:
    return [values({"peak": level}) for level in levels]


class Project:
    """A project whose results are told case by case, a list of `At` with one for each commit; its site."""

    def __init__(self, folder: Path, *, text: str = "def run():\n    pass\n") -> None:
        self.builder = RepositoryBuilder(folder / "project")
        self._folder = folder
        self._text = text
        self.site = self.builder.path / "site"
        self.ids: list[str] = []

    def commit(self, files: Mapping[str, str | None] | None = None) -> None:
        number = len(self.ids)
        self.ids.append(self.builder.commit(files or {"box.py": str(number)}, f"commit {number}"))

    def tell(self, cases: Mapping[str, Sequence[At]]) -> None:
        """Store what happened, and publish it."""
        (self.builder.path / "scenarios").mkdir()
        (self.builder.path / "memharness.toml").write_text("")
        for name in cases:
            (self.builder.path / "scenarios" / f"{name}.py").write_text(self._text)
        while len(self.ids) < max(map(len, cases.values())):
            self.commit()
        self._store(load_config(self.builder.path, environment={}), cases)
        self.publish()

    def publish(self) -> None:
        publish(load_config(self.builder.path, environment={}), Selection())

    def move(self, family: str, cases: Mapping[str, Sequence[At | None]]) -> None:
        """Store what happened in another environment family, at commits that are made for it, and publish it."""
        while len(self.ids) < max(map(len, cases.values())):
            self.commit()
        self._store(load_config(self.builder.path, environment={}), cases, family)
        self.publish()

    def change(self, cases: Mapping[str, Sequence[At | None]]) -> None:
        """Change these scenarios, store what happened then, and publish it."""
        for name in cases:
            file = self.builder.path / "scenarios" / f"{name}.py"
            file.write_text(file.read_text().replace("pass", "return 0"))
        self._store(load_config(self.builder.path, environment={}), cases)
        self.publish()

    def _store(self, config: Config, cases: Mapping[str, Sequence[At | None]], family: str = FAMILY) -> None:
        store, known = Store(config.run.results, config.run.machine), all_cases(load_scenarios(config.run.scenarios))
        history = select_commits(open_repository(str(self.builder.path), self._folder / "cache"), Selection())
        for case in known:
            for commit, at in zip(history, cases.get(case.name, ()), strict=False):
                if at is None:
                    continue
                facts = Facts(
                    family=family,
                    python="3.11.7",
                    implementation="cpython",
                    install="path",
                    packages={"numpy": at.numpy},
                )
                profiles = {profile.id: profile for profile in at.profiles}
                entries = [
                    (
                        case.name,
                        case.scenario.identity,
                        PROBE_METHOD,
                        round_,
                        Observation(outcome=outcome, profiles=profiles),
                    )
                    for round_, outcome in enumerate(at.outcomes)
                ]
                store.add(family, commit, facts, entries)

    def text(self, path: str) -> str:
        return text_of((self.site / path).read_bytes())

    def statuses(self) -> list[str]:
        """Return what became of each change, as the heading that it stands under."""
        parts = re.split(r'<h2 id="group-\d+">', (self.site / "changes.html").read_text())[1:]
        return [part.split(" <")[0] for part in parts for _ in range(part.count('<li class="entry'))]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("MEMHARNESS_CACHE", str(tmp_path / "cache"))
    return Project(tmp_path)


# --- figures ---------------------------------------------------------------------------------------------


def test_comparisons_load_the_median_of_repeats(project: Project) -> None:
    repeats = [{"peak": 5000, "rss_peak": size} for size in (900, 1200, 1000)]
    project.tell({"fill": [values(*repeats[:1]), values(*repeats)]})
    data = data_of((project.site / f"data/commit/{project.ids[1]}.js").read_bytes())
    assert data["metrics"] == ["peak", "rss_peak"]
    assert [*data["values"].values()] == [[5000, 1000]]


def test_comparisons_load_the_metrics_that_are_wanted(project: Project) -> None:
    metrics = {"peak": 5000, "retained": 900}
    project.tell({"fill": [values(metrics), values(metrics, metrics)]})
    (project.builder.path / "memharness.toml").write_text('[run]\nmetrics = ["peak"]\n')
    project.publish()
    for id_ in project.ids:
        data = data_of((project.site / f"data/commit/{id_}.js").read_bytes())
        assert (data["metrics"], [*data["values"].values()]) == (["peak"], [[5000]])


def test_the_page_of_a_commit_has_every_figure_and_its_difference(project: Project) -> None:
    project.tell({"fill": peaks(102_400, 103_424), "other": peaks(2048, 2048)})
    text = project.text(f"commit/{project.ids[1]}.html")
    figures = re.sub(rf" {FAMILY} · \S+", "", text[text.index("case and metric value difference") :])
    assert "fill peak 101 KiB +1 KiB" in figures
    assert "other peak 2 KiB =" in figures


def test_what_is_over_its_limit_stands_first_on_the_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMHARNESS_CACHE", str(tmp_path / "cache"))
    project = Project(tmp_path, text=LIMITED)
    project.tell({"fill": peaks(100_000, 300_000), "other": peaks(100_000, 100_000)})
    text = project.text("index.html")
    over = text[text.index("Over their limit 1") : text.index("Open regressions")]
    assert "fill peak 292.97 KiB > 195.31 KiB" in over
    assert "other" not in over


# --- what became of a change -----------------------------------------------------------------------------


def test_a_rise_that_is_gone_is_fixed(project: Project) -> None:
    project.tell({"fill": peaks(100_000, 300_000, 200_000, 100_000)})
    assert project.statuses() == ["Fixed", "Improved", "Improved"]


def test_a_rise_that_is_gone_on_another_scale_is_open(project: Project) -> None:
    moved = values({"peak": 100_000}, numpy="2.0")
    project.tell({"fill": [*peaks(100_000, 300_000), moved, moved]})
    assert "Open regressions" in project.statuses()


def test_one_low_value_of_a_noisy_metric_fixes_nothing(project: Project) -> None:
    def noisy(level: int) -> At:
        return values(*({"peak": round(level * share)} for share in (0.98, 1, 1.02)))

    risen = [noisy(10_000_000)] * 6 + [noisy(20_000_000)] * 6
    project.tell({"fill": [*risen, noisy(10_000_000)], "other": [*risen, *[noisy(10_000_000)] * 6]})
    index = project.text("index.html")
    assert "Open regressions 1" in index
    opened = index[index.index("Open regressions 1") : index.index("Every case, by the metric")]
    assert "fill" in opened
    assert "other" not in opened


@pytest.mark.parametrize(
    ("levels", "status"),
    [((900_000, 900_000), "Open regressions"), ((900_000, 700_000), "Fixed"), ((700_000, 900_000), "Open regressions")],
)
def test_what_was_found_before_a_scenario_changed_stays(project: Project, levels: tuple[int, int], status: str) -> None:
    project.tell({"fill": peaks(100_000, 300_000, 300_000, 300_000), "other": peaks(5000)})
    assert project.statuses() == ["Open regressions"]
    project.change({"fill": [None, None, *peaks(*levels)]})
    statuses = project.statuses()
    assert statuses.count(status) >= 1
    assert any("97.66 KiB" in text_of(page.read_bytes()) for page in project.site.glob("scenario/*.html"))
    project.publish()
    assert project.statuses() == statuses


@pytest.mark.parametrize(
    ("leaks", "since"), [((0, 512, 256, 0, 1024, 1024), 4), ((0, 256, 512, 512), 1), ((256, 256, 512), None)]
)
def test_a_leak_began_after_the_last_value_that_was_none(
    project: Project, leaks: Sequence[int], since: int | None
) -> None:
    project.tell({"fill": [values({"peak": 5000, "growth": leak}) for leak in leaks]})
    text = project.text("leaks.html")
    expected = "from the first measured commit on" if since is None else f"since {project.ids[since][:10]}"
    assert f"{expected} " in text


# --- environments ----------------------------------------------------------------------------------------


def test_environments_are_compared_subject_by_subject(project: Project) -> None:
    one, other = values({"peak": 5000}), values({"peak": 5000}, numpy="2.0")
    project.tell({"fill": [one, one, one], "other": [other, other, one]})
    assert "Facts that differ" not in project.text(f"commit/{project.ids[1]}.html")
    assert f"{FAMILY} numpy 2.0 1.0" in project.text(f"commit/{project.ids[2]}.html")


# --- allocations -----------------------------------------------------------------------------------------


def deep(path: str, size: int) -> At:
    frame = Frame(path=path, line=1, function="fill", source="return bytearray(size)")
    line = ProfileLine(path=path, line=1, function="fill", source="return bytearray(size)", size=size, count=1)
    profile = Profile(lines=(line,), stacks=(Stack(size=size, count=1, frames=(frame,)),))
    passes = ("first", "deep", "peak")
    outcome = Measured(metrics={"peak": size}, profiles={"peak": profile.id}, passes=passes, calls=1)
    return At([outcome], profiles=[profile])


def test_a_renamed_file_is_one_file_in_the_difference(project: Project) -> None:
    text = "return bytearray(size)\n" + "".join(f"# line {number}\n" for number in range(20))
    project.commit({"old.py": text})
    project.commit({"old.py": None, "new.py": text})
    project.tell({"fill": [deep("old.py", 100_000), deep("new.py", 300_000)]})
    page = (project.site / f"commit/{project.ids[1]}.html").read_text()
    difference = page[page.index("Difference to ") :]
    assert "new.py" in difference
    assert "old.py" not in difference


def test_a_page_drawn_without_a_profile_is_drawn_again_with_it(project: Project) -> None:
    project.tell({"fill": [deep("box.py", 100_000), deep("box.py", 300_000)]})
    contents = {file: file.read_bytes() for file in project.builder.path.glob("results/*/profiles/*/*")}
    for file in contents:
        file.unlink()
    project.builder.git("tag", "v1")  # stands on the page
    project.publish()
    assert "Allocations of fill" not in project.text(f"commit/{project.ids[1]}.html")
    for file, content in contents.items():
        file.write_bytes(content)
    project.publish()
    assert "Allocations of fill" in project.text(f"commit/{project.ids[1]}.html")


# --- failures --------------------------------------------------------------------------------------------


def test_what_failed_is_told_by_commit(project: Project) -> None:
    failed = At([Failed(phase="run", reason="ValueError: no")])
    later = At([Measured(metrics={"peak": 5000}, failed_passes={"growth": Failed(phase="run", reason="late")})])
    project.tell({"fill": [*peaks(5000), failed, later]})
    (file,) = project.site.glob("data/scenario/*.js")
    assert data_of(file.read_bytes())["failures"] == [
        [1, "run: ValueError: no"],
        [2, "run: late (in the growth pass; the other metrics are measured)"],
    ]
    compared = data_of((project.site / f"data/commit/{project.ids[1]}.js").read_bytes())
    assert [*compared["failed"].values()] == ["run: ValueError: no"]


def test_what_fails_now_is_told_whatever_came_after(project: Project) -> None:
    failed = At([Failed(phase="run", reason="ValueError: no")])
    project.tell({"fill": [*peaks(5000, 5000), failed, failed]})
    project.commit()
    project.publish()
    text = project.text("index.html")
    failing = text[text.index("Failing 1") : text.index("Every case, by the metric")]
    assert f"fill in run {project.ids[3][:10]}" in failing
    assert "ValueError: no" in failing
    assert re.search(r"fill peak \S+ · \S+ 4.88 KiB ✗ failed 3 commits ago", text)
    (page,) = project.site.glob("scenario/*.html")
    assert "✗ failed" in project.text(f"scenario/{page.name}")


def test_failures_of_a_family_that_is_measured_no_more_are_not_open(project: Project) -> None:
    failed = At([Failed(phase="run", reason="ValueError: no")])
    project.tell({"fill": [*peaks(5000), failed]})
    project.move("cpython-3.12.1-path", {"fill": [None, None, *peaks(5000, 5000)]})
    for path in ("index.html", "status.html"):  # two commits may be a run that is under way
        assert "ValueError: no" in project.text(path)
    project.move("cpython-3.12.1-path", {"fill": [*[None] * 4, *peaks(5000)]})
    for path in ("index.html", "status.html"):
        assert "ValueError: no" not in project.text(path)
    assert "Nothing failed." in project.text("status.html")
    assert any("ValueError: no" in page.read_text() for page in project.site.glob("scenario/*.html"))


def test_a_case_that_only_ever_failed_has_no_empty_chart(project: Project) -> None:
    project.tell({"fill": [At([Failed(phase="run", reason="ValueError: no")])] * 2})
    (page,) = project.site.glob("scenario/*.html")
    text = project.text(f"scenario/{page.name}")
    assert "No commit could be measured." in text
    assert "2 run ValueError: no" in text
    assert "Trend of" not in text
    assert "Choose a metric" not in text


@pytest.mark.parametrize(("peaks", "cases", "folded"), [((1, 1), 20, 20), ((1, 1), 2, 0), ((1, 4096, 1), 20, 0)])
def test_of_many_cases_those_below_their_floors_are_folded_away(
    tmp_path: Path, peaks: tuple[int, ...], cases: int, folded: int
) -> None:
    config = stored_project(tmp_path, *peaks, cases=cases)
    publish(config, Selection())
    index = (config.publish.folder / "index.html").read_text()
    assert re.findall(r"(\d+) cases? of which no judged figure reaches its floor", index) == [str(folded)] * bool(
        folded
    )
    assert index.count("<tr data-m=") == 2 * cases
