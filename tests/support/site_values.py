"""A small but complete site made by hand: what the pages are drawn from, and a folder that holds all of it."""

from pathlib import Path
from typing import Any

from msgspec.structs import replace

from memharness.model.environments import EnvironmentFacts
from memharness.model.findings import BlamedHolder, BlamedLine, Change, EnvironmentDifference
from memharness.model.history import Commit
from memharness.model.measurements import Frame, Profile, ProfileLine, Stack, Survivor, TypeCount
from memharness.model.metrics import METRICS
from memharness.site import render as pages
from memharness.site.values import (
    Allocations,
    CaseData,
    CaseName,
    CasePage,
    ChangeEntry,
    CommitData,
    CommitPage,
    EnvironmentUse,
    FailureAt,
    FailureStretch,
    Index,
    Leak,
    Mark,
    RunAt,
    Site,
    Stale,
    StatusPage,
    TrendData,
    TrendSummary,
)

HOSTILE = "</script><img src=x onerror=alert(1)> \u202e \x1b[31m\" ' \n&amp;"
FAMILY = "cpython-3.11.9-auto"
MACHINE = "linux-x86_64"
_PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="120">'
    '<rect width="300" height="120" fill="#0072b2"/></svg>'
)
COMMITS = 60
STEP = 40  # the commit that doubled the peak
BASE, RAISED = 1_200_000, 2_500_000


def frame(path: str, line: int, function: str, source: str) -> Frame:
    return Frame(path=path, line=line, function=function, source=source)


def stack_of(size: int, count: int, frames: tuple[Frame, ...]) -> Stack:
    return Stack(size=size, count=count, frames=frames)


def line_stat(place: Frame, size: int, count: int) -> ProfileLine:
    return ProfileLine(
        path=place.path, line=place.line, function=place.function, source=place.source, size=size, count=count
    )


def commit(index: int, **more: Any) -> Commit:
    fields = {
        "id": f"{index * 7919 + 0xABC000:010x}" + "d" * 30,
        "parents": (f"{(index - 1) * 7919 + 0xABC000:010x}" + "d" * 30,) if index else (),
        "author": "Ada <ada@example.org>",
        "time": 1_735_689_600 + index * 86_400,
        "subject": f"Change number {index}",
        "tags": {20: ("v1.0",), 45: ("v1.1",)}.get(index, ()),
    }
    return Commit(**(fields | more))


def history(number: int = COMMITS) -> list[Commit]:
    commits = [commit(index) for index in range(number)]
    if number > STEP:
        commits[STEP] = commit(STEP, subject=f"Keep all tokens {HOSTILE}")
    return commits


def subject(case: str = "parse[size=1000]", key: str = "parse-1000-a1b2", family: str = FAMILY) -> CaseName:
    return CaseName(id=key, case=case, family=family, machine=MACHINE)


def blamed(**more: Any) -> BlamedLine:
    fields: dict[str, Any] = {
        "path": "src/parser/tokens.py",
        "line": 41,
        "function": "Tokens.keep",
        "source": "self._all.append(token)",
        "size": 2_000_000,
        "bytes": 1_200_000,
        "count": 10_000,
        "changed_here": True,
    }
    return BlamedLine(**(fields | more))


def change(**more: Any) -> Change:
    commits = history()
    fields: dict[str, Any] = {
        "case": "parse[size=1000]",
        "metric": "peak",
        "family": FAMILY,
        "verdict": "regressed",
        "confidence": "confirmed",
        "commit": commits[STEP].id,
        "range": (commits[STEP - 1].id, commits[STEP].id),
        "between": 1,
        "before": BASE,
        "after": RAISED,
        "unit": "bytes",
    }
    return Change(**(fields | more))


def entry(key: str = "open-peak", status: Any = "open", at: int = STEP, **more: Any) -> ChangeEntry:
    commits = history()
    fields: dict[str, Any] = {
        "subject": subject(),
        "change": change(),
        "good": commits[at - 1],
        "bad": commits[at],
    }
    fields |= more
    fields["change"] = replace(fields["change"], range=(commits[at - 1].id, commits[at].id))
    return ChangeEntry(id=key, status=status, **fields)


def open_entry() -> ChangeEntry:
    caller = frame("src/parser/core.py", 12, "parse", "tokens = Tokens(text)")
    return entry(
        change=change(
            also=("warm_peak",),
            blame=(
                blamed(),
                blamed(
                    path="<stdlib>/json/decoder.py",
                    line=353,
                    function="raw_decode",
                    source="obj, end = scan(s)",
                    bytes=90_000,
                    count=12,
                    changed_here=False,
                    library="json",
                    caller=caller,
                    status="new",
                ),
                blamed(
                    path="src/a b#?.py",
                    line=3,
                    function=HOSTILE,
                    source=HOSTILE,
                    bytes=-5_000,
                    count=-1,
                    changed_here=False,
                    status="gone",
                ),
            ),
            elsewhere=15_000,
            types=(TypeCount(name="Token", before=10, after=10_010),),
            holders=(
                BlamedHolder(path="src/parser/tokens.py", line=9, text="lru_cache of Tokens", changed_here=True),
                BlamedHolder(
                    path="src/parser/tokens.py",
                    line=3,
                    text="dict SEEN",
                    changed_here=False,
                    filled=frame("src/parser/tokens.py", 41, "Tokens.keep", "SEEN[token] = self"),
                ),
                BlamedHolder(path="", line=0, text="module tokens", changed_here=False),
            ),
            stack=stack_of(1_100_000, 9_000, (frame("scenarios/parse.py", 9, "run", "return parse(text)"), caller)),
            explained=0.97,
        )
    )


def accepted_entry() -> ChangeEntry:
    moved = change(
        metric="retained", verdict="accepted", before=10_000, after=64_000, reason=f"the cache is wanted {HOSTILE}"
    )
    return entry("accepted-retained", "accepted", 15, change=moved)


def leak_entry() -> ChangeEntry:
    moved = change(
        metric="growth",
        before=0,
        after=184,
        unit="bytes per call",
        confidence="located",
        blame=(blamed(bytes=184, count=2),),
    )
    return entry("open-growth", "open", 50, change=moved)


def entries() -> list[ChangeEntry]:
    shrink = change(verdict="improved", before=1_500_000, after=BASE, blame=(blamed(bytes=-300_000, status="shrunk"),))
    doubt = change(metric="growth", confidence="suspected", before=0, after=24, unit="bytes per call")
    spike = change(verdict="transient", before=BASE, after=3_000_000, undone_by=history()[31].id)
    drift = change(
        metric="retained", verdict="drifting", before=64_000, after=70_000, drift=True, confidence="range", between=20
    )
    return [
        open_entry(),
        leak_entry(),
        accepted_entry(),
        entry("improved-peak", "improved", 8, change=shrink),
        entry("suspected-growth", "suspected", 55, change=doubt, subject=subject("render", "render-c3d4")),
        entry("transient-peak", "transient", 30, change=spike, undone_by=history()[31]),
        entry("drift-retained", "open", 44, change=drift),
    ]


def peak_values() -> list[int | None]:
    values: list[int | None] = [
        1_500_000 if index < 8 else BASE if index < STEP else RAISED for index in range(COMMITS)
    ]
    values[30] = 3_000_000
    values[24:27] = [None, None, None]
    values[33] = None
    return values


def spark_of(values: list[int | None]) -> tuple[tuple[int, int | None], ...]:
    return tuple(enumerate(values))


def mark(item: ChangeEntry, position: int) -> Mark:
    return Mark(
        position=position, before=item.change.before, after=item.change.after, status=item.status, entry=item.id
    )


def trend(metric: str = "peak", **more: Any) -> TrendSummary:
    fields: dict[str, Any] = {
        "subject": subject(),
        "metric": metric,
        "unit": "bytes",
        "title": "peak of the first call",
        "metric_class": "exact",
        "spark": spark_of(peak_values()),
        "marks": (mark(entries()[3], 8), mark(entries()[5], 30), mark(open_entry(), STEP)),
        "now": RAISED,
        "low": RAISED,
        "high": RAISED,
        "at_tag": BASE,
        "limit": 2 << 20,
        "over_limit": True,
        "age": 0,
        "failed_now": False,
        "last": open_entry(),
    }
    return TrendSummary(**(fields | more))


def steady(case: str, key: str, metric: str = "peak", value: int | None = 300_000, **more: Any) -> TrendSummary:
    known = () if value is None else tuple((index, value) for index in (0, COMMITS - 1))
    fields = {
        "subject": subject(case, key),
        "spark": known,
        "marks": (),
        "now": value,
        "low": value,
        "high": value,
        "at_tag": value,
        "limit": None,
        "over_limit": False,
        "last": None,
    }
    return trend(metric, **(fields | more))


def rows() -> tuple[TrendSummary, ...]:
    growth = trend(
        "growth",
        unit="bytes per call",
        title="leaked by every call",
        now=184,
        low=184,
        high=184,
        at_tag=0,
        limit=0,
        spark=tuple((i, 0 if i < 50 else 184) for i in range(COMMITS)),
        marks=(mark(leak_entry(), 50),),
        last=leak_entry(),
    )
    kept = trend(
        "retained",
        title="kept after the first call",
        now=64_000,
        low=63_990,
        high=64_020,
        at_tag=64_000,
        limit=None,
        over_limit=False,
        metric_class="near",
        spark=tuple((i, 10_000 if i < 15 else 64_000) for i in range(COMMITS)),
        marks=(mark(accepted_entry(), 15),),
        last=accepted_entry(),
    )
    objects = steady(
        "parse[size=1000]",
        "parse-1000-a1b2",
        "gc_objects",
        120,
        unit="objects",
        title="tracked objects gained",
        judged=False,
    )
    return trend(), growth, kept, objects


def site(**more: Any) -> Site:
    commits = history()
    fields: dict[str, Any] = {
        "project": "parsekit",
        "first": commits[0],
        "newest": commits[-1],
        "commits": len(commits),
        "tag": "v1.1",
        "line_link": "https://forge.example/parsekit/blob/{commit}/{path}#L{line}",
        "commit_link": "https://forge.example/parsekit/commit/{commit}",
        "url": "https://parsekit.example/memory",
        "pages": frozenset(item.id for item in commits if item.id != commits[5].id),
    }
    return Site(**(fields | more))


def failure() -> FailureAt:
    return FailureAt(
        subject=subject("export", "export-e5f6"),
        commit=history()[-1],
        phase="run",
        reason=f"ValueError: no such format {HOSTILE}",
        exit_code=1,
        output=("exporting 3 files", f"warning: {HOSTILE}"),
        frames=(
            frame("scenarios/export.py", 7, "run", "export(doc)"),
            frame("src/parser/export.py", 88, "export", "raise ValueError(kind)"),
        ),
    )


def index() -> Index:
    doubt = entries()[4]
    more = (
        steady("render", "render-c3d4", "peak", 40_000, age=3),
        steady(
            "render",
            "render-c3d4",
            "growth",
            24,
            unit="bytes per call",
            title="leaked by every call",
            at_tag=0,
            last=doubt,
            marks=(mark(doubt, 55),),
        ),
        steady("export", "export-e5f6", "peak", 900_000, failed_now=True, age=1),
        steady("tiny", "tiny-0102", "peak", 12),
        steady("unknown", "unknown-0304", "peak", None, at_tag=None, age=None),
        steady(f"odd[text={HOSTILE!r}]", "odd-0506", "peak", 5_000_000),
    )
    return Index(open=(open_entry(), leak_entry(), entries()[6]), rows=rows() + more, failing=(failure(),))


def crowded_index(cases: int = 200) -> tuple[Site, Index]:
    """Return an index of so many cases with every metric, over 5,000 commits."""
    crowd = [
        trend(
            name,
            unit=metric.unit,
            subject=subject(f"case_{case}[size={case * 7919 % 1000}]", f"case-{case}"),
            spark=tuple((at * 50, 100_000 + (case + at) * 7919 % 977 * 100) for at in range(100)),
            now=100_000 + case * 7919 % 977 * 100,
        )
        for case in range(cases)
        for name, metric in METRICS.items()
    ]
    return site(commits=5_000), Index(open=index().open, rows=tuple(crowd), failing=())


def case_page() -> CasePage:
    commits = history()
    stretch = FailureStretch(
        first=commits[33], last=commits[33], number=1, phase="import", reason=f"ImportError: {HOSTILE}"
    )
    return CasePage(
        subject=subject(),
        summary="Parse a large document.",
        rows=rows(),
        entries=(entries()[3], accepted_entry(), entries()[5], open_entry(), entries()[6], leak_entry()),
        failures=(stretch,),
        unmeasured=3,
        siblings=(subject(), subject(key="parse-1000-b2c3", family="cpython-3.13.1-auto")),
        reproduce=("memharness run --last 1 -k 'parse and size=1000'", "memharness show -k parse"),
        sizes=tuple(20_000 + 184 * call for call in range(31)),
        notes=(f"reads the network {HOSTILE}",),
        pictures=("peak", "retained"),
    )


def case_data() -> CaseData:
    growth: list[int | None] = [0 if index < 50 else 184 for index in range(COMMITS)]
    trends = [
        TrendData(
            metric="peak",
            unit="bytes",
            title="peak of the first call",
            values=tuple(peak_values()),
            limit=2 << 20,
            band=((50, RAISED - 30_000, RAISED + 40_000),),
            marks=trend().marks,
        ),
        TrendData(
            metric="growth",
            unit="bytes per call",
            title="leaked by every call",
            values=tuple(growth),
            band=(),
            limit=0,
            marks=(mark(leak_entry(), 50),),
        ),
        TrendData(
            metric="retained",
            unit="bytes",
            title="kept after the first call",
            band=(),
            limit=None,
            values=((10_000, 15), (64_000, COMMITS - 15)),
            marks=(mark(accepted_entry(), 15),),
        ),
        TrendData(
            metric="gc_objects",
            unit="objects",
            title="tracked objects gained",
            band=(),
            limit=None,
            values=((120, COMMITS),),
            marks=(),
        ),
    ]
    return CaseData(subject=subject(), trends=tuple(trends), failures=((33, f"import: {HOSTILE}"),))


def profiles() -> tuple[Profile, Profile]:
    run = frame("scenarios/parse.py", 9, "run", "return parse(text)")
    old, new = (frame("src/parser/core.py", line, "parse", "tokens = Tokens(text)") for line in (10, 12))
    keep = frame("src/parser/tokens.py", 41, "Tokens.keep", "self._all.append(token)")
    moved, text = (frame("src/parser/core.py", line, "parse", "text = text.strip()") for line in (11, 14))
    odd = frame("src/a b#?.py", 3, HOSTILE, HOSTILE)
    before = Profile(
        lines=(line_stat(keep, 800_000, 9_000), line_stat(moved, 390_000, 1), line_stat(odd, 5_000, 1)),
        stacks=(
            stack_of(800_000, 9_000, (run, old, keep)),
            stack_of(390_000, 1, (run, moved)),
            stack_of(5_000, 1, (run, odd)),
        ),
    )
    after = Profile(
        lines=(line_stat(keep, 2_000_000, 19_000), line_stat(text, 390_000, 1)),
        stacks=(stack_of(2_000_000, 19_000, (run, new, keep)), stack_of(390_000, 1, (run, text))),
    )
    return before, after


def allocations() -> Allocations:
    before, after = profiles()
    old = {line.source: line.size for line in before.lines}
    lines = [(line, line.size, line.size - old.get(line.source, 0)) for line in after.lines]
    return Allocations(entry=open_entry(), kind="peak", before=before, after=after, lines=tuple(lines))


def commit_page(at: int = STEP) -> CommitPage:
    commits = history()
    gone = EnvironmentDifference(family=FAMILY, name="lark", before="1.1.9", after=None)
    moved = [item for item in entries() if item.bad.id == commits[at].id]
    return CommitPage(
        commit=commits[at],
        older=commits[at - 1] if at else None,
        newer=commits[at + 1] if at + 1 < len(commits) else None,
        measured=4,
        reused=1,
        entries=tuple(moved),
        allocations=(allocations(),) if at == STEP else (),
        failures=(failure(),) if at == len(commits) - 1 else (),
        environments=(gone,) if at == STEP else (),
    )


def commit_data(at: int) -> CommitData:
    value, growth = peak_values()[at], 0 if at < 50 else 184
    peak = {} if value is None else {"peak": value}
    held = {subject().id: {"peak+": f"profile{int(at >= STEP)}"}} if at in {STEP - 1, STEP} else {}
    values = {
        subject().id: {**peak, "growth": growth},
        "render-c3d4": {"peak": 40_000},
        "tiny-0102": {"peak": 12 if at < STEP else 24},
    }
    failed = {subject().id: f"import: {HOSTILE}"} if at == 33 else {}
    return CommitData(id=history()[at].id, values=values, failed=failed, profiles=held)


def leaks() -> list[Leak]:
    kept = Profile(
        lines=(line_stat(frame("src/parser/tokens.py", 41, "Tokens.keep", "self._all.append(token)"), 5_888, 64),),
        survivors=(Survivor(path="src/parser/tokens.py", line=41, name="Token", text=f"<Token {HOSTILE}>"),),
    )
    return [
        Leak(
            row=rows()[1],
            measured=history()[-1],
            since=leak_entry(),
            profile=kept,
            sizes=tuple(20_000 + 184 * n for n in range(31)),
            calls=32,
        )
    ]


def status() -> StatusPage:
    commits = history()
    facts = EnvironmentFacts(
        family=FAMILY,
        python="3.11.9",
        implementation="cpython",
        install="auto",
        packages={"lark": "1.1.9", "regex": "2024.1"},
    )
    runs = tuple(
        RunAt(commit=commits[at], machine=MACHINE, family=FAMILY, measured=4, reused=at % 3, failed=int(at == 59))
        for at in (59, 58, 57)
    )
    return StatusPage(
        runs=runs,
        causes=(("run", f"ValueError {HOSTILE}", 3, failure()),),
        stale=(Stale(subject=subject("render", "render-c3d4"), measured=commits[56], age=3),),
        environments=(EnvironmentUse(machine=MACHINE, facts=facts, commits=60, first=commits[0], last=commits[-1]),),
    )


def names() -> list[CaseName]:
    return list({row.subject.id: row.subject for row in index().rows}.values())


def assets() -> dict[str, bytes]:
    return {name: draw() for name, draw in pages.assets().items()}


def site_files() -> dict[str, bytes]:
    """Return every file of the site by its path, in the layout that the pages link to."""
    here, commits = site(), history()
    files: dict[str, str | bytes] = {
        "index.html": pages.render_index(here, index()),
        "changes.html": pages.render_changes(here, entries()),
        "leaks.html": pages.render_leaks(here, leaks()),
        "status.html": pages.render_status(here, status()),
        "compare.html": pages.render_compare(here, names()),
        "changes.atom": pages.render_feed(here, entries()),
        f"scenario/{subject().id}.html": pages.render_case(here, case_page()),
        f"picture/{subject().id}-peak.svg": _PICTURE,
        f"picture/{subject().id}-retained.svg": _PICTURE,
        "data/history.js": pages.history_script(commits, here.pages),
        f"data/scenario/{subject().id}.js": pages.case_script(case_data()),
        "data/profile/profile0.js": pages.profile_script("profile0", profiles()[0]),
        "data/profile/profile1.js": pages.profile_script("profile1", profiles()[1]),
    }
    for at, item in enumerate(commits):
        if item.id in here.pages:
            files[f"commit/{item.id}.html"] = pages.render_commit(here, commit_page(at))
            files[f"data/commit/{item.id}.js"] = pages.commit_script(commit_data(at))
    named = {path: content.encode() if isinstance(content, str) else content for path, content in files.items()}
    return named | {f"assets/{name}": content for name, content in assets().items()}


def write_site(folder: Path) -> Path:
    """Write the whole site into a folder and return it."""
    for path, content in site_files().items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder
