"""The chart of a trend as one Bokeh document without data. The script of the page fills it; it knows models by name.

Places along x are positions of commits; "strip" is a second axis from 0 to 1 over the whole height, on which tags are
written and failures are drawn. Colours are set by the page, which knows whether it is light or dark.
"""

import json
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from bokeh.models.glyph import Glyph
    from bokeh.models.plots import Plot
    from bokeh.models.renderers import GlyphRenderer

_HEIGHT: Final = 400
_GREY: Final = "#777777"  # until the page sets its own
_COLUMNS: Final = {
    "line": ("x", "y"),
    "points": ("x", "y", "value", "step", "commit", "date", "author", "subject"),
    "band": ("x", "low", "high"),
    "marks": ("x", "y", "marker", "color"),
    "failures": ("left", "right", "x", "reason", "commit", "date", "subject"),
    "unmeasured": ("left", "right"),
    "tags": ("x", "name"),
}
_TIP: Final = "margin:-5px;padding:5px 9px;background:var(--panel);color:var(--text);max-width:26rem;font-size:13px"
_POINT_TIP: Final = f'<div style="{_TIP}"><b>@value</b> @step<br>@commit @date @author<br>@subject</div>'
_FAILURE_TIP: Final = f'<div style="{_TIP}"><b>failed</b> @reason<br>@commit @date<br>@subject</div>'


def chart_document() -> dict[str, object]:
    """Return the document as `Bokeh.embed.embed_item` takes it, the same for the same version of Bokeh."""
    from bokeh.embed import json_item  # takes half a second, and only assets need it

    text = json.dumps(json_item(_plot()))  # in this order: a model is defined where it is first met
    found = list(dict.fromkeys(re.findall(r'"(p\d+)"', text)))
    numbers = {name: f'"m{index}"' for index, name in enumerate(found)}
    item: dict[str, object] = json.loads(re.sub(r'"(p\d+)"', lambda match: numbers[match[1]], text))
    return item


def _plot() -> "Plot":
    from bokeh import models as m
    from bokeh.models.annotations import Span

    plot = m.Plot(
        name="plot",
        x_range=m.Range1d(start=0, end=1, name="x"),
        y_range=m.Range1d(start=0, end=1, name="y"),
        extra_y_ranges={"strip": m.Range1d(start=0, end=1)},
        height=_HEIGHT,
        sizing_mode="stretch_width",
        min_border_right=16,
        toolbar_location="above",
        toolbar=m.Toolbar(logo=None, autohide=False),
    )
    x_ticker = m.FixedTicker(ticks=[], name="x_ticker")
    x_axis = m.LinearAxis(name="x_axis")
    x_axis.ticker = x_ticker  # type: ignore[assignment]  # the stubs name the type of the default
    plot.add_layout(x_axis, "below")
    y_axis = m.LinearAxis(name="y_axis", axis_label="", formatter=m.BasicTickFormatter(use_scientific=False))
    plot.add_layout(y_axis, "left")
    plot.add_layout(m.Grid(name="y_grid", dimension=1, ticker=y_axis.ticker))
    _add_glyphs(plot)
    plot.add_layout(Span(name="limit", dimension="width", line_dash="dashed", line_width=1.5, visible=False))
    plot.add_layout(Span(name="cursor", dimension="height", line_width=1.5, visible=False))
    return plot


def _add_glyphs(plot: "Plot") -> None:
    """Add what is drawn, from back to front, and the tools that need it."""
    from bokeh import models as m

    sources = {
        name: m.ColumnDataSource(data={column: [] for column in columns}, name=f"{name}_source")
        for name, columns in _COLUMNS.items()
    }

    def add(name: str, glyph: "Glyph", source: str, *, strip: bool = False) -> "GlyphRenderer[Glyph]":
        more = {"y_range_name": "strip"} if strip else {}
        return plot.add_glyph(sources[source], glyph, name=name, nonselection_glyph=None, selection_glyph=None, **more)

    add(
        "unmeasured", m.Quad(left="left", right="right", bottom=0, top=0.018, line_color=None), "unmeasured", strip=True
    )
    failures = m.Quad(left="left", right="right", bottom=0, top=0.035, line_color=None, fill_color=_GREY)
    failed = add("failures", failures, "failures", strip=True)
    add("tags", m.Segment(x0="x", x1="x", y0=0, y1=1, line_dash="dotted", line_color=_GREY), "tags", strip=True)
    names = m.Text(x="x", y=1, text="name", x_offset=3, y_offset=2, text_baseline="top", text_font_size="11px")
    add("tag_names", names, "tags", strip=True)
    add("band", m.VBar(x="x", width=1, bottom="low", top="high", line_color=None, fill_alpha=0.25), "band")
    add("line", m.Step(x="x", y="y", mode="center", line_width=1.5), "line")
    add("dots", m.Scatter(x="x", y="y", size=5, line_color=None), "points")
    marks = m.Scatter(x="x", y="y", size=11, marker="marker", fill_color="color", line_color=_GREY)
    add("marks", marks, "marks")
    reach = m.Scatter(x="x", y="y", size=4, line_color=None, fill_alpha=0)
    reached = add("reach", reach, "points")
    _add_tools(plot, reached, failed)


def _add_tools(plot: "Plot", reached: "GlyphRenderer[Glyph]", failed: "GlyphRenderer[Glyph]") -> None:
    from bokeh import models as m

    pan, wheel = m.PanTool(dimensions="width"), m.WheelZoomTool(dimensions="width")
    plot.add_tools(
        pan,
        wheel,
        m.BoxZoomTool(dimensions="width"),
        m.ZoomInTool(dimensions="width"),
        m.ZoomOutTool(dimensions="width"),
        m.ResetTool(),
        m.TapTool(renderers=[reached, failed]),
        m.HoverTool(renderers=[reached], mode="vline", limit=1, tooltips=_POINT_TIP, visible=False),
        m.HoverTool(renderers=[failed], limit=1, tooltips=_FAILURE_TIP, visible=False),
    )
    plot.toolbar.active_drag = pan
    plot.toolbar.active_scroll = wheel
