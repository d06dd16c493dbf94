"""What publishing keeps, in the cache folder and in the site, changes nothing of what it writes.

After each step of a story the site that was published all along is, byte for byte, the one that a first publishing
makes with an empty cache in an empty folder.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from published import site_files
from workbench import LEAK, SCENARIO, Workbench, module


class Story:
    """A workbench whose site is published after every step, and compared with one that is made from nothing."""

    def __init__(self, bench: Workbench, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bench = bench
        self._folder = folder
        self._monkeypatch = monkeypatch
        self._sites: list[dict[str, bytes]] = []  # that were published from nothing, by number of the step

    def step(self, *options: str, as_in: int | None = None) -> None:
        """Publish both ways and compare; where all is `as_in` an earlier step, with what was published there."""
        number = len(self._sites)
        kept = self._folder / "site"
        assert self.bench.call("publish", "-o", str(kept), *options)[0] == 0, self.bench.stderr
        self._sites.append(self._from_nothing(*options) if as_in is None else self._sites[as_in])
        files, expected = site_files(kept), self._sites[-1]
        assert sorted(files) == sorted(expected), f"step {number}"
        differ = [path for path, content in files.items() if content != expected[path]]
        assert differ == [], f"step {number}"

    def _from_nothing(self, *options: str) -> dict[str, bytes]:
        number = len(self._sites)
        anew = self._folder / f"anew-{number}"
        with self._monkeypatch.context() as patch:
            patch.setenv("MEMHARNESS_CACHE", str(self._folder / f"cache-{number}"))
            assert self.bench.call("publish", "-o", str(anew), *options)[0] == 0, self.bench.stderr
        return site_files(anew)

    def run(self, *options: str) -> None:
        """Measure what is missing, then publish both ways."""
        assert self.bench.call("run", *options)[0] in {0, 1, 3}, self.bench.stderr
        self.step()


@pytest.fixture
def story(bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Story:
    return Story(bench, tmp_path, monkeypatch)


def test_commit_by_commit(story: Story) -> None:
    bench = story.bench
    gate = bench.path.parent / "gate"
    bench.commit(module(), "begin", tag="v1.0")
    story.run()
    bench.commit(module(), "nothing")
    story.run()
    risen = bench.commit(module(size=300_000), "grow")
    story.run()
    bench.commit(module(size=300_000, above="\n"), "move")
    story.run()
    bench.commit(module(size=300_000, kept=LEAK), "leak")
    story.run()
    shut = f"import os\nassert os.path.exists({str(gate)!r}), 'shut'\n"
    bench.commit(shut + module(size=300_000, kept=LEAK), "shut")
    story.run()
    bench.commit(module(size=300_000), "mend")
    story.run()
    assert bench.call("accept", risen, "--reason", "wanted")[0] == 0
    story.step()
    gate.touch()
    story.run("--retry-failed")
    bench.repository.git("tag", "v1.1")
    story.step()
    bench.commit(module(size=100_000), "shrink")
    story.run("--no-reuse")
    bench.commit(module(size=100_000), "nothing")
    story.run()


def test_scenarios_come_change_and_go(story: Story) -> None:
    bench = story.bench
    fill, other = bench.path / "scenarios" / "fill.py", bench.path / "scenarios" / "other.py"
    bench.commit(module(), "begin")
    bench.commit(module(size=300_000), "grow")
    bench.commit(module(size=300_000, above="\n"), "move")
    story.run()
    fill.write_text(f"# Fills a box.\n{SCENARIO}")  # moves its lines and no figure
    story.run()
    fill.write_text(SCENARIO)  # all of it is stored
    story.step()
    fill.write_text(SCENARIO.replace("return box.fill()", "return box.fill(), bytearray(50_000)"))
    story.run()
    fill.write_text(SCENARIO)
    story.step()
    other.write_text(SCENARIO.replace("box.fill()", "[box.fill()] * 2"))
    story.run()
    fill.write_text(SCENARIO.replace("# calls = 15\n", '# calls = 15\n# limits = { peak = "200 kB" }\n'))
    story.step()
    other.unlink()
    story.step()


def test_thresholds_move(story: Story) -> None:
    bench = story.bench
    configuration = bench.path / "memharness.toml"
    for size in (1_000_000 + 18_000 * number + 40_000 * (number > 3) for number in range(8)):  # a drift with a step
        bench.commit(module(size=size), f"{size}")
    story.run()
    written = configuration.read_text()
    for relative in ("5%", "1%", "50%"):
        configuration.write_text(f'{written}[thresholds]\nrelative = "{relative}"\n')
        story.step()
    configuration.write_text(written)
    story.step(as_in=0)


def test_links_names_and_tags_move(story: Story) -> None:
    bench = story.bench
    configuration = bench.path / "memharness.toml"
    ids = [bench.commit(module(size=size), f"{size}") for size in (100_000, 300_000, 300_000, 500_000)]
    story.run()
    written = configuration.read_text()
    for publish in (
        'url = "https://a.example"',
        'url = "https://b.example"',
        'line-link = "https://c.example/{commit}/{path}/{line}"',
        'commit-link = "https://d.example/{commit}"',
    ):
        configuration.write_text(f"{written}[publish]\n{publish}\n")
        story.step()
    configuration.write_text(written)
    bench.repository.git("remote", "add", "origin", "https://github.com/ada/box.git")
    story.step()
    for number in (1, 0):
        bench.repository.git("tag", f"v{number}", ids[number])
        story.step()
    bench.repository.git("tag", "--delete", "v1")
    story.step()
    assert bench.call("accept", ids[1], "--reason", "one")[0] == 0
    story.step()
    assert bench.call("accept", ids[1], "--reason", "two")[0] == 0
    story.step()
    bench.repository.commit({"pyproject.toml": '[project]\nname = "renamed"\n'}, "rename")
    story.step()


def test_a_merged_branch_is_searched_later(story: Story) -> None:
    bench = story.bench
    bench.commit(module(), "begin")
    bench.repository.branch("side")
    bench.commit(module(above="\n"), "move")
    bench.commit(module(size=300_000, above="\n"), "grow")
    bench.repository.switch("main")
    bench.repository.commit({"README": "Boxes.\n"}, "read")
    bench.repository.merge("side")
    story.run()
    for id_ in bench.repository.git("rev-list", "main").split():
        for record in bench.results.rglob(f"{id_}.json"):  # on the branch only what the search asked for
            content = record.read_bytes()
            record.unlink()
            story.step()
            record.write_bytes(content)
            story.step(as_in=0)


def test_ranges_and_cases_by_turns(story: Story) -> None:
    bench = story.bench
    (bench.path / "scenarios" / "other.py").write_text(SCENARIO.replace("box.fill()", "[box.fill()] * 2"))
    ids = [bench.commit(module(size=size), f"{size}", tag=f"v{size}") for size in (100_000, 300_000, 300_001, 500_000)]
    story.run()
    for options in (("--since", ids[1]), ("--last", "2"), ("-k", "other"), ("--tags",), (f"{ids[0]}..{ids[2]}",), ()):
        story.step(*options)


def test_records_go_and_come_back(story: Story) -> None:
    bench = story.bench
    ids = [bench.commit(module(size=size), f"{size}") for size in (100_000, 300_000, 300_000, 500_000)]
    story.run()
    for id_ in ids:
        (record,) = bench.results.rglob(f"{id_}.json")
        content = record.read_bytes()
        record.unlink()
        story.step()
        record.write_bytes(content[: len(content) // 2])
        story.step()
        record.write_bytes(content)
        story.step(as_in=0)


def test_packages_differ_from_run_to_run(story: Story) -> None:
    """The environments of one family are told in one order, whichever was read first."""
    bench = story.bench
    environment = bench.path.parent / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    configuration = bench.path / "memharness.toml"
    existing = f'install = "existing"\npython = ["{environment}/bin/python"]'
    configuration.write_text(configuration.read_text().replace('install = "path"', existing))

    def install(version: str) -> None:
        folder = packages / "crate-1.dist-info"
        folder.mkdir(exist_ok=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: crate\nVersion: {version}\n")

    ids = [bench.commit(module(size=size), f"{size}") for size in (100_000, 300_000, 300_000)]
    for number, id_ in enumerate(sorted(ids, reverse=True)):  # a first publishing reads the lowest id first
        install(f"{number}.0")
        story.run("--until", id_, "--last", "1", "--no-reuse")
    install("9.0")
    (bench.path / "scenarios" / "other.py").write_text(SCENARIO.replace("box.fill()", "[box.fill()] * 2"))
    story.run("--no-reuse")
