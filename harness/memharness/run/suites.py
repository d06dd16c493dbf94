"""Which cases are measured in which kind of environment."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from memharness.environments import find_interpreter
from memharness.errors import MemharnessError
from memharness.findings.project import Project
from memharness.git.history import commit_ids
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


def patch_release_notes(project: Project, suites: Sequence[Suite], until: str) -> Iterator[str]:
    """Yield a note on each suite for which the newest figures up to a commit are of another patch release of Python."""
    measured_now = {suite.spec.family for suite in suites}
    others = [family for family in project.store.families() if family not in measured_now]
    for suite in suites:
        own = suite.spec.family
        alike = [family for family in others if _same_minor(family) == _same_minor(own)]
        newest = _newest(project, (own, *alike), until) if alike else (own,)
        if newest and own not in newest:
            former, now = newest[0].split("-")[1], suite.spec.interpreter.version
            yield (
                f"figures of Python {now} are a series of their own: the newest stored ones are of {former}, and the "
                f'two are not compared. To continue that series, set python = ["{former}"] under [environment] '
                f"(`uv python install {former}` gets it); to leave it, measure older commits with {now} too."
            )


def _same_minor(family: str) -> str:
    """Return what the families of all patch releases of a Python share."""
    return re.sub(r"(?<=-)(\d+\.\d+)\.\d+", r"\1", family, count=1)


def _newest(project: Project, families: Sequence[str], until: str) -> tuple[str, ...]:
    """Return those of some families that hold the newest commit up to `until` that any of them holds."""
    stored = {family: project.store.commit_ids(family) for family in families}
    line = commit_ids(project.repository, until)
    found = (tuple(family for family in families if commit in stored[family]) for commit in line)
    return next(filter(None, found), ())


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
