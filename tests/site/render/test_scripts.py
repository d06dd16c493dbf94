"""Data scripts, the feed and assets of the site."""

import json
import xml.etree.ElementTree as ET
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from bokeh.core.validation.check import ValidationIssues, check_integrity
from bokeh.document import Document
from bokeh.models.renderers import GlyphRenderer

import site_values as values
from memharness.model.measurements import Profile
from memharness.site import render as pages
from memharness.site.render.chart import chart_document

ATOM = "{http://www.w3.org/2005/Atom}"
TOLD = r"""</script><img src=x onerror=alert(1)> \u202e \x1b[31m" ' \n&amp;"""


def put(script: bytes) -> tuple[str, Any]:
    """Return what a script hands to the page; it must be one call."""
    assert b"<" not in script
    text = script.decode("ascii" if script.isascii() else "utf-8")
    assert text.startswith("memharness.put(")
    assert text.endswith(");\n")
    key, value = json.loads(f"[{text[len('memharness.put(') : -3]}]")
    return key, value


def test_the_history_tells_every_commit_and_which_have_a_page() -> None:
    commits = values.history()
    key, value = put(pages.history_script(commits, values.site().pages))
    assert key == "history"
    assert value["ids"] == [commit.id for commit in commits]
    assert value["subjects"][values.STEP] == f"Keep all tokens {TOLD}"
    assert [value["authors"][index] for index in value["author"]] == ["Ada"] * values.COMMITS
    assert value["times"] == [commit.time for commit in commits]
    assert value["tags"] == {"20": ["v1.0"], "45": ["v1.1"]}
    assert value["pages"] == [at for at in range(values.COMMITS) if at != 5]


def test_the_data_of_a_subject() -> None:
    data = values.case_data()
    key, value = put(pages.case_script(data))
    assert key == f"scenario/{data.subject.id}"
    for found, trend in zip(value["trends"], data.trends, strict=True):
        assert found["values"] == [list(v) if isinstance(v, tuple) else v for v in trend.values]
    peak = value["trends"][0]
    assert peak["limit"] == 2 << 20
    assert peak["band"] == [list(band) for band in data.trends[0].band]
    assert [mark["position"] for mark in peak["marks"]] == [8, 30, 40]
    assert value["failures"] == [[33, f"import: {TOLD}"]]


def test_the_data_of_a_commit_and_of_a_profile() -> None:
    data = values.commit_data(values.STEP)
    key, value = put(pages.commit_script(data))
    assert key == f"commit/{data.id}"
    told = {
        subject: {metric: own[at] for at, metric in enumerate(value["metrics"]) if own[at] is not None}
        for subject, own in value["values"].items()
    }
    assert (told, value["profiles"]) == (data.values, data.profiles)
    held = values.profiles()[0]
    key, value = put(pages.profile_script("p1", held))
    assert key == "profile/p1"
    assert value["lines"][0] == [
        "src/parser/tokens.py",
        41,
        "Tokens.keep",
        "self._all.append(token)",
        800_000,
        9_000,
        "",
    ]
    assert value["lines"][2][2] == TOLD
    assert put(pages.profile_script("p2", Profile()))[1] == {"lines": []}


# --- feed ----------------------------------------------------------------------------------------------------


def test_the_feed_tells_the_newest_changes_first() -> None:
    root = ET.fromstring(pages.render_feed(values.site(), values.entries()))
    assert root.findtext(f"{ATOM}title") == "Memory of parsekit"
    assert root.findtext(f"{ATOM}updated") == "2025-02-25T00:00:00Z"
    entries = root.findall(f"{ATOM}entry")
    times = [entry.findtext(f"{ATOM}updated") for entry in entries]
    assert times == sorted(times, key=str, reverse=True)
    opened = entries[3]
    assert opened.findtext(f"{ATOM}title") == "regressed, open: parse[size=1000] peak +1.24 MiB +108.3%"
    assert opened.findtext(f"{ATOM}id") == "urn:memharness:parsekit:open-peak"
    link = opened.find(f"{ATOM}link")
    assert link is not None
    assert link.attrib["href"] == "https://parsekit.example/memory/changes.html#open-peak"
    content = opened.findtext(f"{ATOM}content") or ""
    assert "<p>parse[size=1000] peak: 1.14 MiB to 2.38 MiB (+1.24 MiB +108.3%)</p>" in content
    assert "&lt;/script&gt;&lt;img src=x" in content
    assert r"\u202e \x1b[31m" in content


def test_the_feed_of_a_site_without_address_or_changes() -> None:
    root = ET.fromstring(pages.render_feed(values.site(url=None), []))
    assert [link.attrib["href"] for link in root.findall(f"{ATOM}link")] == ["changes.atom", "changes.html"]
    assert root.findtext(f"{ATOM}updated") == "2025-03-01T00:00:00Z"
    assert root.findall(f"{ATOM}entry") == []


# --- assets --------------------------------------------------------------------------------------------------


def test_assets_hold_bokeh_once_and_are_the_same_every_time() -> None:
    found = values.assets()
    (name,) = (name for name in found if name.startswith("bokeh"))
    assert found[name] == (files("bokeh") / "server/static/js/bokeh.min.js").read_bytes()
    assert found == values.assets()
    key, value = put(found["chart-document.js"])
    assert (key, value) == ("chart", chart_document())


def test_bokeh_knows_every_model_of_the_chart_and_its_properties() -> None:
    """Reading raises for what this version of Bokeh does not know, and a model that is not complete is an error."""
    (plot,) = Document.from_json(chart_document()["doc"]).roots
    assert check_integrity(plot.references()) == ValidationIssues(error=[], warning=[])
    assert {model.name for model in plot.references() if isinstance(model, GlyphRenderer)} == {
        *("unmeasured", "failures", "tags", "tag_names", "band", "line", "dots", "marks", "reach")
    }


def test_the_chart_has_no_code_and_all_the_models_that_its_script_asks_for() -> None:
    text = json.dumps(chart_document())
    assert "CustomJS" not in text
    script = values.assets()["chart-view.js"].decode()
    for name in (
        "x",
        "y",
        "x_axis",
        "y_axis",
        "x_ticker",
        "y_grid",
        "limit",
        "line",
        "dots",
        "band",
        "marks",
        "reach",
        "failures",
        "tags",
    ):
        assert f"'{name}'" in script or f"{name}:" in script or name in {"x", "y"}, name
        assert f'"name": "{name}"' in text, name


@pytest.mark.parametrize(
    "forbidden", ["eval(", "Function(", "innerHTML", "fetch(", "XMLHttpRequest", "import(", "http://", "https://"]
)
def test_own_scripts_keep_to_what_works_from_a_folder(forbidden: str) -> None:
    scripts = {
        name: content for name, content in values.assets().items() if name.endswith(".js") and "bokeh" not in name
    }
    assert len(scripts) == 6
    assert [name for name, content in scripts.items() if forbidden.encode() in content] == []


def test_text_keeps_its_contrast_in_both_schemes() -> None:
    css = values.assets()["site.css"].decode()
    light, dark = (dict(_variables(css, start)) for start in (":root {", "@media (prefers-color-scheme: dark)"))
    for scheme in (light, dark):
        for text in ("text", "soft", "link", "bad", "good", "unsure", "known", "failed"):
            for ground in ("page", "panel", "tint"):
                ratio = _contrast(scheme[text], scheme[ground])
                assert ratio >= 4.5, (text, ground, scheme[text], ratio)
        for bar in ("held", "held-2", "grown", "grown-2", "shrunk", "shrunk-2"):
            assert _contrast(scheme["text"], scheme[bar]) >= 4.5, bar


def _variables(css: str, start: str) -> list[tuple[str, str]]:
    block = css.partition(start)[2].partition("}")[0].rpartition("{")[2]
    pairs = [part.partition(":") for part in block.split(";") if "--" in part]
    return [(name.strip().removeprefix("--"), value.strip()) for name, _, value in pairs]


def _contrast(one: str, other: str) -> float:
    def light(color: str) -> float:
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    brighter, darker = sorted((light(one), light(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def test_everything_that_pages_need_is_package_data() -> None:
    package = Path(pages.__file__).parent
    assert {file.suffix for file in (package / "templates").iterdir()} == {".html"}
    assert {file.suffix for file in (package / "assets").iterdir()} == {".css", ".js"}
