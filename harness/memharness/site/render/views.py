"""The pages that show measured trends: the index, that of a case and that of a commit."""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from memharness.analyse.causes import group_by_cause
from memharness.model.metrics import METRICS
from memharness.site.render.icicle import difference_icicle, icicle
from memharness.site.render.sparks import size_chart, size_steps, spark
from memharness.site.render.templating import render
from memharness.site.render.words import relative_text, row_labels
from memharness.site.values import Allocations, CasePage, ChangeEntry, CommitPage, Index, Site, TrendSummary
from memharness.wording.leading import leading_change
from memharness.wording.text import delta_text, number_text, value_text

SHOWN_OPEN: Final = 20  # entries before the rest is folded away
_TOP_LINES: Final = 12
_DEFAULT: Final = "peak"
_KINDS: Final = {
    "peak": "at the peak",
    "alive": "alive at the end of the call",
    "retained": "kept after the call",
    "import": "kept by the imports",
}


def render_index(site: Site, index: Index) -> str:
    """Return index.html: what is open, what fails, and every trend as a row."""
    metrics = _metrics(index.rows)
    return render(
        "index.html",
        site,
        index=index,
        over_limit=[row for row in index.rows if row.over_limit],
        rows=[row_fields(row, site) for row in index.rows],
        metrics=metrics,
        chosen=first_metric(index.rows),
        same_place=len({(row.subject.family, row.subject.machine) for row in index.rows}) < 2,
        now={(row.subject.id, row.metric): row.now for row in index.rows},
        groups=[
            findings_of([*group])
            for _, group in groupby(index.open, key=lambda entry: (entry.bad.id, entry.change.range))
        ],
        shown=SHOWN_OPEN,
    )


def render_case(site: Site, page: CasePage) -> str:
    """Return scenario/<id>.html."""
    return render(
        "scenario.html",
        site,
        "../",
        page=page,
        rows=[row_fields(row, site) for row in page.rows],
        chosen=first_metric(page.rows),
        sizes=size_chart(page.sizes) if any(page.sizes) else None,
        size_steps=size_steps(page.sizes),
        build=site.build,
    )


def render_commit(site: Site, page: CommitPage) -> str:
    """Return commit/<id>.html."""
    return render(
        "commit.html",
        site,
        "../",
        page=page,
        findings=findings_of(page.entries),
        allocations=[allocation_fields(held) for held in page.allocations],
    )


def findings_of(entries: Sequence[ChangeEntry]) -> list[list[ChangeEntry]]:
    """Return the changes of one cause together, that which leads them in front."""
    findings = [[entries[at] for at in finding] for finding in group_by_cause([entry.change for entry in entries])]
    for finding in findings:
        lead = leading_change([entry.change for entry in finding])
        finding.sort(key=lambda entry: entry.change is not lead)
    return findings


def row_fields(row: TrendSummary, site: Site) -> dict[str, object]:
    """Return what a template prints of a trend. `order` are numbers to sort by: now, since tag, last, status, age."""
    labels = row_labels(row)
    since = row.since_tag
    share = since * 10_000 // row.at_tag if since is not None and row.at_tag else since
    position = max((mark.position for mark in row.marks), default=None)
    order = (row.now, share, position, labels[0].rank, row.age)
    return {
        "age": _age_text(row.age),
        "labels": labels,
        "limit": None if row.limit is None else value_text(row.limit, row.unit),
        "now": value_text(row.now, row.unit),
        "order": ",".join("" if number is None else str(number) for number in order),
        "row": row,
        "since": "" if since is None else delta_text(since, row.unit),
        "share": "" if row.now is None or row.at_tag is None else relative_text(row.at_tag, row.now),
        "spark": spark(row, site.commits),
    }


def _age_text(age: int | None) -> str:
    if age is None:
        return ""
    return f"{number_text(age, 'commit')} ago" if age else "newest commit"


def allocation_fields(held: Allocations) -> dict[str, object]:
    """Return what a template prints of where a case allocated: icicles, and lines with their difference."""
    return {
        "held": held,
        "title": _KINDS[held.kind],
        "total": sum(line.size for line in held.after.lines),
        "after": icicle(held.after),
        "difference": difference_icicle(held.before, held.after),
        "lines": held.lines,
        "top": _TOP_LINES,
    }


def first_metric(rows: Sequence[TrendSummary]) -> str:
    """Return the metric that a page shows until another one is chosen."""
    metrics = _metrics(rows)
    return _DEFAULT if _DEFAULT in metrics or not metrics else metrics[0]


def _metrics(rows: Sequence[TrendSummary]) -> list[str]:
    """Return the metrics of rows in their usual order."""
    found = {row.metric for row in rows}
    return [name for name in METRICS if name in found] + sorted(found - METRICS.keys())
