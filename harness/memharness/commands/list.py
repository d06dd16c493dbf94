"""`memharness list`: prints scenarios and cases."""

import click

from memharness.commands.options import choosing, configured, json_option
from memharness.commands.printing import print_json
from memharness.config.configuration import Config
from memharness.findings.project import Selection, load_cases
from memharness.model.scenarios import Case, Scenario
from memharness.scenarios import select_cases
from memharness.wording.text import visible


@click.command()
@choosing
@json_option
@configured
def command(config: Config, selection: Selection, *, as_json: bool) -> None:
    """Print the scenarios and their cases, or those that -k and -t choose."""
    cases = select_cases(load_cases(config), selection.pattern, selection.case_tags)
    if as_json:
        print_json({"format": 1, "scenarios": [_as_json(s, own) for s, own in _by_scenario(cases)]})
        return
    for scenario, own in _by_scenario(cases):
        tags = f"  [{', '.join(scenario.tags)}]" if scenario.tags else ""
        click.echo(visible(f"{scenario.name}{tags}  {scenario.summary}"))
        for case in own:
            if case.params:
                click.echo(visible(f"  {case.name}"))


def _by_scenario(cases: tuple[Case, ...]) -> list[tuple[Scenario, list[Case]]]:
    grouped: dict[str, list[Case]] = {}
    for case in cases:
        grouped.setdefault(case.scenario.name, []).append(case)
    return [(own[0].scenario, own) for own in grouped.values()]


def _as_json(scenario: Scenario, own: list[Case]) -> dict[str, object]:
    return {"scenario": scenario, "cases": [{"name": case.name, "params": case.params} for case in own]}
