"""A scenario, a project beside it, and one measurement of them, as the tests of the probe and its host need them."""

import atexit
import contextlib
import ctypes
import functools
import subprocess
import textwrap
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from memharness.child.passes import observe
from memharness.child.terms import Terms
from memharness.model.environments import Environment, EnvironmentFacts
from memharness.model.history import Checkout
from memharness.model.measurements import Failed, Measured, Observation, Profile
from memharness.model.metrics import Stage
from memharness.model.scenarios import Call, Case, Scenario
from memharness.model.values import Scalar
from memharness_probe import bytecode
from missing import interpreter

BLOCK = 57  # bytes of a bytearray beside its contents: the object and a final zero
FIRST = ("import", "peak", "retained", "result", "gc_objects")
EVERYTHING = (*FIRST, "warm_peak", "growth", "rss_peak")
# Compiles the files that a line of its input names, for one interpreter: starting it anew for each costs more.
COMPILER = """
import sys
sys.path.insert(0, sys.argv.pop())
import bytecode
for line in sys.stdin:
    sys.argv[1:] = line.rstrip("\\n").split("\\0")
    bytecode.main()
"""
compiling = threading.Lock()
VERSIONS = ("3.8.18", "3.9.18", "3.10.13", "3.11.7", "3.12.1", "3.13.0")
every_version = pytest.mark.parametrize("versioned", VERSIONS, indirect=True)


def make_bench(folder: Path, version: str) -> "Bench":
    """Return a bench in `folder` for a Python of that version."""
    return Bench(folder, python=interpreter(version), version=version)


class Bench:
    """A folder with a project, scenarios and room for children."""

    def __init__(self, folder: Path, *, python: str, version: str) -> None:
        self.tree = folder / "tree"
        self.scenarios = folder / "scenarios"
        self.work = folder / "work"
        for made in (self.tree, self.scenarios, self.work):
            made.mkdir()
        self.python = python
        self.version = version

    def write(self, path: str, text: str) -> Path:
        """Write a source below the folder: "tree/box.py", "scenarios/waste.py"."""
        file = self.tree.parent / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text).lstrip(), encoding="utf-8")
        return file

    def checkout(self, *packages: str, import_root: str = ".") -> Checkout:
        return Checkout(tree=str(self.tree), commit="0" * 40, import_root=import_root, packages=packages)

    def names(self) -> list[str]:
        """Return the top-level names that can be imported from the tree."""
        return sorted({path.name.partition(".")[0] for path in self.tree.iterdir()} - {""})

    def environment(
        self,
        *,
        origin: Path | None = None,
        site_paths: tuple[Path, ...] = (),
        variables: dict[str, str] | None = None,
        namespaces: tuple[str, ...] = (),
    ) -> Environment:
        facts = EnvironmentFacts(family="test", python=self.version, implementation="cpython", install="path")
        tag = "cpython-" + "".join(self.version.split(".")[:2])
        return Environment(
            key="test",
            facts=facts,
            python=self.python,
            cache_tag=tag,
            site_paths=tuple(map(str, site_paths)),
            origin=str(origin) if origin else None,
            variables=variables or {},
            namespaces=namespaces,
        )

    def case(
        self,
        text: str,
        *,
        name: str = "waste",
        params: dict[str, Scalar] | None = None,
        setup: tuple[str, ...] | None = None,
        takes_state: bool = False,
        teardown: bool = False,
        fresh_setup: bool = False,
    ) -> Case:
        """Write a scenario and return its case; `setup` names the parameters that it takes."""
        path = self.write(f"scenarios/{name}.py", text)
        scenario = Scenario(
            name=name,
            path=str(path),
            summary="",
            identity="one",
            run=Call(takes_state=takes_state, params=tuple(params or ())),
            setup=None if setup is None else Call(takes_state=False, params=setup),
            fresh_setup=fresh_setup,
            teardown=Call(takes_state=takes_state, params=()) if teardown else None,
        )
        return Case(scenario=scenario, params=params or {})

    def observe(
        self,
        case: Case | str,
        metrics: tuple[str, ...] = ("peak", "retained", "result"),
        *,
        checkout: Checkout | None = None,
        environment: Environment | None = None,
        explain: bool = False,
        calls: int | None = 127,
        growth_budget: float = 1.0,
        timeout: float = 60,
        wall_seconds: float | None = None,
        memory_limit: int | None = None,
        cancel: threading.Event | None = None,
        before_pass: Callable[[Stage], None] | None = None,
    ) -> Observation:
        """Measure; a text stands for a scenario without parameters and setup."""
        case = self.case(case) if isinstance(case, str) else case
        compile_bytecode(self.python, [*self.scenarios.rglob("*.py"), *self.tree.rglob("*.py")])
        return observe(
            case,
            checkout or self.checkout(*self.names()),
            environment or self.environment(),
            self.work,
            self.scenarios,
            Terms(
                metrics=metrics,
                explain=frozenset(metrics) if explain else frozenset(),
                calls=calls,
                growth_budget=growth_budget,
                timeout=timeout,
                wall_seconds=wall_seconds or 10 * timeout,
                memory_limit=memory_limit,
            ),
            cancel=cancel,
            before_pass=before_pass,
        )


def compile_bytecode(python: str, paths: Sequence[Path]) -> None:
    """Byte-compile files, none of which crashes the compiler."""
    with compiling:
        compiler = start_compiler(python)
        assert compiler.stdin is not None
        assert compiler.stdout is not None
        print(*paths, sep="\0", file=compiler.stdin, flush=True)
        assert compiler.stdout.read(1 + len(paths)) == "." * (1 + len(paths))


@functools.cache
def start_compiler(python: str) -> subprocess.Popen[str]:
    folder = str(Path(bytecode.__file__).parent)
    command = [python, "-s", "-S", "-B", "-W", "ignore", "-c", COMPILER, folder]
    compiler = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"LANG": "C.UTF-8", "PYTHONHASHSEED": "0"},
    )
    atexit.register(compiler.communicate)
    return compiler


def measured(observation: Observation) -> Measured:
    assert isinstance(observation.outcome, Measured), observation.outcome
    return observation.outcome


def failed(observation: Observation) -> Failed:
    assert isinstance(observation.outcome, Failed), observation.outcome
    return observation.outcome


def profile(observation: Observation, kind: str) -> Profile:
    return observation.profiles[measured(observation).profiles[kind]]


@contextlib.contextmanager
def without_power_over_files() -> Iterator[None]:
    """Make this thread, if it is root's, heed permissions; the processes that it starts are not concerned."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # capabilities(7)
    powers = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, powers) == 0
    reduced = (ctypes.c_uint32 * 6)(*powers)
    reduced[0] &= ~0b1110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER
    assert libc.capset(header, reduced) == 0
    try:
        yield
    finally:
        assert libc.capset(header, powers) == 0
