"""The files in `assets/` of the site, the same for every project."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from memharness.site.render.chart import chart_document
from memharness.site.render.links import bokeh_script, own_assets
from memharness.site.render.scripts import data_script


def assets() -> Mapping[str, Callable[[], bytes]]:
    """Return what makes each file, by name."""
    bokeh = find_spec("bokeh")  # which does not import it
    assert bokeh is not None
    assert bokeh.origin is not None
    script = Path(bokeh.origin).parent / "server/static/js/bokeh.min.js"
    return {
        **{name: partial(bytes, content) for name, content in own_assets().items()},
        "chart-document.js": lambda: data_script("chart", chart_document()),
        bokeh_script(): script.read_bytes,
    }
