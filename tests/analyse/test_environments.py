from memharness.analyse.environments import environment_differences
from memharness.model.environments import EnvironmentFacts
from memharness.model.findings import EnvironmentDifference


def facts(python: str, **packages: str) -> EnvironmentFacts:
    return EnvironmentFacts(family="f", python=python, implementation="cpython", install="auto", packages=packages)


def difference(name: str, before: str | None, after: str | None) -> EnvironmentDifference:
    return EnvironmentDifference(family="f", name=name, before=before, after=after)


def test_the_interpreter_comes_first_then_distributions_by_name() -> None:
    before, after = facts("3.11.7", numpy="2.0", attrs="24", box="1"), facts("3.12.1", numpy="2.1", box="1", zlib="3")
    assert list(environment_differences(before, after)) == [
        difference("python", "3.11.7", "3.12.1"),
        difference("attrs", "24", None),
        difference("numpy", "2.0", "2.1"),
        difference("zlib", None, "3"),
    ]
