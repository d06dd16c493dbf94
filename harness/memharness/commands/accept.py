"""`memharness accept`: enters a change that you meant in the ledger, with its reason."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import click

from memharness.analyse.acceptance import acceptance_of
from memharness.commands.exit_code import is_regression
from memharness.commands.options import choosing, configured, json_option
from memharness.commands.printing import print_json
from memharness.config.configuration import Config
from memharness.errors import MemharnessError
from memharness.findings.describe import describe
from memharness.findings.judge import judge
from memharness.findings.project import Selection
from memharness.findings.results import Results, load_results
from memharness.git.history import find_commit
from memharness.model.findings import Acceptance, Change
from memharness.model.history import Commit
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
    wanted = find_commit(results.project.repository, commit)
    chosen, others = _choose(results, wanted, metric)
    user = results.project.repository.try_git("config", "user.name").output.decode(errors="replace").strip()
    date = datetime.now(UTC).date().isoformat()
    entries = [acceptance_of(change, reason.strip(), by=user, date=date) for change in chosen]
    replaced = [_replaced(entry, results.accepted) for entry in entries]
    path = Store(config.run.results, config.run.machine).accept(entries)
    if as_json:
        print_json({"format": 1, "file": str(path), "accepted": entries, "replaced": [old for old in replaced if old]})
        return
    for entry, old in zip(entries, replaced, strict=True):
        click.echo(visible(_accepted(entry, old, wanted.short)))
    for change in filter(is_regression, others):
        rest = f"not accepted: {change.metric} of {change.case}, which moved there too (-m {change.metric})"
        click.echo(visible(rest))
    click.echo(f"entered in {visible(str(path))}; commit it with the results")


def _choose(results: Results, commit: Commit, metric: str | None) -> tuple[list[Change], list[Change]]:
    """Return the changes at `commit` of `metric`, or of all metrics, and its other changes.

    Raises MemharnessError where there is none to accept.
    """
    changes = [change for change in describe(results, judge(results)) if change.verdict != "improved"]
    there = [change for change in changes if commit.id in (change.commit, change.merge, change.range[1])]
    chosen = [change for change in there if metric in (None, change.metric)]
    if not chosen:
        raise _nothing(changes, commit.short, metric)
    return chosen, [change for change in there if metric not in (None, change.metric)]


def _replaced(entry: Acceptance, accepted: Iterable[Acceptance]) -> Acceptance | None:
    """Return the entry of the ledger that a new one replaces, None where it replaces none."""
    return next((old for old in accepted if is_same_change(old, entry)), None)


def _accepted(entry: Acceptance, old: Acceptance | None, commit: str) -> str:
    """Return the line that says what was accepted, with the reason that it replaces."""
    figures = f"{entry.before:,} -> {entry.after:,} {METRICS[entry.metric].unit}"
    replaced = f'; this replaces the reason "{old.reason}"' if old else ""
    return f"accepted {entry.metric} of {entry.case} at {commit}: {figures}{replaced}"


def _nothing(changes: Sequence[Change], commit: str, metric: str | None) -> MemharnessError:
    """Return the error that names the changes which could be accepted."""
    there = list(dict.fromkeys(change.range[1][:10] for change in changes))
    what = f"no change of {metric}" if metric else "no change"
    if not there:
        hint = "No stored change is open: measure with `memharness run` first."
    else:
        hint = f"There are changes at {', '.join(there[:5])}" + (", and more." if len(there) > 5 else ".")
    return MemharnessError(f"{what} of the chosen cases is found at {commit}", hint=hint)
