"""What a run says it will cost."""

import re

from memharness.files.cache_folder import cache_folder
from workbench import Workbench, module

FORECAST = re.compile(r"^(\d) cases? x (at least )?(\d+) commits: (a few s|about .+) on 2 cores; (.*)$", re.MULTILINE)


def forecasts(bench: Workbench) -> list[tuple[str, ...]]:
    return [(cases, least, commits, rest) for cases, least, commits, _, rest in FORECAST.findall(bench.stderr)]


def history(bench: Workbench, commits: int) -> None:
    texts = [module(size=100_000 + number) for number in range(commits)]
    bench.repository.commits(({"box.py": text}, "change") for text in texts)


def test_the_first_run_says_it_after_the_first_commit_and_the_next_before_it_begins(quick: Workbench) -> None:
    history(quick, 5)
    quick.call("run", "-j", "2")
    assert forecasts(quick) == [("1", "", "4", "less where results are reused, more for what is found")]
    said = quick.stderr.splitlines()
    assert FORECAST.match(said[3])
    assert said[2].startswith("[1/5]")
    history(quick, 4)
    quick.call("run", "-j", "2", "--no-reuse")
    assert forecasts(quick) == [("1", "", "4", "more for what is found")]
    said = quick.stderr.splitlines()
    assert (said[1], bool(FORECAST.match(said[2]))) == ("measuring: 4 to do", True)


def test_two_commits_and_a_run_with_nothing_to_do_are_not_worth_a_word(quick: Workbench) -> None:
    history(quick, 2)
    quick.call("run")
    quick.call("run")
    assert forecasts(quick) == []


def test_what_is_known_of_another_scenario_says_nothing_and_damage_does_no_harm(quick: Workbench) -> None:
    history(quick, 4)
    quick.call("run", "-j", "2")
    (path,) = (cache_folder() / "durations").iterdir()
    for content in (b"", b'{"a": "b"}', b'{"a": -1e300}', b"[" * 100_000, path.read_bytes()):
        path.write_bytes(content)
        quick.scenario.write_text(quick.scenario.read_text() + "# edited\n")
        quick.call("run", "-j", "2", "--no-reuse")
        assert "internal error" not in quick.stderr


def test_the_adaptive_search_says_what_it_takes_at_least(quick: Workbench) -> None:
    history(quick, 130)
    quick.call("run", "-j", "2", "--adaptive")  # the ends, then four between
    assert forecasts(quick) == [("1", "at least ", "4", "less where results are reused, more for what is found")]
