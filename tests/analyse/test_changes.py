import pytest
from msgspec.structs import replace

from memharness.analyse.blame.edits import Edits
from memharness.analyse.blame.imports import module_changes
from memharness.analyse.changes import CommitProfiles, Stretch, fold_warm_peaks, make_change, same_lines
from memharness.analyse.series import Point, Series, SeriesKey
from memharness.analyse.steps import Step
from memharness.model.findings import BlamedHolder, BlamedLine, Change, Confidence, ModuleChange
from memharness.model.history import FileEdit, Hunk
from memharness.model.measurements import (
    Frame,
    Holder,
    HolderChain,
    LineInstances,
    ModuleCost,
    Profile,
    Stack,
    Survivor,
    TypeCount,
)
from values import commit, stat

SUBJECT = SeriesKey(case="waste", identity="one", probe=1, family="f", metrics=("peak",))
EDITS = Edits([FileEdit(before="a.py", after="a.py", hunks=(Hunk(before=0, removed=0, after=1, added=1),))])
COMMITS = (commit(0), commit(1), commit(2))


def change(
    metric: str,
    *,
    good: int = 0,
    bad: int = 1,
    before: CommitProfiles | None = None,
    after: CommitProfiles | None = None,
    rise: int = 200,
) -> Change:
    series = Series(
        key=SUBJECT,
        metric=metric,
        points=tuple(Point(commit=c, values=(100 if c == COMMITS[good] else 300,)) for c in COMMITS),
    )
    confidence: Confidence = "located" if bad == good + 1 else "range"
    step = Step(good=good, bad=bad, before=100, after=100 + rise, confidence=confidence)
    return make_change(series, step, before or CommitProfiles(), after or CommitProfiles(), EDITS, between=bad - good)


def blamed(size: int, *, count: int = 1) -> BlamedLine:
    return BlamedLine(
        path="a.py",
        line=1,
        function="f",
        source="line 1",
        size=size,
        bytes=size,
        count=count,
        changed_here=True,
        status="new",
        blocks=count,
    )


@pytest.mark.parametrize(
    ("metric", "lines"),
    [
        ("peak", (blamed(150, count=7),)),
        ("warm_peak", (blamed(150, count=7),)),
        ("result", (blamed(110, count=5),)),
        ("retained", (blamed(40, count=2),)),
        ("growth", (blamed(9),)),
        ("import", ()),
    ],
)
def test_each_metric_is_blamed_on_its_own_profile(metric: str, lines: tuple[BlamedLine, ...]) -> None:
    after = CommitProfiles(
        alive=Profile(lines=(stat(1, 150, count=7),)),
        retained=Profile(lines=(stat(1, 40, count=2),)),
        leak=Profile(lines=(stat(1, 900, count=100),)),
        leak_calls=100,
    )
    found = change(metric, after=after)
    assert found.blame == lines
    assert found.elsewhere == 200 - sum(line.bytes for line in lines)


def test_neighbours_name_the_commit_and_a_gap_only_the_range() -> None:
    one = change("peak")
    assert (one.commit, one.range, one.between) == (COMMITS[1].id, (COMMITS[0].id, COMMITS[1].id), 1)
    gap = change("peak", bad=2)
    assert (gap.commit, gap.range, gap.between) == (None, (COMMITS[0].id, COMMITS[2].id), 2)


def test_a_warm_peak_that_moves_with_the_peak_is_one_finding() -> None:
    peak, warm, retained = change("peak"), change("warm_peak"), change("retained")
    assert fold_warm_peaks([peak, warm, retained]) == (replace(peak, also=("warm_peak",)), retained)


def test_a_warm_peak_that_moves_by_another_amount_stays() -> None:
    peak, warm = change("peak"), replace(change("warm_peak"), after=1000)
    assert fold_warm_peaks([peak, warm]) == (peak, warm)


def test_a_warm_peak_that_moves_alone_or_the_other_way_stays() -> None:
    warm = change("warm_peak")
    down = replace(change("peak"), after=0, verdict="improved")
    assert fold_warm_peaks([warm]) == (warm,)
    assert fold_warm_peaks([down, warm]) == (down, warm)


# --- what stands beside the lines ------------------------------------------------------------------------


def lines(*sizes: int) -> Profile:
    """Return a profile with these sizes at lines 1, 2, ..."""
    return Profile(lines=tuple(stat(line, size) for line, size in enumerate(sizes, start=1)))


def module(name: str, size: int, *, line: int = 1) -> ModuleCost:
    return ModuleCost(name=name, origin="stdlib", path="a.py", line=line, size=size)


@pytest.mark.parametrize("metric", ["peak", "warm_peak"])
def test_peaks_are_blamed_on_the_lines_of_the_peak_where_both_sides_know_them(metric: str) -> None:
    before = CommitProfiles(alive=lines(1, 5), peak=lines(10))
    found = change(metric, before=before, after=CommitProfiles(alive=lines(2, 6), peak=lines(10, 230)))
    assert [(line.line, line.bytes) for line in found.blame] == [(2, 230)]
    assert found.explained == (0.8 if metric == "peak" else None)
    plain = change(metric, before=before, after=CommitProfiles(alive=lines(2, 60)))
    assert [(line.line, line.bytes) for line in plain.blame] == [(2, 55), (1, 1)]
    assert plain.explained is None


def test_lines_never_explain_more_than_the_whole_peak() -> None:
    assert change("peak", before=CommitProfiles(peak=lines(10)), after=CommitProfiles(peak=lines(301))).explained == 1.0


def test_imports_are_blamed_on_lines_where_both_sides_know_them_and_on_modules() -> None:
    before = Profile(lines=(stat(1, 10),), modules=(module("gone", 9), module("json", 50), module("same", 7)))
    after = Profile(lines=(stat(1, 80),), modules=(module("json", 90, line=2), module("new", 4), module("same", 7)))
    found = change("import", before=CommitProfiles(imports=before), after=CommitProfiles(imports=after))
    assert found.blame == (replace(blamed(80), bytes=70, count=0, status="grown", blocks=1),)
    assert found.modules == (
        ModuleChange(module=module("json", 40, line=2), before=50, after=90),
        ModuleChange(module=module("gone", -9), before=9, after=0),
        ModuleChange(module=module("new", 4), before=0, after=4),
    )
    assert found.types == ()
    plain = change(
        "import", before=CommitProfiles(imports=replace(before, lines=())), after=CommitProfiles(imports=after)
    )
    assert plain.blame == ()
    assert plain.elsewhere == 200
    assert plain.modules == found.modules
    assert change("peak", before=CommitProfiles(imports=before), after=CommitProfiles(imports=after)).modules == ()


def test_all_modules_that_differ_by_more_than_next_to_nothing_are_named() -> None:
    def names(*sizes: int) -> list[str]:
        modules = tuple(module(f"m{number}", size) for number, size in enumerate(sizes))
        return [row.module.name for row in module_changes((Profile(), Profile(modules=modules)))]

    assert names(*[50] * 40) == sorted(f"m{number}" for number in range(40))
    assert names(98_000, 900, 100, 97) == ["m0", "m1", "m2"]  # of a total of 99,097
    assert names(9_000_000, 1024, 1023) == ["m0", "m1"]
    assert len(names(*[50] * 400)) == 100


def test_a_library_that_another_import_loads_now_is_not_blamed() -> None:
    one, two = stat(1, 0), stat(2, 10)
    before = Profile(lines=(two, replace(two, size=90, library="re")))
    after = Profile(lines=(replace(one, size=60, library="html"), replace(one, size=90, library="re"), two))
    found = change("import", before=CommitProfiles(imports=before), after=CommitProfiles(imports=after))
    assert [(line.line, line.library, line.bytes) for line in found.blame] == [(1, "html", 60)]
    assert (
        change("peak", before=CommitProfiles(alive=before), after=CommitProfiles(alive=after)).blame[0].library == "re"
    )


def test_a_leak_in_a_library_is_blamed_on_the_line_that_called_it_and_shows_what_survives() -> None:
    path = "<stdlib>/functools.py"
    frames = (
        Frame(path="a.py", line=1, function="f", source="line 1"),
        Frame(path=path, line=9, function="w", source=""),
    )
    survivor = Survivor(path=path, line=9, name="Row", text="<Row 1>")
    holders = (Holder(path="b.py", line=3, text="list ROWS"),)
    after = CommitProfiles(
        retained=Profile(lines=(stat(1, 40),), stacks=(Stack(size=40, count=1, frames=frames),)),
        leak=Profile(
            lines=(stat(9, 900, path=path, count=100),),
            survivors=(survivor,),
            holders=(HolderChain(path=path, line=9, count=1, holders=holders),),
        ),
        leak_calls=100,
    )
    found = change("growth", after=after)
    assert found.blame == (replace(blamed(9), library="functools"),)
    assert found.survivors == (survivor,)
    assert found.holders == (BlamedHolder(path="b.py", line=3, text="list ROWS", changed_here=False),)
    assert found.stack == after.retained.stacks[0]
    retained = change("retained", after=after)
    assert (retained.survivors, retained.holders) == ((), ())
    assert after.paths == {"a.py", "b.py", path}


def test_holders_are_those_of_the_side_that_has_more() -> None:
    chains = [
        HolderChain(path="a.py", line=line, count=1, holders=(Holder(path="a.py", line=line, text="list ROWS"),))
        for line in (1, 2)
    ]
    less = CommitProfiles(retained=Profile(lines=(stat(1, 50),), holders=tuple(chains)))
    more = CommitProfiles(retained=Profile(lines=(stat(2, 90),), holders=tuple(chains)))
    (grown,) = change("retained", before=less, after=more).holders
    (fallen,) = change("retained", before=more, after=less, rise=-40).holders
    assert (grown.line, fallen.line) == (2, 2)


def rows(count: int, name: str = "Row", *, line: int = 1) -> LineInstances:
    return LineInstances(path="a.py", line=line, name=name, count=count)


def test_the_types_that_grew_most_are_summed_over_the_lines() -> None:
    before = CommitProfiles(alive=Profile(types=(rows(5), rows(2, line=2), rows(9, "Cell"))))
    after = CommitProfiles(alive=Profile(types=(rows(9), rows(3, line=4), rows(8, "Cell"), rows(1, "New"))))
    assert change("result", before=before, after=after).types == (
        TypeCount(name="Row", before=7, after=12),
        TypeCount(name="New", before=0, after=1),
    )


def test_without_types_by_line_those_that_the_first_call_made_stand_in() -> None:
    before = CommitProfiles(
        types=(TypeCount(name="Row", before=100, after=110), TypeCount(name="Cell", before=5, after=9))
    )
    after = CommitProfiles(
        types=(TypeCount(name="Row", before=300, after=350), TypeCount(name="Cell", before=5, after=9))
    )
    assert change("peak", before=before, after=after).types == (TypeCount(name="Row", before=10, after=50),)


def test_a_side_knows_its_files_and_its_depth() -> None:
    frames = (Frame(path="b.py", line=1, function="f", source=""),)
    deep = CommitProfiles(retained=Profile(stacks=(Stack(size=1, count=1, frames=frames),)), leak=lines(5))
    assert (deep.paths, deep.plain) == (frozenset({"a.py", "b.py"}), False)
    assert (CommitProfiles(alive=lines(5)).plain, CommitProfiles().plain, CommitProfiles().paths) == (
        True,
        False,
        frozenset(),
    )


# --- drifts ----------------------------------------------------------------------------------------------


def stretch(before: CommitProfiles, after: CommitProfiles) -> Stretch:
    return Stretch(before=before, after=after, edits=Edits(), back=Edits(), onward=Edits())


def held(line: int, size: int) -> Stack:
    return Stack(size=size, count=1, frames=(Frame(path="a.py", line=line, function="f", source=f"line {line}"),))


def drift(metric: str, *quiet: tuple[CommitProfiles, CommitProfiles]) -> Change:
    """Return the drift from the first of these sides to the last, from 100 to 300 without the steps between."""
    series = Series(key=SUBJECT, metric=metric, points=tuple(Point(commit=c, values=(n,)) for c, n in DRIFTING))
    step = Step(good=0, bad=2, before=100, after=300, confidence="range", kind="drift")
    stretches = [stretch(*sides) for sides in quiet]
    ends = (quiet[0][0], quiet[-1][1]) if quiet else (CommitProfiles(), CommitProfiles())
    return make_change(series, step, *ends, Edits(), between=2, stretches=stretches)


DRIFTING = tuple(zip(COMMITS, (100, 5000, 5200), strict=True))


def test_a_drift_is_blamed_on_what_its_quiet_stretches_gained() -> None:
    sides = [
        CommitProfiles(
            alive=replace(lines(50, 10), types=(rows(5), rows(1, "Cell", line=2)), stacks=(held(1, 50), held(2, 10)))
        ),
        CommitProfiles(alive=replace(lines(170, 10), types=(rows(6), rows(1, "Cell", line=2)))),
        CommitProfiles(alive=replace(lines(170, 4910), types=(rows(6), rows(900, "Cell", line=2)))),
        CommitProfiles(
            alive=replace(
                lines(255, 4910), types=(rows(8), rows(900, "Cell", line=2)), stacks=(held(1, 255), held(2, 4910))
            )
        ),
    ]
    found = drift("peak", (sides[0], sides[1]), (sides[2], sides[3]))
    assert [(line.line, line.bytes, line.size, line.types) for line in found.blame] == [
        (1, 205, 255, (TypeCount(name="Row", before=5, after=8),))
    ]
    assert found.elsewhere == -5
    assert found.types == (TypeCount(name="Row", before=5, after=8),)
    assert found.stack == held(1, 255)


def test_the_stack_of_a_step_says_nothing_of_a_drift() -> None:
    first, last = lines(50, 10), lines(255, 4910)
    deep = replace(last, stacks=(held(2, 4910),))
    quiet = (CommitProfiles(alive=first), CommitProfiles(alive=replace(last, lines=lines(50, 10).lines)))
    assert drift("peak", quiet, (CommitProfiles(alive=lines(50, 4910)), CommitProfiles(alive=deep))).stack is None
    assert change("peak", before=CommitProfiles(alive=first), after=CommitProfiles(alive=deep)).stack == held(2, 4910)


def test_lines_explain_the_peak_that_was_measured_at_the_end_of_a_drift() -> None:
    quiet = (
        (CommitProfiles(peak=lines(50)), CommitProfiles(peak=lines(150))),
        (CommitProfiles(peak=lines(4900)), CommitProfiles(peak=lines(2600))),
    )
    assert drift("peak", *quiet).explained == 0.5


def test_the_modules_of_a_drift_are_those_of_its_quiet_stretches() -> None:
    sides = [
        CommitProfiles(imports=Profile(modules=modules))
        for modules in (
            (module("json", 50), module("gone", 9)),
            (module("json", 60), module("gone", 9)),
            (module("json", 60), module("html", 5000)),
            (module("json", 75, line=2), module("html", 5000), module("new", 4)),
        )
    ]
    assert drift("import", (sides[0], sides[1]), (sides[2], sides[3])).modules == (
        ModuleChange(module=module("json", 25, line=2), before=50, after=75),
        ModuleChange(module=module("new", 4), before=0, after=4),
    )


def test_a_drift_without_a_quiet_stretch_is_elsewhere() -> None:
    found = drift("peak")
    assert (found.blame, found.elsewhere, found.types) == ((), 200, ())


# --- lines that came back --------------------------------------------------------------------------------


def test_same_lines_differ_by_no_more_than_the_tolerance() -> None:
    one, other = CommitProfiles(alive=lines(100, 50)), CommitProfiles(alive=lines(110, 40))
    assert same_lines("peak", one, other, Edits(), 10)
    assert not same_lines("peak", one, other, Edits(), 9)
    assert same_lines("rss_peak", one, other, Edits(), 0)


def test_of_imports_without_lines_the_modules_are_compared() -> None:
    one = CommitProfiles(imports=Profile(modules=(module("json", 50),)))
    other = CommitProfiles(imports=Profile(modules=(module("json", 60),)))
    assert same_lines("import", one, other, Edits(), 10)
    assert not same_lines("import", one, other, Edits(), 9)


@pytest.mark.parametrize(
    ("metric", "missing", "alike"),
    [
        ("peak", "alive", False),
        ("peak", "retained", True),
        ("warm_peak", "alive", False),
        ("result", "alive", False),
        ("result", "retained", False),
        ("retained", "retained", False),
        ("retained", "alive", True),
        ("growth", "leak", False),
        ("growth", "alive", True),
        ("import", "import", False),
        ("import", "alive", True),
        ("rss_peak", "alive", True),
    ],
)
def test_lines_that_are_not_known_are_not_the_same(metric: str, missing: str, alike: bool) -> None:
    lost = CommitProfiles(missing=frozenset({missing}))
    assert same_lines(metric, lost, CommitProfiles(), Edits(), 10) is alike
    assert same_lines(metric, CommitProfiles(), lost, Edits(), 10) is alike
    assert same_lines(metric, CommitProfiles(), CommitProfiles(), Edits(), 10)  # profiles without a line are the same


def test_the_lines_of_the_peak_stand_for_those_of_the_end() -> None:
    lost = CommitProfiles(peak=lines(100), missing=frozenset({"alive"}))
    assert same_lines("peak", lost, lost, Edits(), 10)
    assert not same_lines("peak", lost, CommitProfiles(alive=lines(100)), Edits(), 1000)


@pytest.mark.parametrize(
    ("metric", "alive", "retained", "fall", "verdict"),
    [
        ("result", 9000, 9000, -9000, "moved"),
        ("result", 9000 - 2047, 9000 - 2047, -9000, "moved"),  # less is freed than counts
        ("result", 9000 - 2048, 9000 - 2048, -9000, "improved"),
        ("result", 0, 0, -9000, "improved"),
        ("retained", 9000, 9000, -9000, "improved"),
        ("result", 9000, 9000, 9000, "regressed"),
    ],
)
def test_a_result_that_something_else_keeps_alive_now_is_moved(
    metric: str, alive: int, retained: int, fall: int, verdict: str
) -> None:
    """What another line allocates more does not make up for what is freed."""
    chain = HolderChain(path="a.py", line=5, count=1, holders=(Holder(path="a.py", line=1, text="list KEPT"),))
    before = CommitProfiles(alive=Profile(lines=(stat(5, 9000), stat(7, 100))))
    after = CommitProfiles(
        alive=Profile(lines=(stat(5, alive), stat(7, 50_000))),
        retained=Profile(lines=(stat(5, retained),), holders=(chain,)),
    )
    found = change(metric, before=before, after=after, rise=fall)
    assert found.verdict == verdict
    held = (BlamedHolder(path="a.py", line=1, text="list KEPT", changed_here=True),)
    assert (found.holders == held) == (verdict == "moved" or (metric, fall) == ("retained", 9000))


def test_without_lines_a_fall_of_the_result_is_an_improvement() -> None:
    assert change("result", rise=-9000).verdict == "improved"
