import pytest
from msgspec.structs import replace

from memharness.analyse.changes import Side, fold_warm_peaks, make_change
from memharness.analyse.edits import Edits
from memharness.analyse.series import Point, Series, Subject
from memharness.analyse.steps import Step
from memharness.findings import BlamedLine, Change, Confidence
from memharness.model import FileEdit, Hunk, Profile
from values import commit, stat

SUBJECT = Subject(case="waste", identity="one", probe=1, family="f", metrics=("peak",))
EDITS = Edits([FileEdit(before="a.py", after="a.py", hunks=(Hunk(before=0, removed=0, after=1, added=1),))])
COMMITS = (commit(0), commit(1), commit(2))


def change(
    metric: str, *, good: int = 0, bad: int = 1, before: Side | None = None, after: Side | None = None
) -> Change:
    series = Series(subject=SUBJECT, metric=metric, points=tuple(Point(commit=c, values=(1,)) for c in COMMITS))
    confidence: Confidence = "located" if bad == good + 1 else "range"
    step = Step(good=good, bad=bad, before=100, after=300, confidence=confidence)
    return make_change(series, step, before or Side(), after or Side(), EDITS, between=bad - good)


def blamed(size: int, *, count: int = 1) -> BlamedLine:
    return BlamedLine(
        path="a.py", line=1, function="f", source="line 1", size=size, bytes=size, count=count, changed_here=True
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
    after = Side(
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
