"""Renders the pages of the site as HTML, scripts and a feed.

In: values, whose texts are foreign and made harmless here. Out: text and bytes of files, laid out as in `PageLinks`;
nothing is read but the templates and assets of this package and Bokeh's script. Pages work from any folder, offline.
"""

from memharness.site.render.bundle import assets
from memharness.site.render.feed import render_feed
from memharness.site.render.lists import render_changes, render_compare, render_leaks, render_status
from memharness.site.render.scripts import case_script, commit_script, history_script, profile_script
from memharness.site.render.views import first_metric, render_case, render_commit, render_index

__all__ = [
    "assets",
    "case_script",
    "commit_script",
    "first_metric",
    "history_script",
    "profile_script",
    "render_case",
    "render_changes",
    "render_commit",
    "render_compare",
    "render_feed",
    "render_index",
    "render_leaks",
    "render_status",
]
