"""What commands print, as whole texts of a fixed width without colour."""

import io
import re
from collections import Counter
from typing import cast

import pytest
from msgspec.structs import fields, replace
from rich.cells import cell_len
from rich.console import Console

from memharness.analyse.causes import group_by_cause
from memharness.model.environments import EnvironmentFacts
from memharness.model.findings import (
    BlamedHolder,
    BlamedLine,
    Change,
    Counts,
    EnvironmentDifference,
    Exceeded,
    Failure,
    ModuleChange,
    Report,
    Summary,
)
from memharness.model.history import Commit
from memharness.model.measurements import (
    Failed,
    Frame,
    Holder,
    HolderChain,
    LineInstances,
    Measured,
    ModuleCost,
    OutOfMemory,
    Profile,
    ProfileLine,
    Skipped,
    Stack,
    StoredCase,
    Survivor,
    TimedOut,
    TypeCount,
)
from memharness.model.metrics import METRICS
from memharness.model.values import Value
from memharness.terminal.commit import draw_commit
from memharness.terminal.comparison import draw_comparison
from memharness.terminal.report import draw_newest, draw_report
from memharness.wording.text import bytes_text
from values import commit

KIB, MIB = 1 << 10, 1 << 20
FAMILY = "cpython-3.11.7-auto"
CASE = "waste[rows=100]"
COMMITS = {c.id: c for c in (replace(commit(n), id=str(n) * 40) for n in range(10))}
IDS = tuple(COMMITS)

BUFFER = BlamedLine(
    path="wastebox/core.py",
    line=10,
    function="MyObject.__init__",
    source="self.data = os.urandom(100)",
    size=2660000,
    bytes=1330000,
    count=10000,
    changed_here=False,
    caller=Frame(path="wastebox/core.py", line=16, function="waste_memory", source="undo = [MyObject()]"),
    caller_changed=True,
    types=(TypeCount(name="builtins.bytes", before=10000, after=20000),),
    blocks=20000,
)
UNDO = BlamedLine(
    path="wastebox/core.py",
    line=16,
    function="waste_memory",
    source="undo = [MyObject()]",
    size=892920,
    bytes=892920,
    count=20202,
    changed_here=True,
    library="json",
    types=(
        TypeCount(name="wastebox.core.MyObject", before=0, after=10000),
        TypeCount(name="builtins.list", before=1, after=102),
    ),
    blocks=20202,
)
STACK = Stack(
    size=1330000,
    count=10000,
    frames=(
        Frame(path="<scenarios>/waste.py", line=12, function="run", source="return waste_memory(rows)"),
        Frame(path="wastebox/core.py", line=10, function="MyObject.__init__", source="self.data = os.urandom(100)"),
    ),
)
PEAK = Change(
    case=CASE,
    metric="peak",
    family=FAMILY,
    verdict="regressed",
    confidence="confirmed",
    commit=IDS[3],
    range=(IDS[2], IDS[3]),
    between=1,
    before=2222976,
    after=4445896,
    unit="bytes",
    also=("warm_peak",),
    blame=(BUFFER, UNDO),
    elsewhere=0,
    stack=STACK,
    explained=0.978,
)


def change(metric: str = "peak", **known: object) -> Change:
    """Return a change of one metric, of which nothing more is known than the fields say."""
    bare = replace(PEAK, metric=metric, also=(), blame=(), stack=None, explained=None)
    return replace(bare, **known)


def summary(metric: str, first: int | None, last: int | None, residual: int | None = 0, **known: object) -> Summary:
    unit = {"growth": "bytes per call", "gc_objects": "objects"}.get(metric, "bytes")
    row = Summary(case=CASE, metric=metric, family=FAMILY, unit=unit, first=first, last=last, residual=residual)
    return replace(row, **known)


def report(*changes: Change, **known: object) -> Report:
    plain = Report(
        counts=Counts(commits=9, measured=8, cached=1),
        changes=changes,
        findings=group_by_cause(changes),
        failures=(),
        series=(),
    )
    found = replace(plain, **known)
    return replace(found, open_findings=group_by_cause(found.still_open))


def console(width: int) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, width=width, highlight=False, color_system=None), file


def drawn(value: Report, width: int = 120, *, verbose: bool = False) -> str:
    screen, file = console(width)
    draw_report(screen, value, COMMITS, verbose=verbose)
    return "\n" + file.getvalue()


def compared(value: Report, width: int = 120) -> str:
    screen, file = console(width)
    draw_comparison(screen, value, COMMITS[IDS[2]], COMMITS[IDS[3]])
    return "\n" + file.getvalue()


def shown(*cases: StoredCase, width: int = 120, verbose: bool = False) -> str:
    screen, file = console(width)
    draw_commit(screen, COMMITS[IDS[3]], cases, verbose=verbose)
    return "\n" + file.getvalue()


NUMPY = ModuleCost(name="numpy.linalg", origin="library", path="wastebox/core.py", line=3, size=18000)
OTHERS = ModuleCost(name="(other modules)", origin="", path="", line=0, size=-500)
REST = replace(OTHERS, name="(freed later, or in no module)")


def test_a_report_names_series_changes_failures_and_counts() -> None:
    full = report(
        PEAK,
        change("result", blame=PEAK.blame, elsewhere=-184, after=4445712, stack=STACK),
        series=(
            summary("peak", 2222976, 4445896, trend=(2222976, 2222976, None, "failed", 4445896)),
            summary("retained", 0, 184, trend=(0, 0, None, "failed", 184)),
            summary("import", 19374, 21658, 2284, metric_class="near", trend=(19374, 21658)),
            summary("gc_objects", 10102, 10103, None),
            summary("rss_peak", 9 * MIB, None, metric_class="noisy", case="other"),
        ),
        failures=(
            Failure(commit=IDS[4], case=CASE, family=FAMILY, phase="import", reason="no module 'x'"),
            *(Failure(commit=IDS[5], case=c, family=FAMILY, phase="build", reason="uv: exit 2") for c in (CASE, "o")),
        ),
        notices=("a file was set aside",),
        counts=Counts(commits=9, measured=7, cached=2, failed=2),
    )
    assert (
        drawn(full, 110, verbose=True)
        == """
  metric          first       last  unflagged  trend
waste[rows=100]
  peak         2.12 MiB   4.24 MiB          =  ▁▁ ✗█  ▲ regressed
  retained          0 B      184 B          =  ▁▁ ✗█
  import      18.92 KiB  21.15 KiB  +2.23 KiB  ▁█     near
  gc_objects     10,102     10,103
other
  rss_peak        9 MiB          -          =         noisy

▲ regressed  peak, warm_peak and result  waste[rows=100]  (confirmed)
  commit 3333333333  2023-11-14  A U Thor  commit 3
  peak, warm_peak  2.12 MiB → 4.24 MiB  +99.9%
  result           2.12 MiB → 4.24 MiB  +99.9%
  behind peak:
        size        +diff    count  average  line
    2.54 MiB    +1.27 MiB  +10,000    133 B  wastebox/core.py:16  waste_memory  changed here
                                               undo = [MyObject()]
                                               allocated at wastebox/core.py:10: self.data = os.urandom(100)
                                               +10,000 builtins.bytes
  871.99 KiB  +871.99 KiB  +20,202     44 B  wastebox/core.py:16  waste_memory  in json  changed here
                                               undo = [MyObject()]
                                               +10,000 wastebox.core.MyObject, +101 builtins.list
                +2.12 MiB                    together
  lines explain 97 % of the peak
  biggest offender: 10,000 blocks, 1.27 MiB, most recent call last
    File "<scenarios>/waste.py", line 12, in run
      return waste_memory(rows)
    File "wastebox/core.py", line 10, in MyObject.__init__
      self.data = os.urandom(100)
  behind result:
  at the same lines as above, and -184 B elsewhere

✗ failed  4444444444  2023-11-14  commit 4
    in import: no module 'x'  (waste[rows=100])
✗ failed  5555555555  2023-11-14  commit 5
    in build: uv: exit 2  (2 cases)
note: a file was set aside

9 commits: 7 measured now, 2 stored before; 2 with failures; 1 finding: 2 regressed
"""
    )


def test_changes_of_one_cause_are_one_finding_with_the_changed_line_first() -> None:
    """The line that allocates did not change: what calls it leads, with all that comes of it."""
    full = report(PEAK, change("result", blame=PEAK.blame, elsewhere=-184, after=4445712, stack=STACK))
    assert (
        drawn(full)
        == """

▲ regressed  peak, warm_peak and result  waste[rows=100]  (confirmed)
  commit 3333333333  2023-11-14  A U Thor  commit 3
  peak, warm_peak  2.12 MiB → 4.24 MiB  +99.9%
  result           2.12 MiB → 4.24 MiB  +99.9%
  behind peak:
  +2.12 MiB  wastebox/core.py:16  waste_memory  in json  changed here
               undo = [MyObject()]
               +1.27 MiB allocated at wastebox/core.py:10: self.data = os.urandom(100)
               +10,000 builtins.bytes, +10,000 wastebox.core.MyObject, +101 builtins.list
  lines explain 97 % of the peak

9 commits: 8 measured now, 1 stored before; 1 finding: 2 regressed
"""
    )


def test_of_many_changes_those_over_a_limit_and_the_greatest_of_each_metric_are_named() -> None:
    """What else the changes differ in stands beside them: case, environment family, and how sure they are."""
    peaks = [
        change(case=f"waste[rows={rows}]", before=0, after=rows * KIB, blame=(replace(UNDO, bytes=rows * KIB),))
        for rows in range(1, 8)
    ]
    leak = change("growth", unit="bytes per call", before=0, after=24, blame=(replace(UNDO, bytes=24),))
    leak = replace(leak, family="cpython-3.13.1-auto", confidence="suspected")
    over = replace(OVER, case="waste[rows=1]")
    found = report(*peaks, leak, exceeded=(over,), series=(summary("peak", 0, 1), summary("peak", 0, 1, family="b")))
    assert """
▲ regressed  peak and growth  waste  8 cases  2 environments
  commit 3333333333  2023-11-14  A U Thor  commit 3
  peak         0 B →     1 KiB  +1 KiB  [rows=1]  cpython-3.11.7-auto  confirmed
  peak         0 B →     4 KiB  +4 KiB  [rows=4]  cpython-3.11.7-auto  confirmed
  peak         0 B →     5 KiB  +5 KiB  [rows=5]  cpython-3.11.7-auto  confirmed
  peak         0 B →     6 KiB  +6 KiB  [rows=6]  cpython-3.11.7-auto  confirmed
  peak         0 B →     7 KiB  +7 KiB  [rows=7]  cpython-3.11.7-auto  confirmed
  growth  0 B/call → 24 B/call   +24 B  [rows=100]  cpython-3.13.1-auto  suspected: may still be a cache that fills up
  and 2 more; --verbose has them
  behind peak of waste[rows=7] (cpython-3.11.7-auto):
  +7 KiB  wastebox/core.py:16  waste_memory  in json  changed here
""" in drawn(found)
    assert len(re.findall(r"\[rows=\d+\]  cpython\S+  [cs]", drawn(found, verbose=True))) == 8


def test_a_finding_says_which_changes_the_lines_of_the_greatest_do_not_explain() -> None:
    """Most of both is at one line, but the lesser has a second, of which nothing else is seen."""
    other = replace(UNDO, line=30, bytes=400)
    greatest = change(before=0, after=2000, blame=(replace(UNDO, bytes=2000),))
    for bytes_, expected in ((400, 1), (40, 0)):
        blame = (replace(UNDO, bytes=1000 - bytes_), replace(other, bytes=bytes_))
        found = report(greatest, change("result", before=0, after=1000, blame=blame))
        assert drawn(found).count("  1 of these has more at other lines; --verbose names them\n") == expected
        assert ":30" in drawn(found, verbose=True)


def test_what_keeps_the_memory_of_the_greatest_change_alive_goes_before_that_of_others() -> None:
    other = (replace(HELD[0], text="list of another"), *HELD[1:])
    least = change("retained", case="a", before=0, after=8, blame=(BUFFER,), holders=other)
    text = drawn(report(least, change("retained", case="b", before=0, after=80, blame=(BUFFER,), holders=HELD)))
    assert "kept alive by lru_cache of page" in text
    assert "another" not in text


def test_a_line_that_is_gone_is_told_apart_from_the_one_that_has_its_number_now() -> None:
    shrunk = replace(UNDO, bytes=-600, library="", types=())
    gone = replace(shrunk, bytes=-400, source="undo = {}", status="gone", changed_here=False)
    text = drawn(report(change(verdict="improved", before=1000, after=0, blame=(shrunk, gone))))
    assert (
        """
  -600 B  wastebox/core.py:16  waste_memory  changed here
            undo = [MyObject()]
  -400 B  wastebox/core.py:16  waste_memory  gone
            undo = {}
"""
        in text
    )


def test_of_many_series_those_that_stayed_as_they_were_are_only_counted() -> None:
    moved = [summary("peak", 1, 2, trend=(1, 1, 2)), summary("result", 1, 1, trend=(1, 2, 1), case="back")]
    unsure = [
        summary("peak", 1, 1, trend=(1, "failed", 1), case="failed"),
        summary("peak", 1, 1, trend=(1,), case="new"),
    ]
    stayed = [summary("peak", 1, 1, trend=(1, None, 1), case=f"same {number}") for number in range(21)]
    shown = drawn(report(series=(*moved, *unsure, *stayed)))
    assert re.findall(r"(?m)^(\S+)$", shown) == [CASE, "back", "failed", "new"]
    assert "\n21 other series stayed as they were; --verbose or -k shows them\n" in shown
    assert drawn(report(series=tuple(stayed * 2))).startswith("\n42 other series stayed as they were")
    for text in (
        drawn(report(series=(*moved, *unsure, *stayed)), verbose=True),
        drawn(report(series=(*moved, *unsure, *stayed[1:]))),
    ):
        assert "same 20\n  peak" in text


def test_on_a_narrow_terminal_lines_go_below_their_figures() -> None:
    assert (
        drawn(report(PEAK), 60, verbose=True)
        == """

▲ regressed  peak and warm_peak  waste[rows=100]
  (confirmed)
  2.12 MiB → 4.24 MiB  (+2.12 MiB, +99.9%)
  commit 3333333333  2023-11-14  A U Thor  commit 3
        size        +diff    count  average
    2.54 MiB    +1.27 MiB  +10,000    133 B
    wastebox/core.py:16  waste_memory  changed here
      undo = [MyObject()]
      allocated at wastebox/core.py:10: self.data =
        os.urandom(100)
      +10,000 builtins.bytes
  871.99 KiB  +871.99 KiB  +20,202     44 B
    wastebox/core.py:16  waste_memory  in json  changed here
      undo = [MyObject()]
      +10,000 wastebox.core.MyObject, +101 builtins.list
                +2.12 MiB                    together
  lines explain 97 % of the peak
  biggest offender: 10,000 blocks, 1.27 MiB, most recent
    call last
    File "<scenarios>/waste.py", line 12, in run
      return waste_memory(rows)
    File "wastebox/core.py", line 10, in MyObject.__init__
      self.data = os.urandom(100)

9 commits: 8 measured now, 1 stored before; 1 regressed
"""
    )


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_digit_is_cut(width: int) -> None:
    """The longest figures there are, as whole words wherever a line breaks."""
    size = 1023 * KIB + 1
    long = replace(BUFFER, size=size, bytes=size, count=10_000_000, path="a/" * 30 + "b.py", source="[1] * " * 30)
    grown = change("growth", unit="bytes per call", before=size, after=2 * size, blame=(long,))
    series = (
        summary("growth", size, size, size, trend=(size,) * 40),
        summary("growth", size, size, -size, case="o" * 70),
        summary("gc_objects", 1, 2, None),  # the longest name: at 60 columns figures have no room side by side
    )
    text = drawn(report(grown, series=series), width, verbose=True)
    figures = Counter(re.findall(r"[+-]?[\d,.]+ [KM]iB(?:/call)?", " ".join(text.split())))
    assert figures == {
        "1023.00 KiB/call": 5,
        "2.00 MiB/call": 1,
        "+1023.00 KiB": 3,
        "-1023.00 KiB": 1,
        "1023.00 KiB": 1,
    }
    assert "+10,000,000" in text.split()
    assert max(map(cell_len, text.split("\n"))) <= width
    assert all(line.startswith("   ") for line in text.split("\n") if line and set(line) <= set("[1]* "))
    together = drawn(report(grown, replace(grown, case="o" * 70)), width)
    assert " ".join(together.split()).count("growth 1023.00 KiB/call → 2.00 MiB/call +100.0%") == 2
    assert max(map(cell_len, together.split("\n"))) <= width


RISE = "2.12 MiB → 4.24 MiB  (+2.12 MiB, +99.9%)"
THIRD = "commit 3333333333  2023-11-14  A U Thor  commit 3"


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        (
            change(verdict="improved", before=4 * MIB, after=MIB, confidence="located"),
            ["▼ improved  peak  waste[rows=100]  (located)", "4 MiB → 1 MiB  (-3 MiB, -75.0%)", THIRD],
        ),
        (
            change(verdict="accepted", reason="the audit\x1b is wanted"),
            ["✓ accepted  peak  waste[rows=100]  (confirmed)", RISE, THIRD, r"accepted: the audit\x1b is wanted"],
        ),
        (
            change(verdict="transient", undone_by=IDS[8]),
            [
                "↺ transient  peak  waste[rows=100]  (confirmed)",
                *(RISE, THIRD, "taken back by 8888888888  2023-11-14  commit 8"),
            ],
        ),
        (
            change(verdict="drifting", drift=True, confidence="range", commit=None, range=(IDS[1], IDS[8]), between=7),
            [
                "↗ drifting  peak  waste[rows=100]",
                RISE,
                "over 7 commits: peak crept from 2.12 MiB at 1111111111 to 4.24 MiB at 8888888888, flagged steps aside",
                "the last: 8888888888  2023-11-14  A U Thor  commit 8",
            ],
        ),
        (
            change(verdict="drifting", drift=True, confidence="range", before=200, after=100),
            ["↘ drifting  peak  waste[rows=100]", "200 B → 100 B  (-100 B, -50.0%)", THIRD],
        ),
        (
            change(confidence="range", commit=None, range=(IDS[1], IDS[4]), between=3, before=0),
            [
                "▲ regressed  peak  waste[rows=100]  (range)",
                "0 B → 4.24 MiB  (+4.24 MiB)",
                "one of 3 commits 1111111111..4444444444  (those between are not measured)",
                "the last: 4444444444  2023-11-14  A U Thor  commit 4",
            ],
        ),
        (
            change(commit="f" * 40, merge=IDS[7], range=(IDS[6], IDS[7])),
            [
                "▲ regressed  peak  waste[rows=100]  (confirmed)",
                *(RISE, "commit ffffffffff", "on the branch merged by 7777777777  2023-11-14  commit 7"),
            ],
        ),
        (
            change(confidence="suspected"),
            ["▲ regressed  peak  waste[rows=100]", RISE, THIRD, "suspected: not certain yet"],
        ),
    ],
)
def test_each_verdict_is_told_by_sign_and_words(found: Change, lines: list[str]) -> None:
    text = "\n  ".join([*lines, "no line is known: what is alive at the end"])
    assert drawn(report(found)).startswith(f"\n\n{text}")


def test_a_suspected_leak_shows_what_is_left_alive() -> None:
    kept = tuple(Survivor(path="a.py", line=3, name="a.B", text=f"<B {n // 2}\x1b>") for n in range(14))
    grown = change("growth", unit="bytes per call", confidence="suspected", before=0, after=8, survivors=kept)
    assert (
        drawn(report(grown), verbose=True)
        == """

▲ regressed  growth  waste[rows=100]
  0 B/call → 8 B/call  (+8 B)
  commit 3333333333  2023-11-14  A U Thor  commit 3
  suspected: may still be a cache that fills up
  no line is known
  left alive: a.B from a.py:3, and 1 more like it
    <B 0\\x1b>
  left alive: a.B from a.py:3, and 1 more like it
    <B 1\\x1b>
  left alive: a.B from a.py:3, and 1 more like it
    <B 2\\x1b>
  left alive: a.B from a.py:3, and 1 more like it
    <B 3\\x1b>
  left alive: a.B from a.py:3, and 1 more like it
    <B 4\\x1b>

9 commits: 8 measured now, 1 stored before; 1 regressed (1 only suspected)
"""
    )


def test_the_parts_of_a_difference_add_up_where_not_all_are_shown() -> None:
    blame = tuple(
        replace(UNDO, line=line, size=line << 20, bytes=line << 10, count=0, library="", types=(), blocks=0)
        for line in range(9, 2, -1)
    )
    types = (
        TypeCount(name="builtins.list", before=1, after=10000),
        TypeCount(name="builtins.int", before=5, after=5),
        TypeCount(name="a.B", before=9, after=0),
    )
    found = change("retained", before=0, after=50 << 10, blame=blame, elsewhere=8 << 10, types=types)
    assert (
        drawn(report(found), verbose=True)
        == """

▲ regressed  retained  waste[rows=100]  (confirmed)
  0 B → 50 KiB  (+50 KiB)
  commit 3333333333  2023-11-14  A U Thor  commit 3
   size    +diff  count  average  line
  9 MiB   +9 KiB      =           wastebox/core.py:9  waste_memory  changed here
                                    undo = [MyObject()]
  8 MiB   +8 KiB      =           wastebox/core.py:8  waste_memory  changed here
                                    undo = [MyObject()]
  7 MiB   +7 KiB      =           wastebox/core.py:7  waste_memory  changed here
                                    undo = [MyObject()]
  6 MiB   +6 KiB      =           wastebox/core.py:6  waste_memory  changed here
                                    undo = [MyObject()]
  5 MiB   +5 KiB      =           wastebox/core.py:5  waste_memory  changed here
                                    undo = [MyObject()]
          +7 KiB                  2 more lines
          +8 KiB                  elsewhere
         +50 KiB                  together
  objects: +9,999 builtins.list, -9 a.B

9 commits: 8 measured now, 1 stored before; 1 regressed
"""
    )


def test_the_lines_that_hold_most_are_named_the_changed_ones_first() -> None:
    """No more lines than hold nine tenths, or three; and one that changed, if any did."""
    sizes = [500, 300, 150, 40, 6, -4]
    blame = [replace(BUFFER, line=number, bytes=size, caller=None) for number, size in enumerate(sizes)]
    found = change(before=0, after=1000, elsewhere=8)
    named = {at: replace(line, changed_here=True) for at, line in enumerate(blame)}

    def rows(*lines: BlamedLine) -> list[str]:
        text = drawn(report(replace(found, blame=lines)))
        return re.findall(r"(?m)^ +(\+\d+ B  wastebox\S+|.*elsewhere)", text)

    places = [f"+{size} B  wastebox/core.py:{number}" for number, size in enumerate(sizes)]
    assert rows(*blame) == [*places[:3], "+42 B in 3 more lines, +8 B elsewhere"]
    assert rows(*blame[:2], named[2], *blame[3:]) == [places[2], *places[:2], "+42 B in 3 more lines, +8 B elsewhere"]
    assert rows(*blame[:3], named[3], *blame[4:]) == [
        places[3],
        *places[:3],
        "+2 B in 2 more lines, +8 B elsewhere",
    ]
    assert rows(replace(named[0], bytes=950), *blame[3:]) == [
        "+950 B  wastebox/core.py:0",
        "+42 B in 3 more lines, +8 B elsewhere",
    ]


def test_a_changed_line_of_the_same_function_stands_beside_the_one_that_allocates() -> None:
    beside = Frame(path=BUFFER.path, line=12, function=BUFFER.function, source="self.label = name")
    text = drawn(report(change(blame=(replace(BUFFER, caller=beside),))))
    assert (
        """
  +1.27 MiB  wastebox/core.py:10  MyObject.__init__
               self.data = os.urandom(100)
               in the same function, line 12 changed here: self.label = name
"""
        in text
    )


def test_a_changed_statement_of_a_module_is_told_with_its_text() -> None:
    constant = Frame(path="orders.py", line=3, function="<module>", source="WIDTH = 900")
    text = drawn(report(change(blame=(replace(BUFFER, caller=constant),))))
    assert (
        """
  +1.27 MiB  orders.py:3  <module>  changed here
               WIDTH = 900
               used at wastebox/core.py:10: self.data = os.urandom(100)
               +10,000 builtins.bytes
"""
        in text
    )


HELD = (
    BlamedHolder(path="core.py", line=7, text="lru_cache of page", changed_here=True),
    BlamedHolder(path="core.py", line=0, text="module core", changed_here=False),
)


def test_what_keeps_memory_alive_comes_first_where_it_or_what_fills_it_changed() -> None:
    line = "  kept alive by lru_cache of page at core.py:7, changed here <- module core\n"
    changed = drawn(report(change("retained", blame=(BUFFER,), holders=HELD)))
    assert changed.index(line) < changed.index("wastebox/core.py:10")
    unchanged = drawn(
        report(change("retained", blame=(BUFFER,), holders=(replace(HELD[0], changed_here=False), HELD[1])))
    )
    assert unchanged.index("kept alive by") > unchanged.index("wastebox/core.py:10")
    adding = Frame(path="core.py", line=8, function="page", source="PAGES[number] = page")
    filled = replace(HELD[0], text="dict PAGES", changed_here=False, filled=adding)
    text = drawn(report(change("retained", blame=(BUFFER,), holders=(filled, HELD[1]))))
    line = "  kept alive by dict PAGES at core.py:7, filled from core.py:8, changed here <- module core\n"
    assert text.index(line) < text.index("wastebox/core.py:10")
    falls = [change(metric, blame=(replace(BUFFER, bytes=-8),), holders=HELD, before=9, after=1) for metric in METRICS]
    for verbose in (False, True):
        fallen = drawn(report(*falls), verbose=verbose)
        assert fallen.count("  was kept alive by lru_cache") == fallen.count("kept alive by") == 1


def test_the_average_is_that_of_the_blocks_a_line_holds_now() -> None:
    grown = replace(UNDO, size=84_000, bytes=80_690, count=7, blocks=2000, types=())
    gone = replace(UNDO, size=0, bytes=-500, count=-5, blocks=0, status="gone", types=())
    text = drawn(report(change(blame=(grown, gone))), verbose=True)
    rows = [line.partition("  wastebox")[0] for line in text.splitlines() if "core.py:16" in line]
    assert rows == ["  82.03 KiB  +78.80 KiB     +7     42 B", "        0 B      -500 B     -5         "]


def test_types_that_grew_alike_are_named_once() -> None:
    types = (TypeCount(name="a.B", before=1, after=10),)
    other = (TypeCount(name="a.B", before=1, after=9),)
    changes = (change(case=f"waste[rows={rows}]", types=found) for rows, found in enumerate([types, types, other]))
    text = drawn(report(*changes), verbose=True)
    assert [line for line in text.splitlines() if "objects" in line] == ["  objects: +9 a.B", "  objects: +8 a.B"]


@pytest.mark.parametrize(
    ("explained", "text"),
    [
        (None, ""),
        (0.995, ""),
        (1.2, ""),
        (0.9949, "  lines explain 99 % of the peak\n"),
        (0.29, "  lines explain 29 % of the peak\n"),
        (0.004, "  lines explain less than 1 % of the peak\n"),
    ],
)
def test_the_explained_share_of_a_peak_is_never_rounded_up(explained: float | None, text: str) -> None:
    found = drawn(report(replace(PEAK, blame=(UNDO,), stack=None, explained=explained)), verbose=True)
    assert found.partition("+101 builtins.list\n")[2].partition("\n9 commits")[0] == text


def test_a_heavier_import_names_its_modules() -> None:
    modules = (
        ModuleChange(module=NUMPY, before=0, after=18000),
        ModuleChange(module=OTHERS, before=1500, after=1000),
        ModuleChange(module=replace(REST, size=-300), before=-100, after=-400),
    )
    found = change("import", before=1_000_000, after=1_020_000, modules=modules)
    assert (
        drawn(report(found), verbose=True)
        == """

▲ regressed  import  waste[rows=100]  (confirmed)
  976.56 KiB → 996.09 KiB  (+19.53 KiB, +2.0%)
  commit 3333333333  2023-11-14  A U Thor  commit 3
       size       +diff  module
  17.58 KiB  +17.58 KiB  numpy.linalg  library, imported at wastebox/core.py:3
     1000 B      -500 B  (other modules)
     -400 B      -300 B  freed again after the import
              +2.73 KiB  elsewhere
             +19.53 KiB  together

9 commits: 8 measured now, 1 stored before; 1 regressed
"""
    )


def test_modules_that_another_case_imports_as_well_are_named_once() -> None:
    modules = tuple(ModuleChange(module=replace(NUMPY, name=f"m{n}"), before=0, after=18000) for n in range(8))
    found = change("import", before=0, after=150_000, modules=modules)
    other = replace(found, case="other", after=150_100)
    fewer = replace(found, case="third", modules=modules[1:])
    text = drawn(report(found, other, fewer), verbose=True)
    assert [line.strip() for line in text.splitlines() if "more module" in line or "same modules" in line] == [
        "+52.73 KiB  3 more modules",
        "at the same modules as above, and +5.96 KiB elsewhere",
        "+35.16 KiB  2 more modules",
    ]


def test_of_imports_without_lines_the_heaviest_modules_are_named() -> None:
    modules = tuple(ModuleChange(module=replace(NUMPY, name=f"m{n}"), before=0, after=18000) for n in range(8))
    text = drawn(report(change("import", before=0, after=150_000, modules=modules)))
    assert (
        """
  +17.58 KiB  m0  library, imported at wastebox/core.py:3
  +17.58 KiB  m1  library, imported at wastebox/core.py:3
  +17.58 KiB  m2  library, imported at wastebox/core.py:3
  +87.89 KiB in 5 more modules, +5.86 KiB elsewhere
"""
        in text
    )


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (change("import"), ": imports are measured as a whole"),
        (change("rss_peak"), ": resident memory is measured untraced"),
        (change("warm_peak", explained=1.0), ": those that hold the peak do not differ"),
        (change("retained"), ""),
    ],
)
def test_where_no_line_is_known_it_says_why(found: Change, reason: str) -> None:
    assert f"  no line is known{reason}\n" in drawn(report(found))


OVER = Exceeded(
    case=CASE,
    metric="peak",
    family=FAMILY,
    unit="bytes",
    limit=8 * MIB,
    value=9542042,
    first=IDS[3],
    last=IDS[9],
    open=True,
)


def test_limits_are_named_to_the_byte_where_rounding_would_hide_the_excess() -> None:
    leak = replace(OVER, metric="growth", unit="bytes per call", limit=0, value=8)
    exceeded = (
        OVER,
        replace(leak, suspected=True),
        replace(leak, last=IDS[4], open=False),
        replace(OVER, limit=8 * MIB + 100, value=8 * MIB + 101, last=IDS[3], open=False),
    )
    assert (
        drawn(report(exceeded=exceeded))
        == """

✗ over its limit  peak 9.10 MiB > 8 MiB  waste[rows=100]
    first seen at 3333333333  2023-11-14  commit 3
✗ over its limit  growth 8 B/call > 0 B/call  waste[rows=100]
    first seen at 3333333333  2023-11-14  commit 3
    suspected: may still be a cache that fills up
✗ was over its limit  growth 8 B/call > 0 B/call  waste[rows=100]
    from 3333333333  2023-11-14  commit 3
      to 4444444444  2023-11-14  commit 4
✗ was over its limit  peak 8,388,709 > 8,388,708 bytes  waste[rows=100]
    only at 3333333333  2023-11-14  commit 3
a limit stands in the metadata of its scenario; accepting a change does not lift it

9 commits: 8 measured now, 1 stored before; 2 limits exceeded (1 only suspected)
"""
    )
    assert "a limit stands" not in drawn(report(exceeded=exceeded[2:]))  # nothing needs to be done any more


def test_many_changes_of_one_series_are_counted() -> None:
    rises = [change(range=(IDS[n], IDS[n + 1])) for n in range(4)]
    falls = [change(verdict="improved", after=0, range=(IDS[n], IDS[n + 1])) for n in range(2)]
    row = summary("peak", 0, 1)
    assert " ▲ 4 regressed, ▼ improved\n" in drawn(report(*rises, falls[0], series=(row,)))
    assert " ▼ 2 improved, ▲ 4 regressed\n" in drawn(report(*falls, *rises, series=(row,)))


def test_the_counts_name_every_verdict_that_occurs() -> None:
    changes = (
        change(),
        change(confidence="suspected"),
        change(verdict="transient", undone_by=IDS[4]),
        change(verdict="drifting", drift=True),
        change(verdict="accepted", reason="wanted"),
    )
    last = drawn(report(*changes), 160).splitlines()[-1]
    assert last == (
        "9 commits: 8 measured now, 1 stored before; 4 findings: "
        "2 regressed (1 only suspected), 1 accepted, 1 transient, 1 drifting"
    )
    assert drawn(report()) == "\n\n9 commits: 8 measured now, 1 stored before; no change\n"


def test_without_changes_it_says_of_what_there_are_none() -> None:
    failed = report(
        series=(summary("peak", None, 5, None, trend=("failed", 5)), summary("result", None, None, None)),
        failures=(Failure(commit=IDS[2], case=CASE, family=FAMILY, phase="run", reason="boom"),),
    )
    assert drawn(failed).splitlines()[-1].endswith("; nothing could be compared")
    half = replace(failed, series=(*failed.series, summary("import", 7, 7, trend=(7, 7))))
    assert drawn(half).splitlines()[-1].endswith("; no change in what was measured")
    text = compared(half)
    assert "peak - 5 B ✗ before failed" in [" ".join(line.split()) for line in text.splitlines()]
    assert f"✗ before failed  {IDS[2][:10]}  " in text


def test_the_newest_commit_is_shown_with_what_it_is_compared_with() -> None:
    value = report(series=(summary("peak", 8 * KIB, 9 * KIB, KIB), summary("result", None, 5, None)))
    screen, file = console(60)
    draw_newest(screen, value, COMMITS, COMMITS[IDS[9]], [COMMITS[IDS[7]], COMMITS[IDS[4]]])
    assert (
        "\n" + file.getvalue()
        == """
before  7777777777  2023-11-14  A U Thor  commit 7
        some series were measured last at an earlier commit
newest  9999999999  2023-11-14  A U Thor  commit 9

  metric  before  newest  unflagged
waste[rows=100]
  peak     8 KiB   9 KiB     +1 KiB
  result       -     5 B

9 commits: 8 measured now, 1 stored before; no change
"""
    )


def test_families_are_named_where_there_is_more_than_one() -> None:
    other = "cpython-3.12.1-auto"
    both = report(
        change("retained"),
        change("retained", family=other, verdict="improved", before=5, after=0),
        series=(summary("retained", 0, 8), summary("retained", 5, 0, family=other)),
    )
    assert (
        drawn(both)
        == """
  metric    first  last  unflagged
waste[rows=100]  cpython-3.11.7-auto
  retained    0 B   8 B          =  ▲ regressed
waste[rows=100]  cpython-3.12.1-auto
  retained    5 B   0 B          =  ▼ improved

▲ regressed  retained  waste[rows=100]  cpython-3.11.7-auto  (confirmed)
  2.12 MiB → 4.24 MiB  (+2.12 MiB, +99.9%)
  commit 3333333333  2023-11-14  A U Thor  commit 3
  no line is known

▼ improved  retained  waste[rows=100]  cpython-3.12.1-auto  (confirmed)
  5 B → 0 B  (-5 B, -100.0%)
  commit 3333333333  2023-11-14  A U Thor  commit 3
  no line is known

9 commits: 8 measured now, 1 stored before; 1 regressed, 1 improved
"""
    )


def test_a_comparison_names_the_environments_first_and_every_metric() -> None:
    pair = (IDS[2], IDS[3])
    differences = (("python", "3.11.7", "3.12.1"), ("attrs", "22.1", "23.1"), ("rich", None, "15.0"))
    found = report(
        replace(PEAK, range=pair, blame=(UNDO,), elsewhere=4445896 - 2222976 - UNDO.bytes, stack=None),
        series=(
            summary("peak", 2222976, 4445896),
            summary("retained", 0, 184),
            summary("result", 0, 0),
            summary("warm_peak", 2222976, 4445896, metric_class="near"),
            summary("gc_objects", 10102, 10101, None),
            summary("import", None, 21658),
            summary("growth", 8, None, None, trend=(8, "failed")),
        ),
        environments=tuple(
            EnvironmentDifference(family=FAMILY, name=name, before=old, after=new) for name, old, new in differences
        ),
        counts=Counts(commits=2, measured=2),
    )
    assert (
        compared(found, 100)
        == """
before  2222222222  2023-11-14  A U Thor  commit 2
after   3333333333  2023-11-14  A U Thor  commit 3
environments differ: python 3.11.7 → 3.12.1, attrs 22.1 → 23.1, rich absent → 15.0

  metric        before      after  difference
waste[rows=100]
  peak        2.12 MiB   4.24 MiB   +2.12 MiB  ▲ regressed
  retained         0 B      184 B      +184 B  not flagged
  result           0 B        0 B           =
  warm_peak   2.12 MiB   4.24 MiB   +2.12 MiB  ▲ regressed  near
  gc_objects    10,102     10,101          -1
  import             -  21.15 KiB              missing
  growth      8 B/call          -              ✗ after failed

▲ regressed  peak and warm_peak  waste[rows=100]  (confirmed)
  2.12 MiB → 4.24 MiB  (+2.12 MiB, +99.9%)
  +871.99 KiB  wastebox/core.py:16  waste_memory  in json  changed here
                 undo = [MyObject()]
                 +10,000 wastebox.core.MyObject, +101 builtins.list
  +1.27 MiB elsewhere
  lines explain 97 % of the peak

2 commits: 2 measured now, 0 stored before; 1 regressed
"""
    )


def test_between_the_two_commits_of_a_comparison_nothing_was_left_out() -> None:
    found = change(confidence="range", commit=None, range=(IDS[2], IDS[3]), between=5)
    text = compared(report(found, replace(found, range=(IDS[1], IDS[3]))))
    assert [line for line in text.splitlines() if line.startswith("▲")] == [
        "▲ regressed  peak  waste[rows=100]",
        "▲ regressed  peak  waste[rows=100]  (range)",
    ]
    assert text.count("not measured") == 1


def test_what_is_open_still_is_told_the_largest_first_and_not_all_of_it() -> None:
    grown = [change(case=f"case {n}", before=100, after=100 + n) for n in range(1, 12)]
    leak = change("growth", case="leak", unit="bytes per call", before=0, after=64, commit=None, range=(IDS[1], IDS[4]))
    drift = change(case="creep", drift=True, verdict="drifting", before=1000, after=1105, range=(IDS[2], IDS[9]))
    text = drawn(report(still_open=(*grown, leak, drift)))
    assert text.splitlines()[2:5] == [
        "still open: growth of leak +64 B/call since one of 1111111111..4444444444",
        "still open: peak of case 11 +11.0% since 3333333333  2023-11-14  commit 3",
        "still open: peak of creep +10.5% since 2222222222  2023-11-14  commit 2",
    ]
    assert text.count("still open") == 10
    assert "and 3 more; see `memharness check --all`\n" in text


def test_what_is_open_of_one_cause_is_one_line() -> None:
    peaks = [change(case=f"waste[rows={rows}]", before=100, after=100 + rows, blame=(UNDO,)) for rows in (10, 40, 20)]
    alike = [replace(one, before=0, after=64, blame=(replace(UNDO, bytes=64),)) for one in peaks]
    leak = replace(alike[0], metric="growth", unit="bytes per call")
    text = drawn(report(still_open=(*alike, leak, change(case="other", before=100, after=130))))
    assert text.splitlines()[2:-2] == [
        "still open: peak and growth of 3 cases up to +64 B since 3333333333  2023-11-14  commit 3",
        "still open: peak of other +30.0% since 3333333333  2023-11-14  commit 3",
    ]


def test_the_change_that_leads_a_finding_is_the_leak_then_what_stays_then_the_peak() -> None:
    peak = change(before=0, after=9000, blame=(replace(UNDO, bytes=9000),))
    kept = replace(peak, metric="retained", after=4000, blame=(replace(UNDO, bytes=4000),))
    leak = replace(peak, metric="growth", after=40, unit="bytes per call", blame=(replace(UNDO, bytes=40),))
    result = replace(kept, metric="result", after=9000, blame=(replace(UNDO, bytes=9000),))
    for changes, lead in (
        ((peak, kept, result, leak), "growth"),
        ((peak, result, kept), "retained"),
        ((result, peak), "peak"),
        ((peak, kept, replace(leak, confidence="suspected")), "retained"),
    ):
        assert f"  behind {lead}:\n" in drawn(report(*changes))


def test_the_number_of_a_caller_that_is_gone_is_said_to_be_of_the_commit_before() -> None:
    caller = Frame(path="a.py", line=20, function="main", source="build()")
    fall = change(before=900, after=0, verdict="improved")
    gone = replace(UNDO, bytes=-900, size=0, changed_here=False, caller=caller, caller_changed=True, caller_gone=True)
    for line, expected in (
        (gone, "a.py:20  main  changed here, line of the commit before\n"),
        (replace(gone, caller_changed=False), "a.py:20  main  function changed here, line of the commit before\n"),
        (replace(gone, caller_gone=False), "a.py:20  main  changed here\n"),
        (
            replace(gone, caller=replace(caller, path=gone.path, function=gone.function)),
            "in the same function, line 20 of the commit before changed here: build()\n",
        ),
    ):
        assert expected in drawn(report(replace(fall, blame=(line,))))


def test_a_fall_of_what_the_result_held_is_no_improvement_where_it_is_retained_now() -> None:
    moved = change("result", verdict="moved", before=9000, after=0, blame=(replace(UNDO, bytes=-9000),), holders=HELD)
    text = drawn(report(moved))
    assert "\n⇄ moved  result  waste[rows=100]  (confirmed)\n" in text
    assert "\n  nothing was freed: what the result held is retained now\n  now held by lru_cache of page" in text
    assert text.endswith("; 1 moved\n")


def test_series_that_stayed_as_they_were_since_the_oldest_commit_failed_are_only_counted() -> None:
    stayed = [summary("peak", 1, 1, trend=("failed", None, 1, 1), case=f"same {number}") for number in range(25)]
    assert "\n25 other series stayed as they were" in drawn(report(series=tuple(stayed)))


def test_of_hundreds_of_series_those_that_moved_most_are_printed_and_no_case_below_its_floors() -> None:
    moved = [
        summary("peak", 100, 100 + number, trend=(100, 100 + number), case=f"moved {number}") for number in range(40)
    ]
    tiny = [summary("peak", 1, 2, trend=(1, 2), case=f"tiny {number}") for number in range(300)]
    flagged = change(case="moved 3")
    small = report(flagged, series=(*tiny, *moved), below_floors=tuple(row.case for row in tiny))
    shown = drawn(small)
    assert re.findall(r"(?m)^((?:moved|tiny) \d+)$", shown) == [
        "moved 3",
        *(f"moved {number}" for number in range(17, 40)),
    ]
    assert (
        " 1 other series stayed as they were, 15 moved less or are smaller and no judged figure of 300 cases "
        "reaches its floor; --verbose or -k shows them "
    ) in " ".join(shown.split())
    assert drawn(small, verbose=True).count("\ntiny ") == 300
    assert drawn(replace(small, series=(*tiny[:3], *moved[:3]))).count("\ntiny ") == 3


def test_series_with_changes_or_above_a_limit_are_printed_however_many_there_are() -> None:
    rows = [summary("peak", 1, 9000, trend=(1, 9000), case=f"case {number}") for number in range(60)]
    changes = [change(case=row.case) for row in rows[:30]]
    over = [replace(OVER, case=row.case, metric="peak", family=FAMILY) for row in rows[30:50]]
    apart = tuple((at,) for at in range(len(changes)))
    shown = drawn(replace(report(*changes, series=tuple(rows), exceeded=tuple(over)), findings=apart))
    assert re.findall(r"(?m)^(case \d+)$", shown) == [f"case {number}" for number in range(50)]
    assert "\n10 moved less or are smaller; --verbose or -k shows them\n" in shown


def test_of_a_finding_of_hundreds_of_cases_those_that_moved_most_are_in_the_table() -> None:
    rows = [summary("peak", 1, 2 + number, trend=(1, 2 + number), case=f"case {number}") for number in range(300)]
    changes = [change(case=row.case, before=1, after=row.last) for row in rows]
    shown = drawn(replace(report(*changes, series=tuple(rows)), findings=(tuple(range(300)),)))
    assert re.findall(r"(?m)^(case \d+)$", shown) == [f"case {number}" for number in range(276, 300)]
    assert "\n276 more changed, as the findings below say; --verbose or -k shows them\n" in shown


def test_commits_that_are_not_measured_are_counted() -> None:
    counts = Counts(commits=65, measured=16, reused=3)
    text = "65 commits: 16 measured now, 3 reused, 0 stored before, 46 not measured; no change"
    assert text in drawn(report(counts=counts))


CORE = ProfileLine(
    path="wastebox/core.py",
    line=10,
    function="MyObject.__init__",
    source="self.data = os.urandom(100)",
    size=1330000,
    count=10000,
)
GRID = replace(CORE, line=16, function="waste_memory", source="grid = [[MyObject()]]", size=892920, count=20202)
OLD = StoredCase(
    case=CASE,
    family=FAMILY,
    repeats=2,
    environment=EnvironmentFacts(family=FAMILY, python="3.11.7", implementation="cpython", install="auto"),
    outcome=Measured(
        metrics={"peak": 2222976, "growth": 0, "gc_objects": 10102},
        calls=127,
        gc_objects=(6220, 16322),
        types=(TypeCount(name="wastebox.core.MyObject", before=0, after=10000),),
        notes=("few calls",),
    ),
    profiles={
        "alive": Profile(
            lines=(GRID, CORE, *(replace(GRID, line=line, size=56, count=1) for line in range(20, 25))),
            stacks=(STACK,),
        ),
        "retained": Profile(),
    },
)


def test_a_commit_shows_all_that_is_stored() -> None:
    assert (
        shown(OLD, width=100)
        == """
commit 3333333333  2023-11-14  A U Thor  commit 3

waste[rows=100]  cpython-3.11.7-auto, measured 2 times
  peak        2.12 MiB  peak of the first call
  growth      0 B/call  leaked by every call
  gc_objects    10,102  tracked objects gained
  gc objects 6,220 before, 16,322 after the first call
    +10,000  wastebox.core.MyObject
  alive at the end of the first call: 2.12 MiB
          size   count  average  line
      1.27 MiB  10,000    133 B  wastebox/core.py:10  MyObject.__init__
                                   self.data = os.urandom(100)
    871.99 KiB  20,202     44 B  wastebox/core.py:16  waste_memory
                                   grid = [[MyObject()]]
          56 B       1     56 B  wastebox/core.py:20  waste_memory
                                   grid = [[MyObject()]]
          56 B       1     56 B  wastebox/core.py:21  waste_memory
                                   grid = [[MyObject()]]
          56 B       1     56 B  wastebox/core.py:22  waste_memory
                                   grid = [[MyObject()]]
         112 B                   2 more lines
  biggest offender: 10,000 blocks, 1.27 MiB, most recent call last
    File "<scenarios>/waste.py", line 12, in run
      return waste_memory(rows)
    File "wastebox/core.py", line 10, in MyObject.__init__
      self.data = os.urandom(100)
  note: few calls
"""
    )


def test_of_many_cases_of_a_commit_those_that_failed_and_the_largest_are_printed() -> None:
    cases = [
        replace(OLD, case=f"case {number}", outcome=Measured(metrics={"peak": number}, passes=("first",)), profiles={})
        for number in range(30)
    ]
    cases[3] = replace(cases[3], outcome=Skipped(reason="not here"))
    cases[4] = replace(cases[4], outcome=TimedOut(during="run", limit_seconds=1.0))
    text = shown(*cases)
    assert re.findall(r"(?m)^(case \d+) ", text) == ["case 4", *(f"case {number}" for number in range(11, 30))]
    assert text.endswith("\n\n10 more cases, none larger; --verbose or -k shows them\n")
    assert shown(*cases[:20]).count("\ncase ") == 20
    assert shown(*cases, verbose=True).count("\ncase ") == 30


def test_an_explained_case_shows_modules_peak_types_and_survivors() -> None:
    explained = replace(
        OLD,
        repeats=1,
        outcome=Measured(
            metrics={"peak": 2222976, "growth": 495180, "import": 20000},
            calls=127,
            suspected=("growth",),
            failed_passes={"rss": TimedOut(during="run", limit_seconds=60)},
        ),
        profiles={
            "calls": Profile(sizes=tuple(495206 + 495180 * call for call in range(100))),
            "leak": Profile(
                lines=(GRID,), survivors=(Survivor(path="a.py", line=16, name="builtins.list", text="[b'..']"),)
            ),
            "alive": Profile(
                lines=(CORE, replace(GRID, library="json"), replace(GRID, size=100, count=1)),
                types=(
                    LineInstances(path=GRID.path, line=16, name="wastebox.core.MyObject", count=10000),
                    LineInstances(path=GRID.path, line=16, name="builtins.list", count=101),
                ),
            ),
            "peak": Profile(lines=(replace(CORE, size=2000000),)),
            "import": Profile(
                modules=(replace(OTHERS, size=400), NUMPY, replace(NUMPY, name="json", origin="stdlib", size=1600))
            ),
        },
    )
    assert (
        shown(explained, width=100)
        == """
commit 3333333333  2023-11-14  A U Thor  commit 3

waste[rows=100]  cpython-3.11.7-auto, measured once
  peak           2.12 MiB  peak of the first call
  growth  483.57 KiB/call  leaked by every call (suspected: may still be a cache that fills up)
  import        19.53 KiB  kept by the imports
  kept by the imports: 19.53 KiB
    by origin: library 17.58 KiB, stdlib 1.56 KiB, other modules 400 B
         size  module
    17.58 KiB  numpy.linalg  library, imported at wastebox/core.py:3
     1.56 KiB  json  stdlib, imported at wastebox/core.py:3
        400 B  (other modules)
  at the peak: 1.91 MiB, lines explain 89 %
        size   count  average  line
    1.91 MiB  10,000    200 B  wastebox/core.py:10  MyObject.__init__
                                 self.data = os.urandom(100)
  alive at the end of the first call: 2.12 MiB
          size   count  average  line
      1.27 MiB  10,000    133 B  wastebox/core.py:10  MyObject.__init__
                                   self.data = os.urandom(100)
    871.99 KiB  20,202     44 B  wastebox/core.py:16  waste_memory  in json
                                   grid = [[MyObject()]]
                                   10,000 wastebox.core.MyObject, 101 builtins.list
         100 B       1    100 B  wastebox/core.py:16  waste_memory
                                   grid = [[MyObject()]]
  kept by the later calls: 871.99 KiB
          size   count  average  line
    871.99 KiB  20,202     44 B  wastebox/core.py:16  waste_memory
                                   grid = [[MyObject()]]
  left alive: builtins.list from a.py:16
    [b'..']
  alive after calls: 1: 483.60 KiB, 2: 967.17 KiB, 4: 1.89 MiB, 8: 3.78 MiB, 16: 7.56 MiB,
    32: 15.11 MiB, 64: 30.22 MiB, 100: 47.22 MiB
  ✗ the rss pass failed in timeout: still in run after 60 s (timeout)
"""
    )


@pytest.mark.parametrize(("size", "meaning"), [(-5000, "freed again after the import"), (700, "in no module")])
def test_what_the_modules_do_not_add_up_to_is_named_last(size: int, meaning: str) -> None:
    rest = replace(REST, size=size)
    others = [replace(NUMPY, name=f"m{number}") for number in range(7)]
    profile = Profile(modules=(rest, *others))
    stored = StoredCase(
        case=CASE,
        family=FAMILY,
        repeats=1,
        environment=None,
        outcome=Measured(metrics={}),
        profiles={"import": profile},
    )
    text = shown(stored)
    assert f"    by origin: library 123.05 KiB, {meaning} {bytes_text(size)}\n" in text
    *_, more, last = text.splitlines()
    assert (more.split(), last.split()) == (
        ["35.16", "KiB", "2", "more", "modules"],
        f"{bytes_text(size)} {meaning}".split(),
    )


@pytest.mark.parametrize("width", range(40, 140, 3))
def test_a_list_is_broken_between_its_items_only(width: int) -> None:
    calls = Profile(sizes=tuple(495206 * call for call in range(1, 129)))
    text = shown(replace(OLD, outcome=Measured(metrics={}), profiles={"calls": calls}), width=width)
    items = [f"{1 << power}: {bytes_text(495206 << power)}" for power in range(8)]
    drawn_lines = text.partition("  alive after calls: ")[2].removesuffix("\n").split(",\n    ")
    assert [item for line in drawn_lines for item in line.split(", ")] == items
    assert max(map(len, text.split("\n"))) <= width


def test_calls_that_all_leave_the_same_are_told_at_once() -> None:
    same = replace(OLD, outcome=Measured(metrics={}), profiles={"calls": Profile(sizes=(96,) * 128)})
    assert shown(same).endswith("measured 2 times\n  alive after each of 128 calls: 96 B\n")


def test_a_failure_is_shown_with_its_traceback_and_output() -> None:
    failed = Failed(phase="run", reason="ValueError: bad", output=("one", "", "two\x07"), frames=STACK.frames)
    killed = OutOfMemory(during="setup", limit_bytes=64 * MIB)
    cases = (replace(OLD, outcome=failed, profiles={}), replace(OLD, case="other", outcome=killed, profiles={}))
    assert (
        shown(*cases)
        == """
commit 3333333333  2023-11-14  A U Thor  commit 3

waste[rows=100]  cpython-3.11.7-auto, measured 2 times
  ✗ failed in run: ValueError: bad
    File "<scenarios>/waste.py", line 12, in run
      return waste_memory(rows)
    File "wastebox/core.py", line 10, in MyObject.__init__
      self.data = os.urandom(100)
  last lines of its output:
    one
    two\\x07

other  cpython-3.11.7-auto, measured 2 times
  ✗ failed in memory: exceeded 64 MiB in setup (memory-limit)
"""
    )


HOSTILE = "\x1b[31m\u202e\r[bold]\n:x:"


def hostile(value: object) -> object:
    """Return the value with every text of foreign origin in it replaced."""
    if isinstance(value, tuple):
        return tuple(map(hostile, value))
    if isinstance(value, dict):
        return {key: hostile(part) for key, part in value.items()}
    if not isinstance(value, Value):
        return value
    foreign = {
        field.name: HOSTILE + getattr(value, field.name)
        for field in fields(value)
        if field.type in (str, str | None) and field.name not in OURS and getattr(value, field.name) is not None
    }
    nested = {name: hostile(getattr(value, name)) for name in value.__struct_fields__}
    return replace(value, **nested | foreign)


OURS = {"id", "commit", "merge", "undone_by", "first", "last", "metric", "unit"}


def test_no_foreign_text_reaches_the_terminal_as_it_is() -> None:
    survivors = (Survivor(path="a", line=1, name="b", text="c"),)
    explained = replace(PEAK, survivors=survivors, holders=HELD, merge=IDS[3], reason="")
    modules = change("import", modules=(ModuleChange(module=NUMPY, before=0, after=1),), undone_by=IDS[5])
    full = report(
        explained,
        replace(explained, metric="result", family="other"),
        modules,
        series=(summary("peak", 0, 1), summary("peak", 0, 1, family="other")),
        exceeded=(OVER,),
        environments=(EnvironmentDifference(family="", name="", before="", after=""),),
        failures=(Failure(commit=IDS[4], case="", family="", phase="run", reason=""),),
        notices=(HOSTILE,),
        still_open=(change(),),
        figures={IDS[4]: (HOSTILE,)},
    )
    stack = Profile(lines=(GRID,), stacks=(STACK,), types=(LineInstances(path=GRID.path, line=16, name="x", count=1),))
    chain = HolderChain(path="a", line=1, count=1, holders=(Holder(path="b", line=2, text="list c"),))
    leak = Profile(lines=(GRID,), survivors=survivors, holders=(chain,))
    profiles = {"alive": stack, "leak": leak, "import": Profile(modules=(NUMPY,))}
    failed = Failed(phase="run", reason="", output=(HOSTILE,), frames=STACK.frames)
    outcome = Measured(metrics={}, types=PEAK.blame[0].types, notes=(HOSTILE,), failed_passes={"rss": failed})
    case = replace(OLD, outcome=outcome, profiles=profiles)

    commits = {key: hostile(value) for key, value in COMMITS.items()}
    screen, file = console(400)
    draw_report(screen, cast("Report", hostile(full)), cast("dict[str, Commit]", commits), verbose=True)
    draw_report(screen, cast("Report", hostile(full)), cast("dict[str, Commit]", commits))
    draw_comparison(screen, cast("Report", hostile(full)), *(cast("Commit", commits[IDS[n]]) for n in (2, 3)))
    draw_commit(screen, cast("Commit", commits[IDS[3]]), [cast("StoredCase", hostile(case))])
    text = file.getvalue()
    assert [character for character in text if not character.isprintable() and character != "\n"] == []
    seen = r"\x1b[31m\u202e\r[bold]\n:x:"
    assert text.count("x1b") == text.count(seen) == 183
