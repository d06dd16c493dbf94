"""Templates, compiled once. Whatever they print is made visible and escaped here, so no template can forget it."""

from functools import cache
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from memharness.model.metrics import METRICS
from memharness.site.render.links import PageLinks, asset_version, bokeh_script
from memharness.site.render.words import (
    OVER_LIMIT,
    author_text,
    date_text,
    entry_label,
    folded,
    iso_time,
    relative_text,
    uncertainty_text,
)
from memharness.site.values import Site
from memharness.wording.leading import leading_line
from memharness.wording.modules import module_name
from memharness.wording.text import (
    bytes_text,
    delta_text,
    difference_text,
    number_text,
    share_text,
    value_text,
    visible,
)
from memharness.wording.verdicts import MOVED, holding_text

_FILTERS: Final = {
    "author": author_text,
    "bytes": bytes_text,
    "date": date_text,
    "delta": delta_text,
    "difference": difference_text,
    "folded": folded,
    "holding": holding_text,
    "iso": iso_time,
    "leading_line": leading_line,
    "module_name": module_name,
    "number": number_text,
    "uncertainty": uncertainty_text,
    "value": value_text,
}
_GLOBALS: Final = {
    "METRICS": METRICS,
    "MOVED": MOVED,
    "OVER_LIMIT": OVER_LIMIT,
    "entry_label": entry_label,
    "relative": relative_text,
    "share": share_text,
}


def render(template: str, site: Site, root: str = "", **values: object) -> str:
    """Return a page. `root` leads from its folder to that of index.html: "" or "../"."""
    environment = _environment()
    return environment.get_template(template).render(site=site, root=root, links=PageLinks(site, root), **values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("memharness.site.render"),
        autoescape=True,
        auto_reload=False,
        finalize=_finalize,
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(_FILTERS)
    environment.globals.update(_GLOBALS, version=asset_version(), bokeh=bokeh_script())
    return environment


def _finalize(value: object) -> object:
    """Make foreign text harmless; what is not known prints as in `value_text`."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return visible(value)
    return "-" if value is None else value
