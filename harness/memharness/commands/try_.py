"""`memharness try`: measures one workload in the working tree, as fast as it can, and stores nothing."""

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Final

import click
from msgspec.structs import replace

from memharness.commands.options import choosing, in_environment, json_option
from memharness.commands.printing import print_json, print_notices
from memharness.config.configuration import Config
from memharness.errors import INCOMPLETE, MemharnessError
from memharness.findings.project import Selection
from memharness.model.measurements import Measured, Outcome, Profile, StoredCase
from memharness.model.metrics import METRICS
from memharness.run.discovery import list_suites
from memharness.run.trial import Subject, Trials, open_trials
from memharness.terminal.progress import failures, show_progress
from memharness.wording.text import delta_text, value_text

_ONCE: Final = (
    "the first call, measured once and not stored; `memharness compare` measures the rest and confirms it: later "
    "calls, leaks, and memory that Python does not allocate"
)
_SHARE: Final = 0.5  # of the peak: with less, its lines are others than those at the end


@click.command()
@click.argument("scenario", required=False, metavar="[SCENARIO]")
@click.option("--explain", is_flag=True, help="Find the lines of the peak and their callers as well.")
@click.option("--watch", is_flag=True, help="Measure again whenever a file is saved, until Ctrl-C.")
@choosing
@json_option
@in_environment
@click.pass_context
def command(
    context: click.Context,
    /,
    config: Config,
    selection: Selection,
    *,
    scenario: str | None,
    explain: bool,
    watch: bool,
    as_json: bool,
) -> None:
    """Measure the first call of SCENARIO in the working tree, once, and print its figures and lines.

    SCENARIO is the name of a scenario, of which the first case is measured, or that of a case. It may be left out where
    there is one scenario. No figure is stored and nothing is measured twice: `compare` does both.
    """
    if watch and as_json:
        raise MemharnessError("--watch and --json exclude one another", hint="Give one of them.")
    with show_progress() as progress:
        list_suites(config, replace(selection, working_tree=True), progress)
    with open_trials(config, selection, scenario) as trials:
        if watch:
            with suppress(KeyboardInterrupt):  # the usual end
                _watch(trials, explain=explain)
            return
        subject = trials.subject()
        measured = _measure(trials, subject, explain=explain)
    notices = (*_notices(subject, measured, explain=explain), _ONCE)
    print_notices(notices)
    if as_json:
        print_json({"format": 1, "commit": subject.commit, "cases": (measured,), "notices": notices})
    else:
        _draw(subject, measured)
    context.exit(INCOMPLETE if failures(measured.outcome) else 0)


def _watch(trials: Trials, *, explain: bool) -> None:
    """Measure now and after each edit, and print what differs from the trial before."""
    before: StoredCase | None = None
    for subject in trials.subjects():
        try:
            if isinstance(subject, MemharnessError):
                raise subject
            measured = _measure(trials, subject, explain=explain)
        except MemharnessError as error:  # the next edit may mend it
            print_notices([f"{error.message}. {error.hint}"])
            continue
        print_notices((*_notices(subject, measured, explain=explain), *([] if before else [_ONCE])))
        _draw(subject, measured)
        if before is not None:
            click.echo(f"\nsince the last trial: {_difference(before.outcome, measured.outcome)}\n")
        if isinstance(measured.outcome, Measured):
            before = measured


def _measure(trials: Trials, subject: Subject, *, explain: bool) -> StoredCase:
    with show_progress() as progress:
        progress.planned(1, purpose="trying")
        return trials.measure(subject, explain=explain, report=partial(progress.working, 0))


def _draw(subject: Subject, measured: StoredCase) -> None:
    from memharness.terminal.commit import draw_commit
    from memharness.terminal.console import output_console

    draw_commit(output_console(), subject.commit, (measured,))


def _notices(subject: Subject, measured: StoredCase, *, explain: bool) -> Iterator[str]:
    """Yield which cases are not measured, what is above its limit, and how to find the lines of a peak that is gone."""
    if subject.others:
        yield f"the first of {len(subject.others) + 1} cases; name another one, such as {subject.others[0]!r}"
    metrics = measured.outcome.metrics if isinstance(measured.outcome, Measured) else {}
    for name, limit in subject.case.scenario.limits.items():
        if metrics.get(name, 0) > limit:
            yield f"{name} is above its limit of {value_text(limit, METRICS[name].unit)}"
    alive = sum(line.size for line in measured.profiles.get("alive", Profile()).lines)
    if alive < _SHARE * metrics.get("peak", 0) and not explain:
        yield "most of the peak is freed again at the end of the call: --explain finds the lines that held it"


def _difference(before: Outcome, after: Outcome) -> str:
    """Return how the metrics moved: "peak +1.2 MiB, result ="."""
    if not (isinstance(before, Measured) and isinstance(after, Measured)):
        return "nothing can be compared"
    both = [name for name in METRICS if name in before.metrics and name in after.metrics]
    return ", ".join(
        f"{name} {delta_text(after.metrics[name] - before.metrics[name], METRICS[name].unit)}" for name in both
    )
