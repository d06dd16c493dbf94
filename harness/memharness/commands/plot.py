"""`memharness plot`: the trend of a metric over commits as a picture."""

from pathlib import Path

import click

from memharness.commands.options import configured, json_option, metric_option, selecting
from memharness.commands.printing import print_json, print_notices
from memharness.config import Config
from memharness.errors import MemharnessError
from memharness.pipeline.project import Selection
from memharness.pipeline.reports import trends
from memharness.pipeline.results import load_results


@click.command()
@selecting
@metric_option
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="File: .svg, .png or .pdf.")
@json_option
@configured
def command(config: Config, selection: Selection, *, metric: str, output: Path, as_json: bool) -> None:
    """Draw the trend of a metric over commits: tags and changes marked, failures as gaps."""
    results = load_results(config, selection)
    drawn = trends(results, metric)
    print_notices(results.project.store.notices)
    if not drawn:
        raise MemharnessError(
            f"No value of {metric} is stored for the chosen commits and cases in {config.run.results}",
            hint="Measure them with `memharness run` and the same range.",
        )
    from memharness.present.plots import draw_trend

    draw_trend(drawn, output)
    if as_json:
        print_json({"format": 1, "file": str(output), "trends": drawn})
    else:
        click.echo(str(output))
