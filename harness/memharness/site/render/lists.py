"""The pages that are lists: changes, leaks, how the measuring goes; and the form that compares two commits."""

import json
from collections.abc import Sequence
from typing import Final

from memharness.model.findings import BlamedHolder
from memharness.model.measurements import Profile
from memharness.model.metrics import METRICS
from memharness.site.render.sparks import size_chart, size_steps
from memharness.site.render.templating import render
from memharness.site.render.views import findings_of, row_fields
from memharness.site.values import STATUSES, CaseName, ChangeEntry, Leak, Site, Status, StatusPage

_HEADINGS: Final[dict[Status, str]] = {
    "open": "Open regressions",
    "suspected": "Suspected",
    "accepted": "Accepted",
    "fixed": "Fixed",
    "transient": "Transient",
    "improved": "Improved",
    "moved": "Moved",
}


def render_changes(site: Site, entries: Sequence[ChangeEntry]) -> str:
    """Return changes.html: all changes by what became of them, the newest first."""
    newest = sorted(entries, key=lambda entry: (-entry.bad.time, entry.id))
    by_status = {status: [entry for entry in newest if entry.status == status] for status in STATUSES}
    groups = [(_HEADINGS[status], len(own), findings_of(own)) for status, own in by_status.items()]
    return render("changes.html", site, groups=groups)


def render_leaks(site: Site, leaks: Sequence[Leak]) -> str:
    """Return leaks.html: what every call leaves alive, leaks of one cause one after the other."""
    findings = findings_of([leak.since for leak in leaks if leak.since])
    places = {entry.id: (number, at) for number, finding in enumerate(findings) for at, entry in enumerate(finding)}
    first = (-1, 0)  # of those from the first commit on
    ordered = sorted(leaks, key=lambda leak: places[leak.since.id] if leak.since else first)
    shown = [
        {
            "leak": leak,
            "same": leak.since is not None and places[leak.since.id][1] > 0,
            "holders": _holders(leak.profile),
            "fields": row_fields(leak.row, site),
            "sizes": size_chart(leak.sizes) if leak.sizes else None,
            "size_steps": size_steps(leak.sizes),
            "lines": sorted(leak.profile.lines, key=lambda line: -line.size)[:10],
        }
        for leak in ordered
    ]
    return render("leaks.html", site, leaks=shown)


def _holders(profile: Profile) -> list[BlamedHolder]:
    """Return what keeps most of the objects of a leak alive."""
    chain = max(profile.holders, key=lambda chain: chain.count, default=None)
    return [
        BlamedHolder(path=holder.path, line=holder.line, text=holder.text, changed_here=False)
        for holder in (chain.holders if chain else ())
    ]


def render_status(site: Site, status: StatusPage) -> str:
    """Return status.html: runs, causes of failures, stale cases, environments."""
    return render("status.html", site, status=status)


def render_compare(site: Site, names: Sequence[CaseName]) -> str:
    """Return compare.html, whose script loads what it shows."""
    units = {name: metric.unit for name, metric in METRICS.items()}
    return render("compare.html", site, names=names, units=json.dumps(units), build=site.build)
