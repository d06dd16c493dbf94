"""The pages of the site as text: what they say, where they link to, and that nothing foreign gets through."""

import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from jinja2 import UndefinedError
from msgspec.structs import replace

import site_values as values
from memharness.model.findings import BlamedHolder
from memharness.model.history import Commit
from memharness.model.measurements import Frame, Holder, HolderChain, Profile, Survivor
from memharness.site import render as pages
from memharness.site.render.icicle import difference_icicle, icicle
from memharness.site.render.links import PageLinks
from memharness.site.render.sparks import size_steps, spark
from memharness.site.render.templating import render
from memharness.site.render.words import date_text, entry_label, folded, iso_time, row_labels, uncertainty_text
from memharness.site.timelines import SPARK_POINTS, reduced
from memharness.site.values import Index, Mark, TrendSummary
from memharness.wording.text import value_text

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'none'"
)
TOLD = r"""</script><img src=x onerror=alert(1)> \u202e \x1b[31m" ' \n&amp;"""  # the hostile text, made visible


class Outline(HTMLParser):
    """Every tag with its attributes, and all of the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.text += " " if tag in {"td", "th", "code", "li"} else ""  # what a page sets apart

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def rendered() -> dict[str, str]:
    return {path: content.decode() for path, content in values.site_files().items() if path.endswith(".html")}


def page_of(**more: Any) -> str:
    return pages.render_index(values.site(**more), values.index())


def squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def between(page: str, start: str, end: str) -> str:
    return squeezed(start + page.partition(start)[2].partition(end)[0] + end)


# --- what every page has -------------------------------------------------------------------------------------


def test_foreign_text_is_text_and_visible_on_every_page(rendered: dict[str, str]) -> None:
    for path, page in rendered.items():
        outline = Outline(page)
        assert not [tag for tag, found in outline.tags if tag == "img" and found.get("src") == "x"], path
        assert not [name for _, found in outline.tags for name in found if name.startswith("on")], path
        assert "\u202e" not in page, path
        assert "\x1b" not in page, path
    for path in ("index.html", "changes.html", "leaks.html", "status.html", "scenario/parse-1000-a1b2.html"):
        assert TOLD in Outline(rendered[path]).text, path


def test_every_page_has_the_policy_and_no_script_of_its_own(rendered: dict[str, str]) -> None:
    for path, page in rendered.items():
        tags = Outline(page).tags
        policies = [found["content"] for _, found in tags if found.get("http-equiv") == "Content-Security-Policy"]
        assert policies == [POLICY], path
        assert all(found.get("src") for tag, found in tags if tag == "script"), path


def test_every_link_within_the_site_leads_to_a_file() -> None:
    files = values.site_files()
    made = {name.partition("/")[0] + "/" for name in files if name.startswith(("scenario/", "picture/"))}
    lost = set()
    for path, content in files.items():
        if not path.endswith(".html"):
            continue
        for _, found in Outline(content.decode()).tags:
            address = found.get("href") or found.get("src") or ""
            target = re.sub(r"[?#].*", "", address)
            if not target or target.startswith(("https://", "data:")):
                continue
            full = target.removeprefix("../") if target.startswith("../") or "/" not in path else f"?/{target}"
            if full not in files and not full.startswith(tuple(made)):
                lost.add((path, address))
    assert lost == set()


def test_a_value_that_a_template_lacks_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="groups"):
        render("changes.html", values.site())


# --- addresses -----------------------------------------------------------------------------------------------


def test_a_commit_leads_to_its_page_or_else_to_the_forge() -> None:
    first, other = values.history()[0], values.history()[5]
    links = PageLinks(values.site(), "../")
    assert links.commit(first) == f"../commit/{first.id}.html"
    assert links.commit(other) == f"https://forge.example/parsekit/commit/{other.id}"
    assert PageLinks(values.site(commit_link=None)).commit(other) is None
    assert links.compare(first, other) == f"../compare.html?a={first.short}&b={other.short}"


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("src/a.py", "src/a.py"),
        ("src/a b#?.py", "src/a%20b%23%3F.py"),
        ("a/{line}\n\u202e.py", "a/%7Bline%7D%0A%E2%80%AE.py"),
        ("<stdlib>/json/decoder.py", None),
        ("/usr/lib/x.py", None),
        ("a/../../b.py", None),
        ("", None),
    ],
)
def test_a_line_leads_to_the_forge(path: str, address: str | None) -> None:
    commit = values.history()[0]
    expected = address and f"https://forge.example/parsekit/blob/{commit.id}/{address}#L7"
    assert PageLinks(values.site()).line(commit, path, 7) == expected


@pytest.mark.parametrize("pattern", ["javascript:alert('{commit}')", "data:text/html,{path}", "//x/{commit}", None])
def test_only_web_addresses_are_followed(pattern: str | None) -> None:
    site = values.site(line_link=pattern, commit_link=pattern)
    assert PageLinks(site).line(values.history()[0], "a.py", 1) is None
    assert PageLinks(site).forge(values.history()[0]) is None


# --- words ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, ["over its limit", "regressed, open"]),
        ({"over_limit": False, "failed_now": True}, ["failed", "regressed, open"]),
        ({"over_limit": False, "marks": (), "last": None}, ["steady"]),
        ({"over_limit": False, "marks": (), "last": None, "judged": False}, ["not judged"]),
        ({"over_limit": False, "marks": (), "last": None, "now": None}, ["not measured"]),
        ({"over_limit": False, "marks": (), "last": values.accepted_entry()}, ["accepted"]),
        ({"over_limit": False, "marks": (), "last": values.entries()[6]}, ["drifting, open"]),
        ({"over_limit": False, "last": values.accepted_entry()}, ["regressed, open"]),  # an older one is still open
    ],
)
def test_a_trend_has_the_labels_that_matter(more: dict[str, Any], words: list[str]) -> None:
    assert [label.word for label in row_labels(values.trend(**more))] == words


def test_statuses_differ_in_sign_and_word_not_in_colour_alone() -> None:
    labels = [
        entry_label(values.entry(status=status))
        for status in ("open", "suspected", "accepted", "fixed", "transient", "improved", "moved")
    ]
    assert len({label.sign for label in labels}) == len({label.word for label in labels}) == 7


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({}, "confirmed"),
        ({"confidence": "located"}, "located: measured once"),
        ({"confidence": "range", "between": 3}, "one of 3 commits"),
        ({"confidence": "suspected", "metric": "growth"}, "suspected: may still be a cache that fills up"),
    ],
)
def test_doubt_is_told(more: dict[str, Any], text: str) -> None:
    assert uncertainty_text(values.entry(change=values.change(**more))) == text


@pytest.mark.parametrize("time", [10**18, -(10**18)])
def test_a_time_that_is_none_is_no_date(time: int) -> None:
    assert date_text(values.commit(0, time=time)) == "no date"
    assert iso_time(values.commit(0, time=time)) == "1970-01-01T00:00:00Z"


# --- drawings ------------------------------------------------------------------------------------------------


def sparked(*points: tuple[int, int | None], marks: tuple[Mark, ...] = ()) -> TrendSummary:
    return values.trend(spark=points, marks=marks)


def test_a_spark_breaks_where_nothing_is_known_and_ticks_each_change() -> None:
    mark = Mark(position=10, before=0, after=100, status="open", entry="x")
    drawn = spark(sparked((0, 0), (9, 0), (10, 100), (11, None), (12, 100), marks=(mark,)), 13)
    assert str(drawn) == (
        '<svg class="spark" viewBox="-2 0 124 24" role="img" aria-label="peak from 0 B to 100 B">'
        '<path d="M0 22L90 22 100 5M120 5h1"/><path class="open" d="M97 0h6l-3 5z"/></svg>'
    )


def test_a_long_spark_stays_short_and_keeps_its_spike() -> None:
    noisy = [1000 + index * 7919 % 1000 for index in range(100)]
    for own in ([1_000_000 + value + 10**7 * (index == 70) for index, value in enumerate(noisy)], noisy):
        path = re.search(r'd="(M[^"]*)"', spark(sparked(*reduced(np.array(own, np.int64), SPARK_POINTS)), 100))
        assert path is not None
        places = re.findall(r"(\d+) (\d+)", path[1])
        assert ("85", "5") in places or own == noisy
        assert len(places) <= 60
    assert len(places) > 40  # of the noisy one


def test_small_noise_is_no_cliff() -> None:
    drawn = spark(sparked((0, 1_000_000), (1, 1_000_100)), 2)
    assert 'd="M0 14L120 13"' in drawn


def test_an_icicle_sums_what_lies_below_a_frame() -> None:
    _, after = values.profiles()
    drawn = Outline(icicle(after))
    rects = [found for tag, found in drawn.tags if tag == "rect"]
    assert [(rect["x"], rect["width"], rect["y"]) for rect in rects] == [
        ("0.00%", "100.00%", "0"),
        ("0.00%", "100.00%", "19"),
        ("0.00%", "83.68%", "38"),
        ("0.00%", "83.68%", "57"),
        ("83.68%", "16.32%", "38"),
    ]
    assert "Tokens.keep\nsrc/parser/tokens.py:41\nself._all.append(token)\n1.91 MiB" in drawn.text
    assert icicle(Profile()) == ""


def test_a_caller_that_moved_is_no_difference() -> None:
    before, after = values.profiles()
    drawn = Outline(difference_icicle(before, after))
    assert "grew 1.14 MiB" in drawn.text
    assert "shrank 4.88 KiB" in drawn.text
    assert "text.strip" not in drawn.text
    assert "Tokens.keep\nsrc/parser/tokens.py\n1.14 MiB" in drawn.text  # lines of a function cancel: none is named
    assert difference_icicle(after, after) == ""


def test_stacks_that_a_profile_left_out_are_no_difference() -> None:
    _, after = values.profiles()
    keep, text = after.stacks
    small = values.stack_of(100_000, 1, (*keep.frames[:1], values.frame("src/x.py", 1, "small", "small()")))
    cut = Profile(lines=(values.line_stat(text.frames[-1], 2_500_000, 1),), stacks=(keep, text))  # knows 110,000 more
    whole = Profile(lines=cut.lines, stacks=(*after.stacks, small))
    assert "smaller stacks\n107.42 KiB" in Outline(icicle(cut)).text
    assert difference_icicle(cut, whole) == ""
    large = values.stack_of(400_000, 1, small.frames)
    assert (
        "grew 390.63 KiB" in Outline(difference_icicle(cut, Profile(lines=cut.lines, stacks=(keep, text, large)))).text
    )


def test_memory_by_call_is_told_at_powers_of_two() -> None:
    assert size_steps(range(5)) == [(1, 0), (2, 1), (4, 3), (5, 4)]
    assert size_steps((7,)) == [(1, 7)]
    assert size_steps(()) == []


# --- pages ---------------------------------------------------------------------------------------------------


def test_the_index_tells_what_is_open_first() -> None:
    commit = values.history()[values.STEP]
    entry = between(page_of(), '<li class="entry bad" id="open-peak">', "</li>")
    told = (
        "▲ regressed, open parse[size=1000] peak 1.14 MiB → 2.38 MiB +1.24 MiB +108.3% and warm_peak with it "
        "· confirmed "
        "cpython-3.11.9-auto · linux-x86_64 "
        "kept alive by lru_cache of Tokens at src/parser/tokens.py:9 changed here ← dict SEEN at "
        "src/parser/tokens.py:3 · filled from src/parser/tokens.py:41 Tokens.keep changed here ← module tokens "
        "+1.14 MiB src/parser/tokens.py:41 Tokens.keep changed here self._all.append(token)"
    )
    assert squeezed(Outline(entry).text).strip() == told
    head = between(page_of(), '<section class="group">', "<ul")
    assert squeezed(Outline(head).text).strip() == f"{commit.short} 2025-02-10 Keep all tokens {TOLD}"
    assert f'<a href="https://forge.example/parsekit/blob/{commit.id}/src/parser/tokens.py#L41">' in entry


def test_a_row_of_the_index() -> None:
    row = between(page_of(), '<tr data-m="growth" data-k="184,184,50,1,0" hidden>', "</tr>")
    commit = values.history()[50]
    assert row == squeezed(
        '<tr data-m="growth" data-k="184,184,50,1,0" hidden><th scope="row">'
        '<a href="scenario/parse-1000-a1b2.html?metric=growth">parse[size=1000]</a> <span class="metric">growth</span> '
        '<span class="where">cpython-3.11.9-auto · linux-x86_64</span></th> '
        '<td><svg class="spark" viewBox="-2 0 124 24" role="img" aria-label="growth from 0 B/call to 184 B/call">'
        '<path d="M0 22L100 22 102 5 120 5"/><path class="open" d="M99 0h6l-3 5z"/></svg></td> '
        '<td class="number">184 B/call</td> <td class="number">+184 B</td> '
        f'<td><span class="number">+184 B</span> <span class="commit"><a href="commit/{commit.id}.html">'
        f'<code>{commit.short}</code></a> <time datetime="2025-02-20T00:00:00Z">2025-02-20</time></span></td> '
        '<td><span class="label bad"><span aria-hidden="true">⊘</span> over its limit</span> '
        '<span class="label bad"><span aria-hidden="true">▲</span> regressed, open</span> </td> '
        '<td class="number">newest commit</td></tr>'
    )


def test_an_index_without_anything_says_so() -> None:
    text = Outline(pages.render_index(values.site(), Index(open=(), rows=(), failing=()))).text
    assert "No metric has a value yet. Run  memharness run." in text
    assert "No metric is above" not in text
    assert "chosen above" not in text


def test_many_open_regressions_are_folded() -> None:
    many = tuple(values.entry(f"e{number}") for number in range(25))
    page = pages.render_index(values.site(), Index(open=many, rows=(), failing=()))
    assert '<details class="wide"><summary>19 more changes of this cause</summary>' in page
    blamed = [values.blamed(line=number, bytes=values.RAISED - values.BASE) for number in range(25)]
    causes = [replace(one, change=values.change(blame=(line,))) for one, line in zip(many, blamed, strict=True)]
    page = pages.render_index(values.site(), Index(open=tuple(causes), rows=(), failing=()))
    assert "<details><summary>21 more findings of this commit</summary>" in page
    apart = tuple(replace(one, bad=values.history()[at]) for at, one in enumerate(many))
    assert "<details><summary>5 more commits with open regressions</summary>" in pages.render_index(
        values.site(), Index(open=apart, rows=(), failing=())
    )


def test_figures_never_round_to_a_false_claim() -> None:
    moved = values.change(before=1_000_000, after=1_000_400)
    page = pages.render_changes(values.site(), [values.entry(change=moved)])
    assert "976.56 KiB <span" in page
    assert ">+400 B</b>" in page
    assert ">+&lt;0.1%</span>" in page


def test_what_explains_several_changes_of_one_commit_is_told_once() -> None:
    found = values.open_entry()
    other = replace(found, id="other", change=replace(found.change, metric="result"))
    apart = replace(found, id="apart", change=replace(found.change, metric="import", blame=()))
    page = pages.render_commit(values.site(), replace(values.commit_page(), entries=(found, apart, other)))
    ids = re.findall(r'<article class="entry \S+" id="([^"]+)">|<details><summary>(Explained as above)</summary>', page)
    assert [first or second for first, second in ids] == [found.id, "other", "Explained as above", "apart"]
    assert page.count("</details>") == page.count("<details>")


def test_the_page_of_a_commit_tells_what_it_moved_and_by_which_line() -> None:
    page = pages.render_commit(values.site(), values.commit_page())
    text = squeezed(Outline(page).text)
    older = values.history()[values.STEP - 1]
    assert "What moved 1 ▲ regressed, open parse[size=1000] peak 1.14 MiB → 2.38 MiB +1.24 MiB +108.3%" in text
    assert "Lines that hold the difference; they explain 97 % of the peak" in text
    assert (
        "+87.89 KiB +12 src/parser/core.py:12 parse function changed here tokens = Tokens(text) "
        "allocated at <stdlib>/json/decoder.py:353 raw_decode in json · new obj, end = scan(s)"
    ) in text
    assert (
        "kept alive by lru_cache of Tokens at src/parser/tokens.py:9 changed here ← dict SEEN"
        " at src/parser/tokens.py:3 · filled from src/parser/tokens.py:41 Tokens.keep changed here ← module tokens"
    ) in text
    assert text.index("kept alive by") < text.index("Lines that hold the difference")
    assert "+14.65 KiB elsewhere" in text
    assert f'href="../compare.html?a={older.short}&amp;b={values.history()[values.STEP].short}"' in page
    assert "4 cases, 1 more by reference to another commit" in text
    assert "lark 1.1.9 absent" in text
    assert '<a href="https://forge.example/parsekit/blob/' + older.id + '/src/a%20b%23%3F.py#L3">' in page  # gone now


def test_the_page_of_a_failure_holds_reason_traceback_and_output() -> None:
    text = squeezed(Outline(pages.render_commit(values.site(), values.commit_page(59))).text)
    assert "✗ failed export in run ValueError: no such format" in text
    assert "src/parser/export.py:88 export raise ValueError(kind)" in text
    assert "Last lines of its output exporting 3 files" in text


def test_a_commit_without_neighbours() -> None:
    lone = values.commit(0, parents=(), tags=())
    page = pages.render_commit(values.site(pages=frozenset({lone.id})), values.commit_page(0))
    assert "older" not in between(page, '<nav class="neighbours"', "</nav>")


def test_the_page_of_a_subject_chooses_the_default_metric() -> None:
    page = pages.render_case(values.site(), values.case_page())
    chosen = [found for _, found in Outline(page).tags if found.get("aria-current") == "true"]
    assert [found["data-metric"] for found in chosen] == ["peak"]
    pictures = [found["src"] for tag, found in Outline(page).tags if tag == "img"]
    assert pictures == [f"../picture/parse-1000-a1b2-{metric}.svg" for metric in ("peak", "retained")]
    assert "62.49 KiB to 62.52 KiB" in page  # the spread of repeats
    only = values.case_page()
    text = pages.render_case(
        values.site(),
        type(only)(**{name: getattr(only, name) for name in only.__struct_fields__} | {"rows": only.rows[1:]}),
    )
    assert 'data-chosen="retained"' in text


@pytest.mark.parametrize(
    ("drift", "brief", "full"),
    [(False, "one of 11 commits", "One of 11 commits after"), (True, "over 11 commits", "Over the 11 commits after")],
)
def test_a_drift_is_over_its_commits_and_a_range_one_of_them(drift: bool, brief: str, full: str) -> None:
    change = replace(values.open_entry().change, commit=None, confidence="range", between=11, drift=drift)
    page = replace(values.case_page(), entries=(values.entry(change=change),))
    text = Outline(pages.render_case(values.site(), page)).text
    assert brief in text
    assert full in text


def test_an_open_change_tells_its_present_value_and_the_merge_it_came_with() -> None:
    merge = values.history()[5]
    entry = replace(values.open_entry(), merge=merge)
    change, rows = entry.change, values.index().rows
    for now, told in ((change.before + 1024, True), (change.after, False)):
        own = replace(rows[0], subject=entry.subject, metric=change.metric, now=now)
        page = pages.render_index(values.site(), Index(open=(entry,), rows=(own,), failing=()))
        text = Outline(between(page, 'id="open"', 'id="trends"')).text
        assert (f"now {value_text(now, change.unit)}" in text) == told
        assert re.search(rf"came with the merge\s+{merge.short}", text)


def test_an_accepted_leak_gives_its_reason_and_links_its_lines() -> None:
    (leak,) = values.leaks()
    since = leak.since
    assert since is not None
    accepted = replace(since, status="accepted", change=replace(since.change, verdict="accepted", reason="a cache"))
    row = replace(leak.row, age=3, over_limit=False, last=accepted, marks=())
    page = pages.render_leaks(values.site(), [replace(leak, row=row, since=accepted)])
    assert "accepted: a cache" in page
    assert '<article class="entry known">' in page
    address = PageLinks(values.site()).line(leak.measured, "src/parser/tokens.py", 41)
    assert address in [found.get("href") for _, found in Outline(page).tags]


def test_changes_are_grouped_by_what_became_of_them() -> None:
    page = pages.render_changes(values.site(), values.entries())
    headings = re.findall(r'<h2 id="group-\d">([^<]*) <span class="count">(\d+)</span>', page)
    assert headings == [
        ("Open regressions", "3"),
        ("Suspected", "1"),
        ("Accepted", "1"),
        ("Fixed", "0"),
        ("Transient", "1"),
        ("Improved", "1"),
        ("Moved", "0"),
    ]
    assert re.findall(r'<li class="entry \w+" id="([^"]*)"', page) == [
        "open-growth",
        "drift-retained",
        "open-peak",
        "suspected-growth",
        "accepted-retained",
        "transient-peak",
        "improved-peak",
    ]
    assert "↗" in page
    assert "accepted: the cache is wanted" in page


def test_lists_name_the_edited_caller_and_put_the_changes_of_one_cause_together_the_leak_first() -> None:
    caller = Frame(path="src/parser/core.py", line=12, function="parse", source="tokens = Tokens(text)")
    line = values.blamed(changed_here=False, caller=caller, caller_changed=True)
    peak = values.entry("peak", change=values.change(blame=(line,)))
    other = values.change(
        metric="growth", before=0, after=184, unit="bytes per call", blame=(replace(line, bytes=184),)
    )
    leak = values.entry("leak", change=other)
    for page in (
        pages.render_changes(values.site(), [peak, leak]),
        pages.render_index(values.site(), Index(open=(peak, leak), rows=(), failing=())),
    ):
        assert re.findall(r'<li class="entry \w+" id="([^"]*)"', page) == ["leak"]
        text = squeezed(Outline(page).text)
        assert "+184 B src/parser/core.py:12 parse changed here tokens = Tokens(text) allocated at" in text
        assert '<li id="peak">' in page
        assert "parse[size=1000] peak 1.14 MiB → 2.38 MiB" in text


def test_what_a_result_held_and_something_retains_now_is_no_improvement() -> None:
    holders = (BlamedHolder(path="src/parser/tokens.py", line=9, text="dict SEEN", changed_here=True),)
    fall = values.change(metric="result", verdict="moved", before=90_000, after=0, holders=holders)
    page = pages.render_changes(values.site(), [values.entry("moved-result", "moved", change=fall)])
    text = squeezed(Outline(page).text)
    assert "Improved 0 None." in text
    assert "nothing was freed: what the result held is retained now" in text
    assert "now held by dict SEEN at src/parser/tokens.py:9 changed here" in text
    assert f"/{values.history()[values.STEP].id}/src/parser/tokens.py#L9" in page  # where it is held now


def test_leaks_name_what_holds_them_and_those_of_one_cause_are_explained_once() -> None:
    (leak,) = values.leaks()
    assert leak.since is not None
    held = BlamedHolder(path="src/parser/tokens.py", line=9, text="dict SEEN", changed_here=True)
    since = replace(leak.since, change=replace(leak.since.change, holders=(held,)))
    page = pages.render_leaks(values.site(), [replace(leak, since=since), replace(leak, since=replace(since, id="b"))])
    assert page.count("<summary>Explained as above</summary>") == 1
    assert "kept alive by dict SEEN at src/parser/tokens.py:9 changed here" in squeezed(Outline(page).text)
    chain = HolderChain(path="a.py", line=1, count=3, holders=(Holder(path="b.py", line=7, text="list OLD"),))
    old = replace(leak, since=None, profile=replace(leak.profile, holders=(chain,)))
    assert "kept alive by list OLD at b.py:7" in squeezed(Outline(pages.render_leaks(values.site(), [old])).text)


def test_leaks_and_status_tell_all_they_are_given() -> None:
    leaks = squeezed(Outline(pages.render_leaks(values.site(), values.leaks())).text)
    assert "184 B/call" in leaks
    assert "over 32 calls bytes blocks line 5.75 KiB 64 src/parser/tokens.py:41" in leaks
    assert "call 16 22.23 KiB, call 31 24.92 KiB" in leaks
    status = squeezed(Outline(pages.render_status(values.site(), values.status())).text)
    assert "Change number 59 cpython-3.11.9-auto · linux-x86_64 4 2 ✗ 1" in status
    assert "render cpython-3.11.9-auto · linux-x86_64 3" in status
    assert "lark 1.1.9" in status
    assert "No case leaks" in pages.render_leaks(values.site(), [])


def test_equal_values_make_equal_pages() -> None:
    again: list[Commit] = values.history()
    assert again == values.history()
    assert values.site_files() == values.site_files()


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, as WCAG 2.2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_marks_and_the_focus_stand_out(scheme: int) -> None:
    style = values.assets()["site.css"].decode()
    blocks = re.findall(r":root \{.*?\}", style, re.DOTALL)
    own = dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6})", blocks[scheme]))
    outlines = set(re.findall(r"outline: 3px solid var\((--[\w-]+)\)", style))
    fills = set(re.findall(r"\.spark [^{}]*\{ fill: var\((--[\w-]+)\)", style))
    assert outlines
    assert {"--rise", "--fall", "--waver"} <= fills
    faint = [
        name for name in outlines | fills for ground in ("--page", "--panel") if contrast(own[name], own[ground]) < 3
    ]
    assert faint == []


def test_survivors_that_are_alike_are_counted() -> None:
    survivors = [Survivor(name="list", path="a.py", line=1, text=text) for text in ("[1]", "[2]", "[1]", "[1]")]
    assert [(one.text, number) for one, number in folded(survivors)] == [("[1]", 3), ("[2]", 1)]
    many = [Survivor(name="list", path="a.py", line=1, text=str(number)) for number in range(20)]
    assert len(folded(many)) == 8
