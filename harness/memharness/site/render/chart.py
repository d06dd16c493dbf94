"""The chart of a trend as one Bokeh document without data. The script of the page fills it; it knows models by name.

It is written as Bokeh's scripts read it: importing the models of Bokeh to have them written takes half a second.

Places along x are positions of commits; "strip" is a second axis from 0 to 1 over the whole height, on which tags are
written and failures are drawn. Colours are set by the page, which knows whether it is light or dark.
"""

from importlib.metadata import version
from itertools import count
from typing import Any, Final

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

_Json = dict[str, Any]


def chart_document() -> _Json:
    """Return the document as `Bokeh.embed.embed_item` takes it."""
    document = _numbered({"title": "", "config": _model("DocumentConfig"), "roots": [_plot()]}, count())
    bokeh = version("bokeh")
    return {"root_id": document["roots"][0]["id"], "doc": {"version": bokeh, **document}, "version": bokeh}


def _numbered(value: Any, numbers: "count[int]") -> Any:
    """Return JSON in which every model has an id; one that is met again is referred to."""
    match value:
        case {"type": "object", "id": id_}:
            return {"id": id_}
        case {"type": "object"}:
            value["id"] = f"m{next(numbers)}"
            return value | {"attributes": _numbered(value["attributes"], numbers)}
        case dict():
            return {key: _numbered(item, numbers) for key, item in value.items()}
        case list():
            return [_numbered(item, numbers) for item in value]
        case _:
            return value


def _model(kind: str, **attributes: Any) -> _Json:
    return {"type": "object", "name": kind, "attributes": attributes}


def _map(**entries: object) -> _Json:
    return {"type": "map", "entries": [[key, value] for key, value in entries.items()]}


def _glyph(kind: str, columns: str = "", **attributes: Any) -> _Json:
    """Return a glyph that takes from columns of its source what is named as they are: "x", or "x0=x"."""
    pairs = [word.split("=") for word in columns.split()]
    return _model(kind, **{pair[0]: {"type": "field", "field": pair[-1]} for pair in pairs}, **attributes)


def _plot() -> _Json:
    ticker = _model("BasicTicker", mantissas=[1, 2, 5])
    axes = {
        "below": [_model("LinearAxis", name="x_axis", ticker=_model("FixedTicker", name="x_ticker", ticks=[]))],
        "left": [
            _model(
                "LinearAxis",
                name="y_axis",
                axis_label="",
                ticker=ticker,
                formatter=_model("BasicTickFormatter", use_scientific=False),
            )
        ],
    }
    spans = [
        _model("Span", name=name, dimension=dimension, line_width=1.5, visible=False, **more)
        for name, dimension, more in (("limit", "width", {"line_dash": [6]}), ("cursor", "height", {}))
    ]
    renderers = _renderers()
    return _model(
        "Plot",
        name="plot",
        x_range=_model("Range1d", start=0, end=1, name="x"),
        y_range=_model("Range1d", start=0, end=1, name="y"),
        extra_y_ranges=_map(strip=_model("Range1d", start=0, end=1)),
        height=_HEIGHT,
        sizing_mode="stretch_width",
        min_border_right=16,
        renderers=[*renderers.values()],
        toolbar_location="above",
        toolbar=_toolbar(renderers["reach"], renderers["failures"]),
        **axes,
        center=[_model("Grid", name="y_grid", dimension=1, ticker=ticker), *spans],
    )


def _renderers() -> dict[str, _Json]:
    """Return what is drawn by name, from back to front."""
    sources = {
        name: _model("ColumnDataSource", name=f"{name}_source", data=_map(**{column: [] for column in columns}))
        for name, columns in _COLUMNS.items()
    }
    found = {}

    def add(name: str, source: str, glyph: _Json, **more: str) -> None:
        plain = {"selection_glyph": None, "nonselection_glyph": None}
        found[name] = _model("GlyphRenderer", name=name, data_source=sources[source], glyph=glyph, **plain, **more)

    strip = {"y_range_name": "strip"}
    add("unmeasured", "unmeasured", _glyph("Quad", "left right", bottom=0, top=0.018, line_color=None), **strip)
    failed = _glyph("Quad", "left right", bottom=0, top=0.035, line_color=None, fill_color=_GREY)
    add("failures", "failures", failed, **strip)
    add("tags", "tags", _glyph("Segment", "x0=x x1=x", y0=0, y1=1, line_dash="dotted", line_color=_GREY), **strip)
    below = {"x_offset": 3, "y_offset": 2, "text_baseline": "top", "text_font_size": "11px"}
    add("tag_names", "tags", _glyph("Text", "x text=name", y=1, **below), **strip)
    add("band", "band", _glyph("VBar", "x bottom=low top=high", width=1, line_color=None, fill_alpha=0.25))
    add("line", "line", _glyph("Step", "x y", mode="center", line_width=1.5))
    add("dots", "points", _glyph("Scatter", "x y", size=5, line_color=None))
    add("marks", "marks", _glyph("Scatter", "x y marker fill_color=color", size=11, line_color=_GREY))
    add("reach", "points", _glyph("Scatter", "x y", size=4, line_color=None, fill_alpha=0))
    return found


def _toolbar(reached: _Json, failed: _Json) -> _Json:
    pan, wheel = _model("PanTool", dimensions="width"), _model("WheelZoomTool", dimensions="width")
    tools = [
        pan,
        wheel,
        *(_model(kind, dimensions="width") for kind in ("BoxZoomTool", "ZoomInTool", "ZoomOutTool")),
        _model("ResetTool"),
        _model("TapTool", renderers=[reached, failed]),
        _model("HoverTool", renderers=[reached], mode="vline", limit=1, tooltips=_POINT_TIP, visible=False),
        _model("HoverTool", renderers=[failed], limit=1, tooltips=_FAILURE_TIP, visible=False),
    ]
    return _model("Toolbar", tools=tools, logo=None, autohide=False, active_drag=pan, active_scroll=wheel)
