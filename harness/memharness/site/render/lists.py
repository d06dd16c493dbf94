"""The pages that are lists: changes, leaks, how the measuring goes; and the form that compares two commits."""

import json
from collections.abc import Sequence
from typing import Final

from memharness.model.metrics import METRICS
from memharness.site.render.sparks import size_chart, size_steps
from memharness.site.render.templating import render
from memharness.site.render.views import row_fields
from memharness.site.values import STATUSES, CaseName, ChangeEntry, Leak, Site, Status, StatusPage

_HEADINGS: Final[dict[Status, str]] = {
    "open": "Open regressions",
    "suspected": "Suspected",
    "accepted": "Accepted",
    "fixed": "Fixed",
    "transient": "Transient",
    "improved": "Improved",
}


def render_changes(site: Site, entries: Sequence[ChangeEntry]) -> str:
    """Return changes.html: all changes by what became of them, the newest first."""
    newest = sorted(entries, key=lambda entry: (-entry.bad.time, entry.id))
    groups = [(_HEADINGS[status], [e for e in newest if e.status == status]) for status in STATUSES]
    return render("changes.html", site, groups=groups)


def render_leaks(site: Site, leaks: Sequence[Leak]) -> str:
    """Return leaks.html: what every call leaves alive."""
    shown = [
        {
            "leak": leak,
            "fields": row_fields(leak.row, site),
            "sizes": size_chart(leak.sizes) if leak.sizes else None,
            "size_steps": size_steps(leak.sizes),
            "lines": sorted(leak.profile.lines, key=lambda line: -line.size)[:10],
        }
        for leak in leaks
    ]
    return render("leaks.html", site, leaks=shown)


def render_status(site: Site, status: StatusPage) -> str:
    """Return status.html: runs, causes of failures, stale cases, environments."""
    return render("status.html", site, status=status)


def render_compare(site: Site, names: Sequence[CaseName]) -> str:
    """Return compare.html, whose script loads what it shows."""
    units = {name: metric.unit for name, metric in METRICS.items()}
    return render("compare.html", site, names=names, units=json.dumps(units), build=site.build)
