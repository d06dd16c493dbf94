"""The files in `assets/` of the site, the same for every project."""

from collections.abc import Mapping
from importlib.resources import files

from memharness.site.render.chart import chart_document
from memharness.site.render.links import bokeh_script, own_assets
from memharness.site.render.scripts import data_script


def assets() -> Mapping[str, bytes]:
    """Return name and content of every file; imports Bokeh, which takes half a second of CPU."""
    bokeh = files("bokeh") / "server" / "static" / "js" / "bokeh.min.js"
    return {
        **own_assets(),
        "chart-document.js": data_script("chart", chart_document()),
        bokeh_script(): bokeh.read_bytes(),
    }
