"""The files in `assets/` of the site, the same for every project."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import distribution
from pathlib import Path

from memharness.site.render.chart import chart_document
from memharness.site.render.links import bokeh_script, own_assets
from memharness.site.render.scripts import data_script


def assets() -> Mapping[str, Callable[[], bytes]]:
    """Return what makes each file, by name."""
    script = Path(str(distribution("bokeh").locate_file("bokeh/server/static/js/bokeh.min.js")))
    return {
        **{name: partial(bytes, content) for name, content in own_assets().items()},
        "chart-document.js": lambda: data_script("chart", chart_document()),
        bokeh_script(): script.read_bytes,
    }
