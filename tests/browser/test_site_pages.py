"""The site as it is opened from a folder: every page, and what its scripts do."""

import random
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace
from playwright.sync_api import Page

import site_values as values
from browsing import Tab, point
from memharness.site import render as pages
from memharness.site.render.links import PageLinks
from memharness.site.render.words import relative_text
from memharness.wording.text import bytes_text, delta_text, value_text, visible

pytestmark = pytest.mark.browser

SCENARIO = f"scenario/{values.subject().id}.html"
COMMIT = f"commit/{values.history()[values.STEP].id}.html"
PAGES = (
    "index.html",
    "changes.html",
    "leaks.html",
    "status.html",
    "compare.html?a=newest~30&b=newest",
    SCENARIO,
    COMMIT,
)
Opener = Callable[..., Tab]


def shown_cases(page: Page) -> list[str]:
    return page.locator("#grid tbody tr:visible th a").all_inner_texts()


def bounds(page: Page) -> tuple[float, float]:
    found = page.evaluate("(x => [x.start, x.end])(Bokeh.documents[0].get_model_by_name('x'))")
    return found[0], found[1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_no_page_complains_or_scrolls_sideways(open_tab: Opener, width: int, scheme: str) -> None:
    tab = open_tab(viewport={"width": width, "height": 800}, color_scheme=scheme)
    wide = {path: tab.open(path).evaluate("document.documentElement.scrollWidth") for path in PAGES}
    assert wide == dict.fromkeys(PAGES, width)


def test_pages_keep_a_sound_outline_and_hostile_text_stays_text(open_tab: Opener) -> None:
    tab = open_tab()
    for path in PAGES:
        page = tab.open(path)
        levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))")
        assert levels.count(1) == 1
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in pairwise(levels)), path
        assert page.locator("main").count() == page.locator("header").count() == 1
        assert page.locator("table:not(:has(caption))").count() == 0
        assert page.locator("thead th:not([scope])").count() == 0
        assert page.locator("svg:not([role=img] svg):not([aria-label])").count() == 0
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
        assert len(ids) == len(set(ids)), path
        assert page.locator("img[onerror], img[src=x]").count() == 0
        text = page.locator("body").inner_text()
        assert "\u202e" not in text
        assert "\x1b" not in text


def test_the_index_filters_by_words_and_metric_and_keeps_that(open_tab: Opener) -> None:
    tab = open_tab()
    page = tab.open("index.html")
    assert [case.split("[")[0] for case in shown_cases(page)] == ["parse", "render", "export", "tiny", "unknown", "odd"]
    page.fill("#words", "steady TINY")
    tab.wait("document.getElementById('count').value === '1 of 6 trends'")
    assert shown_cases(page) == ["tiny"]
    page.fill("#words", "linux open")
    page.select_option("#metric", "all")
    tab.wait("document.getElementById('count').value === '2 of 10 trends'")
    assert tab.query() == {"q": "linux open", "metric": "all"}
    page.reload()
    assert shown_cases(page) == ["parse[size=1000]", "parse[size=1000]"]
    assert page.input_value("#words") == "linux open"


def test_the_index_sorts_by_click_and_key_and_keeps_that(open_tab: Opener) -> None:
    tab = open_tab()
    page = tab.open("index.html")
    page.click("[data-sort=now]")
    assert [case[:3] for case in shown_cases(page)] == ["odd", "par", "exp", "ren", "tin", "unk"]
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
    page.focus("[data-sort=now]")
    page.keyboard.press("Enter")
    assert [case[:3] for case in shown_cases(page)] == ["tin", "ren", "exp", "par", "odd", "unk"]
    page.focus("[data-sort=status]")
    page.keyboard.press("Space")
    page.reload()
    assert tab.query() == {"sort": "status"}
    assert [case[:3] for case in shown_cases(page)][:2] == ["exp", "par"]
    assert page.locator("th[aria-sort]").inner_text().startswith("status")


def test_the_chart_is_drawn_with_gaps_and_figures_where_one_points(open_tab: Opener) -> None:
    page = open_tab().open(SCENARIO)
    x, y = point(page, 3)
    colors = page.evaluate(
        """([x, y]) => {
            const view = Bokeh.index.get_by_id(Bokeh.documents[0].roots()[0].id).canvas_view;
            const box = view.el.getBoundingClientRect(), {canvas} = view.primary;
            const scale = canvas.width / box.width;
            return [...canvas.getContext('2d').getImageData((x - box.x) * scale, (y - box.y) * scale, 1, 1).data];
        }""",
        [x, y],
    )
    assert colors == [0x00, 0x72, 0xB2, 255]
    axis = page.evaluate("Bokeh.documents[0].get_model_by_name('y_axis').axis_label")
    assert axis == "peak of the first call, MiB"
    assert page.locator("#summary").inner_text() == (
        "56 of 60 commits measured: from 1.43 MiB to 2.38 MiB (+976.56 KiB +66.6%), 3 changes."
    )
    line = page.evaluate("Bokeh.documents[0].get_model_by_name('line_source').data.y.map(y => Number.isNaN(y))")
    assert [at for at, missing in enumerate(line) if missing] == [24, 25, 26, 33]
    gaps = page.evaluate("Bokeh.documents[0].get_model_by_name('unmeasured_source').data")
    assert gaps == {"left": [23.5], "right": [26.5]}
    assert page.evaluate("Bokeh.documents[0].get_model_by_name('failures_source').data.x") == [33]
    page.mouse.move(*point(page, values.STEP))
    tip = page.locator(".bk-Tooltip div:has(> b)")
    tip.wait_for()
    text = tip.inner_text()
    commit = values.history()[values.STEP]
    assert text.startswith(
        f"2.38 MiB +1.24 MiB +108.3%\n{commit.short} 2025-02-10 Ada\nKeep all tokens </script><img src=x"
    )
    assert "\u202e" not in text


def test_the_visible_range_and_the_metric_survive_a_reload(open_tab: Opener) -> None:
    tab = open_tab()
    page = tab.open(SCENARIO)
    page.mouse.move(*point(page, 30))
    page.mouse.wheel(0, -400)
    tab.wait("location.search.includes('from=')")
    start, end = bounds(page)
    assert 0 < start < 30 < end < 59
    page.click("[data-metric=growth]")
    tab.wait("location.search.includes('metric=growth')")
    query = tab.query()
    page.reload()
    page.wait_for_selector("[data-ready]", state="attached")
    page.wait_for_timeout(400)
    assert tab.query() == query
    again = bounds(page)
    assert abs(again[0] - start) < 1
    assert abs(again[1] - end) < 1
    assert page.locator("#chosen").inner_text() == "growth"
    assert page.locator("[data-metric][aria-current=true]").inner_text() == "growth"
    assert (
        page.evaluate("Bokeh.documents[0].get_model_by_name('y_axis').axis_label") == "leaked by every call, B per call"
    )


def test_zooming_by_key_and_back(open_tab: Opener) -> None:
    tab = open_tab()
    page = tab.open(SCENARIO)
    page.focus(".frame")
    page.keyboard.press("+")
    tab.wait("location.search.includes('from=')")
    assert bounds(page) == (14.5, 44.5)
    high = "Bokeh.documents[0].get_model_by_name('y').end"
    assert page.evaluate(high) > 3_000_000 / 2**20  # the spike is in sight
    page.keyboard.press("+")
    tab.wait("location.search.includes('to=')")
    page.get_by_title("Reset").click()
    tab.wait("location.search === ''")
    assert bounds(page) == (-0.5, 59.5)


def test_a_click_on_a_point_opens_its_commit_if_that_has_a_page(open_tab: Opener) -> None:
    page = open_tab().open(SCENARIO)
    page.mouse.click(*point(page, 5))
    page.wait_for_timeout(300)
    assert page.url.partition("?")[0].endswith(SCENARIO)
    page.mouse.click(*point(page, values.STEP))
    page.wait_for_url(f"**/{COMMIT}")
    assert "Keep all tokens" in page.locator("h1").inner_text()


def test_the_chart_is_walked_by_keyboard(open_tab: Opener) -> None:
    page = open_tab().open(SCENARIO)
    page.focus(".frame")
    page.keyboard.press("ArrowRight")
    assert page.locator("#summary").inner_text().startswith(f"1.43 MiB {values.history()[0].short} 2025-01-01")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("Bokeh.documents[0].get_model_by_name('cursor').location") == 1
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/commit/{values.history()[1].id}.html")


def test_the_keyboard_stays_in_what_is_seen(open_tab: Opener) -> None:
    page = open_tab().open(SCENARIO)
    page.focus(".frame")
    for key in ("ArrowRight", "+", "+", "ArrowRight"):
        page.keyboard.press(key)
    seen = page.evaluate("Bokeh.documents[0].roots()[0].x_range.start")
    at = page.evaluate("Bokeh.documents[0].get_model_by_name('cursor').location")
    assert seen > 5
    assert seen <= at <= seen + 2


def test_from_the_index_to_a_blamed_line_by_keyboard(open_tab: Opener) -> None:
    page = open_tab().open("index.html")

    def tab_to(selector: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
                return
        pytest.fail(f"the Tab key does not lead to {selector}")

    tab_to(".skip")
    page.keyboard.press("Enter")
    tab_to('.group a[href^="commit/"]')
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/{COMMIT}")
    tab_to('a[href^="https://forge.example/"][href*="tokens.py#L41"]')


def test_the_chart_follows_the_colour_scheme(open_tab: Opener) -> None:
    tab = open_tab(color_scheme="light")
    page = tab.open(SCENARIO)
    background = "Bokeh.documents[0].roots()[0].background_fill_color"
    light = page.evaluate(background)
    page.emulate_media(color_scheme="dark")
    tab.wait(f"{background} !== '{light}'")
    assert (light, page.evaluate(background)) == ("#ffffff", "#1b1f22")


def test_print_shows_the_picture_of_the_metric_instead_of_the_canvas(open_tab: Opener) -> None:
    tab = open_tab()
    page = tab.open(SCENARIO)
    pictures = page.locator(".picture")
    for metric in ("peak", "retained"):
        page.emulate_media(media="screen")
        page.click(f"[data-metric={metric}]")
        tab.wait(f"document.getElementById('chosen').textContent === '{metric}'")
        assert [picture.is_visible() for picture in pictures.all()] == [False, False]
        page.emulate_media(media="print")
        assert page.locator("#chart").is_hidden()
        (shown,) = [picture for picture in pictures.all() if picture.is_visible()]
        assert shown.get_attribute("data-picture") == metric
        tab.wait(f"document.querySelector('#picture-{metric} img').naturalWidth > 0")


def test_any_two_commits_are_compared(open_tab: Opener) -> None:
    tab = open_tab()
    page = tab.open("compare.html")
    page.fill("#a", f"newest~{values.COMMITS - values.STEP}")
    page.fill("#b", values.history()[values.STEP].short)
    page.click("button[type=submit]")
    page.wait_for_selector("#result tbody tr")
    cells = [row.locator("td").all_inner_texts()[:4] for row in page.locator("#result tbody tr").all()]
    assert cells == [
        ["1.14 MiB", "2.38 MiB", "+1.24 MiB", "+108.3%"],
        ["12 B", "24 B", "+12 B", "+100.0%"],
        ["0 B/call", "0 B/call", "=", ""],
        ["39.06 KiB", "39.06 KiB", "=", ""],
    ]
    page.click("#result button")
    page.wait_for_selector("#lines tbody tr")
    lines = [row.locator("td").all_inner_texts() for row in page.locator("#lines tbody tr").all()]
    assert [line[0] for line in lines] == ["+1.14 MiB", "-4.88 KiB"]
    assert lines[0][3].startswith("src/parser/tokens.py:41")
    links = [link.get_attribute("href") for link in page.locator("#lines a").all()]
    before, after = values.history()[values.STEP - 1], values.history()[values.STEP]
    here = PageLinks(values.site())
    assert links == [here.line(after, "src/parser/tokens.py", 41), here.line(before, "src/a b#?.py", 3)]
    page.fill("#words", "tiny")
    tab.wait("document.getElementById('message').textContent === '1 of 4 figures.'")


def test_a_comparison_says_what_failed(open_tab: Opener) -> None:
    tab = open_tab()
    failed = next(at for at in range(values.COMMITS) if values.commit_data(at).failed)
    page = tab.open(f"compare.html?a={values.history()[failed - 1].short}&b={values.history()[failed].short}")
    page.wait_for_selector("#result tbody tr")
    row = page.locator("#result tbody tr").first
    assert row.inner_text().startswith("parse[size=1000] peak")
    assert row.locator("td").all_inner_texts()[1:4] == ["✗ failed", "", ""]
    assert row.locator(".failed").get_attribute("title") == visible(f"import: {values.HOSTILE}")


def test_a_comparison_says_what_it_lacks(open_tab: Opener) -> None:
    tab = open_tab()
    page = tab.open(f"compare.html?a=v1.0&b={values.history()[5].short}")
    assert "memharness compare" in page.locator("#message").inner_text()
    page = tab.open("compare.html?a=v1.0&b=nonsense")
    assert page.locator("#message").inner_text() == "No single commit of this site is meant by nonsense."


def test_figures_read_the_same_in_both_languages(open_tab: Opener) -> None:
    page = open_tab().open("index.html")
    rand = random.Random(7)
    edges = [base + off for power in range(0, 53, 5) for base in [1 << power] for off in (-1, 0, 1)]
    sizes = [
        *edges,
        *(rand.randrange(1 << rand.randrange(1, 53)) for _ in range(300)),
        1152,
        1152 << 10,
        2432 << 30,
        1_048_575,
    ]
    texts = page.evaluate("sizes => sizes.map(memharness.bytesText)", [*sizes, *(-size for size in sizes)])
    assert texts == [bytes_text(size) for size in [*sizes, *(-size for size in sizes)]]
    pairs = [(rand.choice(sizes), rand.choice(sizes)) for _ in range(300)] + [
        (1000, 999),
        (100_000, 100_001),
        (5, 0),
        (3, 3),
    ]
    found = page.evaluate("pairs => pairs.map(([a, b]) => memharness.percentText(a, b))", pairs)
    assert found == [relative_text(before, after) for before, after in pairs]
    for unit in ("bytes", "bytes per call", "objects"):
        both = (
            "([sizes, unit]) => sizes.map(size => [memharness.valueText(size, unit), memharness.deltaText(size, unit)])"
        )
        assert page.evaluate(both, [sizes, unit]) == [[value_text(s, unit), delta_text(s, unit)] for s in sizes]


def test_cases_below_their_floors_are_folded_away_until_one_opens_them_or_asks_by_name(
    open_tab: Opener, tmp_path: Path, site_folder: Path
) -> None:
    shutil.copytree(site_folder / "assets", tmp_path / "assets")
    site, index = values.crowded_index(30)
    below = frozenset(f"case-{number}" for number in range(5, 30))
    (tmp_path / "index.html").write_text(pages.render_index(site, replace(index, below_floors=below)))
    tab = open_tab(f"file://{tmp_path}/")
    page = tab.open("index.html")
    tab.wait("document.getElementById('count').value === '5 of 30 trends'")
    assert len(shown_cases(page)) == 5
    page.fill("#words", "case_29")
    tab.wait("document.getElementById('count').value === '1 of 30 trends'")
    page.fill("#words", "")
    tab.wait("document.getElementById('count').value === '5 of 30 trends'")
    unfold = page.get_by_role("button", name="25 cases of which no judged figure reaches its floor")
    unfold.focus()
    page.keyboard.press("Enter")
    tab.wait("document.getElementById('count').value === '30 trends'")
    page.click("[data-sort=now]")
    page.reload()
    assert tab.query() == {"below": "shown", "sort": "-now"}
    assert page.locator("#below tr[data-m]:visible").count() == 25
    assert unfold.get_attribute("aria-expanded") == "true"


def test_sixteen_hundred_trends_are_quick(open_tab: Opener, tmp_path: Path, site_folder: Path) -> None:
    shutil.copytree(site_folder / "assets", tmp_path / "assets")
    (tmp_path / "index.html").write_text(pages.render_index(*values.crowded_index()))
    tab = open_tab(f"file://{tmp_path}/")
    session = tab.context.new_cdp_session(tab.page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def seconds() -> float:
        found = session.send("Performance.getMetrics")["metrics"]
        return next(float(metric["value"]) for metric in found if metric["name"] == "TaskDuration")

    page = tab.open("index.html")
    tab.wait("document.getElementById('count').value === '200 trends'")
    page.wait_for_timeout(200)
    assert seconds() < 1.5  # of CPU, on the main thread
    before = seconds()
    page.fill("#words", "case_19 over")
    tab.wait("document.getElementById('count').value === '11 of 200 trends'")
    assert seconds() - before < 0.5


def test_the_site_reads_without_scripts(open_tab: Opener) -> None:
    tab = open_tab(java_script_enabled=False)
    tab.page.goto(f"{tab.root}index.html")
    assert tab.page.locator("#grid tbody tr:visible").count() == len(values.index().rows)
    assert tab.page.locator(".controls").is_hidden()
    tab.page.goto(tab.root + SCENARIO)
    assert [picture.is_visible() for picture in tab.page.locator(".picture img").all()] == [True, True]


def test_files_are_complete(site_folder: Path) -> None:
    names = {file.relative_to(site_folder).as_posix() for file in site_folder.rglob("*") if file.is_file()}
    assert {"index.html", "changes.atom", "data/history.js", "assets/site.css", SCENARIO, COMMIT} <= names
