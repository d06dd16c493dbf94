"""Environments: what is asked for, what was built, and the facts that are stored of it."""

from functools import cached_property
from typing import Final, Literal

import msgspec

from memharness.model.values import Value, digest

Install = Literal["auto", "wheel", "path", "existing"]


class Interpreter(Value):
    """A Python that can run the probe."""

    path: str
    version: str  # "3.11.7"
    implementation: str  # "cpython"
    cache_tag: str  # "cpython-311"
    abiflags: str = ""  # "d" of a debug build, "t" of a free-threaded one


PINNED: Final = "-pinned-"  # in the names of families that are no part of any series


class EnvironmentSpec(Value, dict=True, gc=True):
    """What is asked for, the same along a series. `dependencies` are the configured and the scenario's own.

    Where projects are built, `before_build` is a shell command run before it, and `build_requires` what the back end
    gets beside its own requirements.
    """

    interpreter: Interpreter
    install: Install
    dependencies: tuple[str, ...] = ()
    variables: dict[str, str] = {}
    before_build: str = ""
    build_requires: tuple[str, ...] = ()
    build_timeout: float = 600  # seconds
    pinned: bool = False  # to what the environment of one commit holds, for one comparison

    @cached_property
    def family(self) -> str:
        """The name that all environments of a series share: `cpython-3.11.7-auto` and a hash of the rest.

        The rest is what was added; of an existing environment also which one it is.
        """
        python = self.interpreter
        name = f"{python.implementation}-{python.version}{python.abiflags}-{self.install}"
        rest: list[object] = [sorted(self.dependencies), sorted(self.variables.items())]
        if self.install == "existing":
            rest.append(python.path)
        if self.before_build or self.build_requires:
            rest.append([self.before_build, sorted(self.build_requires)])
        if self.pinned:
            return f"{name}{PINNED}{digest(rest, 8)}"
        return f"{name}-{digest(rest, 8)}" if any(rest) else name

    def facts(self, packages: dict[str, str]) -> "EnvironmentFacts":
        """Return the facts of such an environment, which holds these `packages`."""
        return EnvironmentFacts(
            family=self.family,
            python=self.interpreter.version,
            implementation=self.interpreter.implementation,
            install=self.install,
            packages=packages,
        )


class EnvironmentFacts(Value):
    """What an environment turned out to hold; stored once, measurements refer to it by `id`."""

    family: str
    python: str
    implementation: str
    install: Install
    packages: dict[str, str] = {}  # distribution name -> version, the project itself left out

    @property
    def id(self) -> str:
        """Hash of all facts."""
        return digest(msgspec.to_builtins(self), 12)


class Environment(Value):
    """An environment ready to measure in."""

    key: str
    facts: EnvironmentFacts
    python: str  # path of the executable that runs the probe
    cache_tag: str
    folder: str | None = None  # where it was built, and children leave nothing; None: nothing was
    site_paths: tuple[str, ...] = ()  # added by the probe before the baseline, .pth files included
    generated: dict[str, str] = {}  # path below the checkout -> file made by the build, to be placed there
    origin: str | None = None  # folder the project's modules must come from; None: the checkout's import root
    variables: dict[str, str] = {}
    frozen: tuple[str, ...] = ()  # what a commit must share: files, "folders/" with all in them, names in "folders/*"
    notes: tuple[str, ...] = ()  # what every measurement in it says
    packages: tuple[str, ...] = ()  # top-level names that can be imported of the project; (): those of the checkout
    import_root: str | None = None  # that of the checkout, where the build shows that it is another than it seems
    namespaces: tuple[str, ...] = ()  # dotted: installed without the __init__ that the commit has there
