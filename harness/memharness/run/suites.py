"""Which cases are measured in which kind of environment, and which metrics of each."""

from collections import defaultdict

from memharness.environments import find_interpreter
from memharness.errors import MemharnessError
from memharness.findings.project import Project
from memharness.model.environments import EnvironmentSpec
from memharness.model.metrics import METRICS, PassName
from memharness.model.scenarios import Case
from memharness.plan.tasks import Suite, make_suites


def suites_of(project: Project) -> tuple[Suite, ...]:
    """Return what each interpreter measures; scenarios with dependencies of their own get their own environment.

    Raises MemharnessError where an interpreter is missing, where none runs any scenario, and where two requests
    mean the same kind of environment.
    """
    settings = project.config.environment
    groups: dict[tuple[str, ...], list[Case]] = defaultdict(list)
    for case in project.cases:
        groups[tuple(sorted({*settings.dependencies, *case.scenario.dependencies}))].append(case)
    builds = settings.install in ("auto", "wheel")
    suites = make_suites(
        (
            EnvironmentSpec(
                interpreter=interpreter,
                install=settings.install,
                dependencies=dependencies,
                variables=settings.variables,
                before_build=settings.before_build if builds else "",
                build_requires=settings.build_requires if builds else (),
                build_timeout=settings.build_timeout,
            ),
            cases,
        )
        for interpreter in map(find_interpreter, settings.python)
        for dependencies, cases in groups.items()
    )
    if not suites:
        raise MemharnessError(
            f"No scenario runs on Python {', '.join(settings.python)}: each has another `requires-python`",
            hint="Choose another interpreter with --python.",
        )
    families = [suite.spec.family for suite in suites]
    twice = next((family for family in families if families.count(family) > 1), None)
    if twice is not None:
        raise MemharnessError(
            f"two of the interpreters {', '.join(settings.python)} are the same environment, {twice}",
            hint="Name each of them once.",
        )
    return suites


def metrics_of(project: Project, case: Case) -> tuple[str, ...]:
    """Return the metrics that are wanted of a case."""
    return case.scenario.metrics or project.config.run.metrics


def passes_of(project: Project, case: Case) -> set[PassName]:
    """Return the passes that these metrics take."""
    return {METRICS[name].measured_in for name in metrics_of(project, case)}
