"""The files in `assets/` of the site, the same for every project."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib.resources import files

from memharness.site.render.chart import chart_document
from memharness.site.render.links import bokeh_script, own_assets
from memharness.site.render.scripts import data_script


def assets() -> Mapping[str, Callable[[], bytes]]:
    """Return what makes each file, by name; that of the chart imports Bokeh, which takes half a second of CPU."""
    return {
        **{name: partial(bytes, content) for name, content in own_assets().items()},
        "chart-document.js": lambda: data_script("chart", chart_document()),
        bokeh_script(): (files("bokeh") / "server" / "static" / "js" / "bokeh.min.js").read_bytes,
    }
