"""`memharness plot`: draws trends of metrics over commits, or what one commit changed."""

from collections.abc import Sequence
from pathlib import Path

import click

from memharness.commands.options import configured, json_option, selecting, with_options
from memharness.commands.printing import print_json, print_notices
from memharness.config.configuration import Config
from memharness.errors import MemharnessError
from memharness.findings.commit_changes import changes_at
from memharness.findings.describe import find_changes
from memharness.findings.judge import judge
from memharness.findings.project import Selection
from memharness.findings.report import trends
from memharness.findings.results import Results, load_results
from memharness.model.metrics import METRICS
from memharness.pictures.look import THEMES, Look
from memharness.wording.text import number_text

_LOOKS = (
    click.option("--theme", type=click.Choice(list(THEMES)), default="light", show_default=True, help="Colours."),
    click.option(
        "--width", type=float, metavar="INCHES", help="Width of the picture (default: 11; 6.7 with --before-after)."
    ),
    click.option(
        "--height",
        type=float,
        metavar="INCHES",
        help="Height of each panel; with --before-after, the least height of the picture.",
    ),
    click.option("--dpi", type=int, default=120, show_default=True, help="Pixels per inch of a .png."),
)


@click.command()
@selecting
@click.option(
    "-m",
    "--metric",
    "metrics",
    type=click.Choice(list(METRICS)),
    multiple=True,
    help="Metric to draw; may be repeated (default: peak, or all that changed).",
)
@click.option("--before-after", "revision", metavar="COMMIT", help="Draw what this commit changed instead of trends.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="File: .svg, .png or .pdf.")
@with_options(_LOOKS)
@json_option
@configured
def command(
    config: Config,
    selection: Selection,
    *,
    metrics: tuple[str, ...],
    revision: str | None,
    output: Path,
    as_json: bool,
    theme: str,
    width: float | None,
    height: float | None,
    dpi: int,
) -> None:
    """Draw the trends of metrics over commits.

    Tags, limits, changes and the spread of repeats are marked, and failures are gaps. With --before-after, draw the
    changes at one commit as bars, with the lines that hold each difference.
    """
    look = Look(theme=theme, width=width, height=height, dpi=dpi)
    results = load_results(config, selection)
    draw = _draw_trends if revision is None else _draw_changes
    drawn = draw(results, revision or "", metrics, output, look)
    if as_json:
        print_json({"format": 1, "file": str(output), **drawn})
    else:
        click.echo(str(output))


def _draw_trends(results: Results, _: str, metrics: tuple[str, ...], output: Path, look: Look) -> dict[str, object]:
    """Draw the trends of metrics. Print which metrics have no value; raise MemharnessError if none has one."""
    wanted = metrics or ("peak",)
    drawn = trends(results, *wanted)
    where = f"is stored for the chosen commits and cases in {results.project.config.run.results}"
    missing = [metric for metric in dict.fromkeys(wanted) if metric not in {trend.metric for trend in drawn}]
    print_notices((*results.project.store.notices, *(f"no value of {metric} {where}" for metric in missing if drawn)))
    if not drawn:
        raise MemharnessError(f"No value of {' or '.join(missing)} {where}", hint=_why_none(results, missing))
    from memharness.pictures.trends import draw_trends

    draw_trends(drawn, output, look)
    return {"trends": drawn}


def _why_none(results: Results, metrics: Sequence[str]) -> str:
    """Return a hint on why no value of `metrics` is stored: all measured commits failed, or none was measured."""
    points = [point for one in judge(results) if one.series.metric in metrics for point in one.series.points]
    failed = {point.commit.id for point in points if point.failure}
    if not failed:
        return "Measure them with `memharness run` and the same range."
    newest = next(commit for commit in reversed(results.commits) if commit.id in failed)
    said = f"{number_text(len(failed), 'commit')} failed; see `memharness show {newest.short}`"
    return f"{said}, or try again: `memharness run --retry-failed`."


def _draw_changes(
    results: Results, revision: str, metrics: tuple[str, ...], output: Path, look: Look
) -> dict[str, object]:
    """Draw the changes at the commit that `revision` names."""
    commit, changes = changes_at(results, revision, find_changes(results), metrics)
    print_notices(results.project.store.notices)
    from memharness.pictures.change_bars import draw_change_bars

    draw_change_bars(commit, changes, output, look)
    return {"commit": commit, "changes": changes}
