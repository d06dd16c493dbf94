"""Which cases are measured in which kind of environment."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from memharness.environments import find_interpreter
from memharness.errors import MemharnessError
from memharness.findings.project import Project
from memharness.model.environments import EnvironmentSpec
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
    _check(suites, settings.python)
    return suites


def _check(suites: Sequence[Suite], interpreters: Sequence[str]) -> None:
    if not suites:
        raise MemharnessError(
            f"No scenario runs on Python {', '.join(interpreters)}: each has another `requires-python`",
            hint="Choose another interpreter with --python.",
        )
    families = Counter(suite.spec.family for suite in suites)
    ((family, number),) = families.most_common(1)
    if number > 1:
        raise MemharnessError(
            f"two of the interpreters {', '.join(interpreters)} are the same environment, {family}",
            hint="Name each of them once.",
        )
