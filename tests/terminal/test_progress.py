"""What is shown while a run goes on: the live display as whole texts, lines for logs, and the estimated time left."""

import io
import sys
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.cells import cell_len
from rich.console import Console

from memharness.model.measurements import Activity, Failed, Forecast, Measured, Outcome, TimedOut
from memharness.model.metrics import Stage
from memharness.terminal.bar import Bar
from memharness.terminal.pace import Pace, forecast_text, left_text
from memharness.terminal.progress import Lines, show_progress
from values import commit

FAMILY = "cpython-3.11.7-auto"
COMMIT = commit(7)
CASE = "waste[rows=1000000,cols=100]"
FINE: Outcome = Measured(metrics={"peak": 1})
HOSTILE = "\x1b[31m\u202e[bold]\n::error::"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def activity(stage: Stage, *, number: int = 7, case: str = CASE) -> Activity:
    case = "" if stage == "environment" else case
    return Activity(commit=replace(commit(number), id=str(number) * 40), family=FAMILY, stage=stage, case=case)


def live(width: int = 80) -> tuple[Bar, Clock, Console, io.StringIO]:
    clock, file = Clock(), io.StringIO()
    screen = Console(file=file, width=width, color_system=None, get_time=clock, force_terminal=True, _environ={})
    return Bar(screen), clock, screen, file


def seen(bar: Bar, screen: Console, file: io.StringIO) -> str:
    """Return what the bar looks like now."""
    file.seek(0)
    file.truncate()
    screen.print(bar)
    return "\n" + "\n".join(line.rstrip() for line in file.getvalue().split("\n"))


def test_a_bar_tells_what_each_worker_does_how_much_is_done_and_what_is_left() -> None:
    bar, clock, screen, file = live()
    assert seen(bar, screen, file).strip() == ""
    bar.planned(12, purpose="measuring")
    bar.working(1, activity("growth", number=3))
    bar.working(0, activity("environment"))
    assert (
        seen(bar, screen, file)
        == """
measuring  ────────────────────────────────────────  0/12
  7777777777  preparing  cpython-3.11.7-auto
  3333333333  growth pass  waste[rows=1000000,cols=100]
"""
    )
    bar.working(0, activity("deep"))
    bar.working(1, activity("peak", number=3))
    for _ in range(3):
        clock.now += 20
        bar.working(1, None)
    assert (
        seen(bar, screen, file)
        == """
measuring  ━━━━━━━━━━──────────────────────────────  3/12  about 3 min left
  7777777777  explaining lines  waste[rows=1000000,cols=100]
"""
    )


@pytest.mark.parametrize(
    ("width", "subject"),
    [(60, "waste_memorywaste_memory…"), (80, "waste_memorywaste_memory[…]"), (120, "waste_memorywaste_memory[…]")],
)
def test_the_display_fits_and_cuts_no_figure(width: int, subject: str) -> None:
    bar, clock, screen, file = live(width)
    for _ in range(3):
        bar.planned(10_000, purpose="searching merged branches")
    for worker in range(7):
        bar.working(worker, activity("peak", number=worker, case=f"{'waste_memory' * 2}[rows=1234567,{'x' * 80}=1]"))
    for _ in range(1234):
        clock.now += 50
        bar.finished(COMMIT, FAMILY, {CASE: FINE}, reused=0)
    text = seen(bar, screen, file)
    assert max(map(cell_len, text.split("\n"))) <= width
    head, _, below = text.partition("\n  7777777777")[0].strip("\n").partition("\n  0000000000")
    assert " ".join(head.replace("━", " ").replace("─", " ").split()) == (
        "searching merged branches, round 3 1,234/10,000 about 122 h left"
    )
    assert ("━" in head) == (width >= 80)
    assert f"  0000000000{below}".strip("\n").split("\n") == [
        *(f"  {str(worker) * 10}  explaining the peak  {subject}" for worker in range(4)),
        "  and 3 more",
    ]


def test_done_is_what_was_measured_even_if_it_cannot_be_stored_yet() -> None:
    bar, _, screen, file = live()
    bar.planned(4, purpose="measuring")
    bar.working(1, None)  # of a later commit
    bar.working(1, None)
    assert " 2/4" in seen(bar, screen, file)
    bar.working(0, None)
    for _ in range(3):
        bar.finished(COMMIT, FAMILY, {CASE: FINE}, reused=0)
    assert " 3/4" in seen(bar, screen, file)
    bar.finished(COMMIT, FAMILY, {}, reused=1)  # no worker had to do with it
    assert " 4/4  1 reused" in seen(bar, screen, file)
    bar.planned(2, purpose="measuring")
    bar.finished(COMMIT, FAMILY, {CASE: FINE}, reused=1)
    assert seen(bar, screen, file).endswith(" 1/2\n")


def test_one_bar_stands_for_the_last_plan() -> None:
    bar, _, screen, file = live()
    bar.planned(2, purpose="exploring")
    bar.working(0, None)
    bar.planned(3, purpose="exploring")
    bar.planned(0, purpose="nothing")
    assert seen(bar, screen, file).count("\n") == 2
    assert "exploring, round 2 " in seen(bar, screen, file)
    assert " 0/3" in seen(bar, screen, file)


def test_a_failure_stays_above_the_bar_and_nothing_hides_in_it() -> None:
    bar, _, screen, file = live()
    bar.planned(2, purpose="measuring")
    bar.working(0, activity("first", case=HOSTILE))
    bar.finished(replace(COMMIT, subject=HOSTILE), FAMILY, {CASE: Failed(phase="run", reason=HOSTILE)}, reused=0)
    assert file.getvalue() == (
        "✗ 0000000000 \\x1b[31m\\u202e[bold]\\n::error:: (cpython-3.11.7-auto): failed\n"
        "  in run: \\x1b[31m\\u202e[bold]\\n::error::\n"
    )
    assert seen(bar, screen, file).endswith("\n  7777777777  first pass  \\x1b[31m\\u202e[bold]\\n::error::\n")


def test_workers_may_tell_all_at_once() -> None:
    bar, _, screen, file = live()
    bar.planned(4000, purpose="measuring")

    def work(number: int) -> None:
        for _ in range(1000):
            bar.working(number, activity("first"))
            bar.working(number, None)

    threads = [Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        seen(bar, screen, file)
    for thread in threads:
        thread.join()
    assert " 4,000/4,000" in seen(bar, screen, file)


def test_a_log_gets_a_line_for_each_commit(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    lines.planned(0, purpose="nothing")
    lines.planned(5, purpose="measuring")
    lines.working(0, activity("first"))
    lines.working(0, None)
    lines.finished(COMMIT, FAMILY, {CASE: FINE}, reused=0)
    lines.finished(COMMIT, FAMILY, {CASE: FINE, "b": FINE}, reused=1)
    lines.finished(COMMIT, FAMILY, {}, reused=1)
    lines.finished(replace(COMMIT, subject=HOSTILE), FAMILY, {CASE: Failed(phase="run", reason=HOSTILE)}, reused=0)
    slow = replace(Measured(metrics={}), failed_passes={"rss": TimedOut(during="run", limit_seconds=60)})
    lines.finished(COMMIT, FAMILY, {CASE: slow, "b": FINE}, reused=1)
    escaped = r"\x1b[31m\u202e[bold]\n::error::"
    start = "0000000000 commit 7 (cpython-3.11.7-auto):"
    assert capsys.readouterr().err.split("\n") == [
        "measuring: 5 to do",
        f"[1/5] {start} measured",
        f"[2/5] {start} 2 cases measured, 1 case reused",
        f"[3/5] {start} reused",
        rf"[4/5] 0000000000 {escaped} (cpython-3.11.7-auto): failed in run: {escaped}",
        f"[5/5] {start} 1 of 3 cases failed ({CASE}), the first in timeout: still in run after 60 s (timeout)",
        "",
    ]


@pytest.mark.parametrize(
    ("file", "environment", "kind"),
    [
        (Terminal(), {"TERM": "xterm-256color"}, Bar),
        (Terminal(), {"TERM": "xterm-256color", "NO_COLOR": "1"}, Bar),
        (Terminal(), {"TERM": "dumb"}, Lines),
        (io.StringIO(), {"TERM": "xterm-256color"}, Lines),
        (io.StringIO(), {"TERM": "xterm-256color", "FORCE_COLOR": "1"}, Lines),
    ],
)
def test_only_a_terminal_gets_a_bar(
    file: io.StringIO, environment: dict[str, str], kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stderr", file)
    with show_progress() as progress:
        assert type(progress) is kind


def test_the_estimate_counts_from_the_end_of_the_first_part_and_runs_down() -> None:
    pace = Pace(10)
    assert pace.left(0) is None
    found = []
    for now in (500, 510, 520, 531, 540):
        pace.count(now)
        found.append(pace.left(now))
    assert found == [None, None, 70, 62, 50]
    assert [pace.left(now) for now in (545, 589, 590, 591)] == [45, 1, 0, None]
    assert pace.done == 5


@given(st.integers(3, 50), st.integers(1, 1000), st.integers(0, 10_000))
def test_even_work_is_foretold_exactly(total: int, each: int, first: int) -> None:
    pace = Pace(total)
    now = float(first)
    for number in range(total):
        now += each
        pace.count(now)
        assert pace.left(now) == (None if number < 2 else each * (total - number - 1))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (0, "a few s left"),
        (10, "a few s left"),
        (10.1, "about 20 s left"),
        (90, "about 90 s left"),
        (90.5, "about 2 min left"),
        (5400, "about 90 min left"),
        (5401, "about 2 h left"),
        (7201, "about 2.5 h left"),
        (3_600_000, "about 1,000 h left"),
    ],
)
def test_the_time_left_is_rounded_up(seconds: float | None, text: str) -> None:
    assert left_text(seconds) == text


def test_a_forecast_is_one_line_that_says_what_may_make_it_less_or_more() -> None:
    forecast = Forecast(cases=6, commits=40, seconds=538.0, cores=2, reuse=True, builds=True)
    assert forecast_text(forecast) == (
        "6 cases x 40 commits: about 9 min on 2 cores; "
        "less where results are reused, more for environments and what is found"
    )
    least = Forecast(cases=1, commits=1200, seconds=5.0, cores=1, at_least=True)
    assert forecast_text(least) == "1 case x at least 1,200 commits: a few s on 1 core; more for what is found"
