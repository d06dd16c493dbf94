"""Small values that many tests need."""

from memharness.model.environments import EnvironmentSpec, Interpreter
from memharness.model.history import Commit
from memharness.model.measurements import Measured, Measurement, Outcome, ProfileLine
from memharness.model.scenarios import Call, Case, Scenario

PYTHON = Interpreter(path="/usr/bin/python3.11", version="3.11.7", implementation="cpython", cache_tag="cpython-311")
SPEC = EnvironmentSpec(interpreter=PYTHON, install="path")


def commit(number: int, *, tags: tuple[str, ...] = ()) -> Commit:
    """Return the commit with this number in a straight history."""
    return Commit(
        id=f"{number:040x}",
        parents=(f"{number - 1:040x}",) if number else (),
        author="A U Thor",
        time=1_700_000_000 + number,
        subject=f"commit {number}",
        tags=tags,
    )


def scenario(name: str = "waste", *, requires_python: str | None = None, identity: str = "one") -> Scenario:
    return Scenario(
        name=name,
        path=f"/project/scenarios/{name}.py",
        summary="",
        run=Call(takes_state=False, params=()),
        identity=identity,
        requires_python=requires_python,
    )


def case(name: str = "waste", *, requires_python: str | None = None) -> Case:
    return Case(scenario=scenario(name, requires_python=requires_python))


def measurement(outcome: Outcome | int, *, round_: int = 0, identity: str = "one", probe: int = 1) -> Measurement:
    """Return a measurement of the case "waste"; a number stands for that many bytes of `peak`."""
    if isinstance(outcome, int):
        outcome = Measured(metrics={"peak": outcome})
    return Measurement(case="waste", identity=identity, probe=probe, round=round_, environment="env", outcome=outcome)


def stat(
    line: int, size: int, *, path: str = "a.py", function: str = "f", source: str = "", count: int = 1
) -> ProfileLine:
    return ProfileLine(path=path, line=line, function=function, source=source or f"line {line}", size=size, count=count)
