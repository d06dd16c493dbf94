"""`memharness accept`: enters a change that you meant in the ledger, with its reason."""

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime

import click

from memharness.analyse.acceptance import acceptance_of
from memharness.commands.exit_code import is_regression
from memharness.commands.options import choosing, configured, json_option
from memharness.commands.printing import print_json
from memharness.config.configuration import Config
from memharness.errors import MemharnessError
from memharness.findings.commit_changes import changes_at
from memharness.findings.describe import describe
from memharness.findings.judge import judge
from memharness.findings.project import Selection
from memharness.findings.results import Results, load_results
from memharness.model.findings import Acceptance, Change
from memharness.model.metrics import METRICS
from memharness.store import Store, is_same_change
from memharness.wording.text import visible


@click.command()
@click.argument("commit")
@click.option("-m", "--metric", type=click.Choice(list(METRICS)), help="Only this metric (default: all that moved).")
@click.option("--reason", required=True, metavar="TEXT", help="Why you meant the change; shown beside it.")
@choosing
@json_option
@configured
def command(
    config: Config,
    selection: Selection,
    *,
    commit: str,
    metric: str | None,
    reason: str,
    as_json: bool,
) -> None:
    """Accept what COMMIT changed, so that it no longer counts as a regression.

    COMMIT is the one that a change names, or the last one of its range. The change is shown with the reason from now
    on. The entry goes to accepted.toml in the results folder; review it and commit it. A change that comes later or is
    larger is reported as before.
    """
    if not reason.strip():
        raise MemharnessError("--reason is empty", hint="Say in a few words why the change is meant.")
    results = load_results(config, selection)
    changes = describe(results, judge(results))
    found, there = changes_at(results, commit, changes, [metric] if metric else ())
    chosen = [change for change in there if change.verdict not in {"improved", "moved"}]
    if not chosen:
        raise MemharnessError(f"nothing grew at {found.short}", hint="What a commit improved needs no acceptance.")
    entries = _entries(results, chosen, reason.strip())
    replaced = [_replaced(entry, results.accepted) for entry in entries]
    path = Store(config.run.results, config.run.machine).accept(entries)
    if as_json:
        print_json({"format": 1, "file": str(path), "accepted": entries, "replaced": [*filter(None, replaced)]})
        return
    for entry, old in zip(entries, replaced, strict=True):
        click.echo(visible(_accepted(entry, old, found.short)))
    for line in _not_accepted(changes_at(results, commit, changes)[1], chosen):
        click.echo(visible(line))
    click.echo(f"entered in {visible(str(path))}; commit it with the results")


def _entries(results: Results, changes: Iterable[Change], reason: str) -> list[Acceptance]:
    """Return the entries that accept some changes, by the user of git and as of today."""
    user = results.project.repository.try_git("config", "user.name").output.decode(errors="replace").strip()
    date = datetime.now(UTC).date().isoformat()
    return [acceptance_of(change, reason, by=user, date=date) for change in changes]


def _replaced(entry: Acceptance, accepted: Iterable[Acceptance]) -> Acceptance | None:
    """Return the entry of the ledger that a new one replaces, None where it replaces none."""
    return next((old for old in accepted if is_same_change(old, entry)), None)


def _accepted(entry: Acceptance, old: Acceptance | None, commit: str) -> str:
    """Return the line that says what was accepted, with the reason that it replaces."""
    figures = f"{entry.before:,} -> {entry.after:,} {METRICS[entry.metric].unit}"
    replaced = f'; this replaces the reason "{old.reason}"' if old else ""
    return f"accepted {entry.metric} of {entry.case} at {commit}: {figures}{replaced}"


def _not_accepted(there: Iterable[Change], chosen: Collection[Change]) -> Iterator[str]:
    """Yield lines that name the other regressions at the commit."""
    for change in there:
        if is_regression(change) and change not in chosen:
            yield f"not accepted: {change.metric} of {change.case}, which moved there too (-m {change.metric})"
