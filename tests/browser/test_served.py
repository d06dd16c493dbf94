"""A measured history full of hostile text, as `serve` shows it in a browser, and as terminal and plots do."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from browsing import Tab, point
from repositories import RepositoryBuilder
from serving import Serving, serving
from workbench import CONFIGURATION

pytestmark = pytest.mark.browser
Opener = Callable[..., Tab]

MARKUP = "</script><img src=x onerror=alert(1)>"
SUBJECT = f"{MARKUP} \u202egnp.exe \x1b[31mred\x1b]8;; ::error::boom ##[error]bad"
SHOWN = f"{MARKUP} \\u202egnp.exe \\x1b[31mred\\x1b]8;; ::error::boom #\\x23[error]bad"
REASON = f"wanted {SUBJECT}"
NAME = "a\n\"b' \x1b[31m\u202e<img src=x onerror=alert(2)>"
PATH = f"shop/{NAME}.py".replace("\n", "\\n").replace("\x1b", "\\x1b").replace("\u202e", "\\u202e")
TEXT = f"\n::error::from the scenario\n{SUBJECT}\n"
SHOP = f"""\
from importlib import import_module

stock = import_module("shop." + {NAME!r})


def work():
    return stock.rows()
"""
ROWS = f"""\
class Item:
    def __repr__(self):
        return {MARKUP!r} + "\\u202e\\x1b[31m"


KEPT = []


def rows():
    return [bytes(1000) for _ in range(300)]
"""
LEAKY = ROWS.replace("    return [", "    KEPT.append((Item(), bytearray(4000)))\n    return [")
BLOCK = "# /// script\n# [tool.memharness]\n# calls = 15\n{params}# ///\n"
SAYING = f'"""Says {MARKUP} \\u202e."""\n' + BLOCK.format(
    params=f"# params = {{ text = [\"{MARKUP} \\u202e\\u001b[31m ::error:: 'q'\"] }}\n"
)
CASE = f"saying[text=\"{MARKUP} \\u202e\\u001b[31m ::error:: 'q'\"]"
SAYING += f"import shop\n\n\ndef run(text):\n    print({TEXT!r}, text)\n    return shop.work()\n"
FAILING = (
    BLOCK.format(params="") + f"import shop\n\n\ndef run():\n    print({TEXT!r})\n    raise ValueError({TEXT!r})\n"
)
STEADY = BLOCK.format(params="") + "import shop\n\n\ndef run():\n    return shop.work()\n"


@dataclass(frozen=True)
class Hostile:
    """A measured project; `ids` are its commits, the oldest first: start, the accepted one, the leak, the newest."""

    path: Path
    cache: Path
    ids: tuple[str, ...]
    output: str  # of the run, both streams

    def call(self, *arguments: str) -> str:
        """Run memharness; return both streams."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MEMHARNESS_CACHE", str(self.cache))
            command = [sys.executable, "-m", "memharness.cli", *arguments]
            done = subprocess.run(command, cwd=self.path, capture_output=True, check=False)
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        return (done.stdout + done.stderr).decode()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Hostile:
    folder = tmp_path_factory.mktemp("hostile")
    repository = RepositoryBuilder(folder / "project")
    scenarios = {"saying": SAYING, "failing": FAILING, "steady": STEADY}
    files = {f"scenarios/{name}.py": text for name, text in scenarios.items()}
    files |= {"memharness.toml": CONFIGURATION, ".gitignore": "/site\n", "shop/__init__.py": SHOP}
    path = f"shop/{NAME}.py"
    repository.commit({**files, path: ROWS}, "start", tag="v1.0")
    repository.commit({path: ROWS.replace("300", "400")}, SUBJECT)
    repository.git("commit", "--quiet", "--amend", "--no-edit", "--author", f"Eve \"&' {SUBJECT} <eve@example.org>")
    repository.commit({path: LEAKY.replace("300", "400")}, f"leak {SUBJECT}")
    repository.commit({path: LEAKY.replace("300", "800")}, f"::error::{SUBJECT}")
    made = Hostile(
        repository.path, folder / "cache", tuple(repository.git("rev-list", "--reverse", "main").split()), ""
    )
    output = made.call("run")
    output += made.call("accept", made.ids[1], "--reason", REASON)
    return Hostile(made.path, made.cache, made.ids, output)


@pytest.fixture(scope="module")
def server(hostile: Hostile, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    errors = tmp_path_factory.mktemp("server") / "stderr"
    with serving(hostile.path, errors, cache=hostile.cache) as started:
        yield started
        note = "note: 1 failure at the newest commits; `memharness run --retry-failed` measures again\n"
        assert started.stderr == note


def scenario_page(hostile: Hostile, case: str) -> str:
    for file in (hostile.path / "site" / "data" / "scenario").iterdir():
        if f'"case":"{case}' in file.read_text():
            return f"scenario/{file.stem}.html"
    raise AssertionError(case)


def read(tab: Tab, path: str) -> str:
    """Open a page with everything on it unfolded; return what it says."""
    tab.page.goto(tab.root + path)
    page = tab.page
    if page.locator("#chart, #result").count():  # its script has looked at the data
        tab.wait(
            "document.getElementById('summary')?.textContent || document.getElementById('result')?.children.length"
        )
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    assert page.locator("img[onerror], img[src=x], script:not([src])").count() == 0
    text = page.locator("body").inner_text()
    assert [sign for sign in ("\u202e", "\x1b") if sign in text + page.title()] == []
    return text


def test_hostile_text_is_read_and_never_runs(open_tab: Opener, hostile: Hostile, server: Serving) -> None:
    tab = open_tab(server.url)
    newest, leak, accepted = hostile.ids[3], hostile.ids[2], hostile.ids[1]
    saying, failing = scenario_page(hostile, "saying"), scenario_page(hostile, "failing")
    line = f"{PATH}:"
    reason = "ValueError: "
    for path, expected in {
        "index.html": [SHOWN, CASE, line, reason, "::error::from the scenario"],
        "changes.html": [SHOWN, CASE, line, f"accepted: wanted {SHOWN}"],
        "leaks.html": [SHOWN, CASE, line, f"{MARKUP}\\u202e\\x1b[31m"],
        "status.html": [SHOWN, reason],
        saying: [CASE, SHOWN, line, f"accepted: wanted {SHOWN}", "Says"],
        failing: [reason, SHOWN],
        f"commit/{newest}.html": [f"::error::{SHOWN}", line, CASE, reason, "::error::from the scenario"],
        f"commit/{leak}.html": [f"leak {SHOWN}", line, f"{MARKUP}\\u202e\\x1b[31m"],
        f"commit/{accepted}.html": [SHOWN, line, 'by Eve "&', f"accepted: wanted {SHOWN}"],
    }.items():
        text = " ".join(read(tab, path).split())
        assert [one for one in expected if " ".join(one.split()) not in text] == [], path


def test_hostile_text_is_compared(open_tab: Opener, hostile: Hostile, server: Serving) -> None:
    tab = open_tab(server.url)
    text = " ".join(read(tab, f"compare.html?a={hostile.ids[0][:10]}&b=newest").split())
    assert CASE in text
    assert f"::error::{SHOWN}" in text
    tab.page.locator("#result button").first.click()
    tab.page.wait_for_selector("#lines tbody tr")
    lines = tab.page.locator("#lines").inner_text()
    assert f"{PATH}:" in lines
    assert "\u202e" not in lines
    assert tab.page.locator("img").count() == 0


def test_the_chart_draws_what_was_measured(open_tab: Opener, hostile: Hostile, server: Serving) -> None:
    tab = open_tab(server.url)
    page = tab.open(scenario_page(hostile, "saying"))
    drawn = page.evaluate("Bokeh.documents[0].get_model_by_name('line_source').data.y.length")
    assert drawn == len(hostile.ids)
    x, y = point(page, 3)
    page.mouse.move(x, y)
    tip = page.locator(".bk-Tooltip div:has(> b)")
    tip.wait_for()
    hover = tip.inner_text()
    assert f"{hostile.ids[3][:10]} 2023-11-14 Ada\n::error::{MARKUP}" in hover
    assert "\u202e" not in hover
    assert "\x1b" not in hover
    page.mouse.click(x, y)
    page.wait_for_url(f"**/commit/{hostile.ids[3]}.html")
    assert page.locator("h1").inner_text() == f"{hostile.ids[3][:10]} ::error::{SHOWN}"


def is_harmless(output: str) -> bool:
    """Tell whether a terminal and a CI runner show all of it and obey none of it."""
    commands = [line for line in output.splitlines() if line.lstrip().startswith("::") or "##[" in line]
    return not commands and "\u202e" not in output and "\x1b" not in output


def test_the_terminal_shows_the_same(hostile: Hostile) -> None:
    shown = {
        "run": hostile.output,
        "check": hostile.call("check", "--all"),
        "show": hostile.call("show"),
        "compare": hostile.call("compare", hostile.ids[0], "HEAD"),
        "list": hostile.call("list"),
        "again": hostile.call("run"),
    }
    assert {name: is_harmless(output) for name, output in shown.items()} == dict.fromkeys(shown, True)
    flat = {name: "".join(output.split()) for name, output in shown.items()}
    for name in ("run", "check", "show", "compare"):
        assert "".join(PATH.split()) in flat[name], name
    for name in ("run", "check", "show"):
        assert "".join(SHOWN.split()) in flat[name], name
    assert "::error::fromthescenario" in flat["show"]


def test_json_holds_the_texts_as_they_are(hostile: Hostile) -> None:
    found, _ = json.JSONDecoder().raw_decode(hostile.call("check", "--all", "--json"))  # a note follows
    lines = {line["path"] for change in found["changes"] for line in change["blame"]}
    assert f"shop/{NAME}.py" in lines
    assert {change["reason"] for change in found["changes"]} == {None, REASON}


def test_plots_show_the_same(hostile: Hostile, tmp_path: Path) -> None:
    for name, options in {"trend": (), "change": ("--before-after", hostile.ids[3])}.items():
        file = tmp_path / f"{name}.svg"
        output = hostile.call("plot", "-o", str(file), *options)
        assert is_harmless(output)
        text = file.read_text()
        assert "\u202e" not in text
        assert "\x1b" not in text
        drawing = ElementTree.fromstring(text)
        words = " ".join(element.text or "" for element in drawing.iter() if element.tag.endswith("}text"))
        assert MARKUP[:20] in words, name
        assert "\\u202e" in words, name
        assert [element.tag for element in drawing.iter() if element.tag.endswith(("}script", "}image"))] == []
