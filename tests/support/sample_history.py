"""Planted histories: what a sample says must be found, and what `memharness run` finds in it.

A sample is a file of `tests/samples/`. Its `build` makes a repository and returns what is `Expected` there. What is
found is brought into the same form, so that both are compared as whole values: a flag too many is as wrong as one
too few.
"""

import importlib.util
import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import msgspec

from memharness.cli import main
from memharness.model.findings import BlamedHolder, Change, Report, Verdict
from memharness.model.metrics import Phase
from repositories import RepositoryBuilder

__all__ = [
    "Expected",
    "Flag",
    "Limit",
    "RepositoryBuilder",
    "edit",
    "examine",
    "flags",
    "load",
    "plant",
    "samples",
    "scenario",
    "start",
]

CONFIGURATION = '[environment]\ninstall = "path"\n'
SAMPLES = Path(__file__).resolve().parents[1] / "samples"

Place = str | tuple[str, str]  # the commit, or the last good and the first bad one of a range


@dataclass(frozen=True, kw_only=True)
class Flag:
    """One metric of one case that changed `at` a place, and the line blamed first.

    `caller` is, for an unchanged line, the source of the changed line in its function, or else of the nearest call up
    the stack that lies in a changed function; `module` is the first that a change of `import` names. Where it matters,
    `number` is the number of the line in its file, and `blamed` tells how many lines moved with it in all. `held` is
    what keeps the memory alive, nearest holder first, where that matters too: a changed one with a star, one that an
    edited statement fills with that in brackets.
    """

    metric: str
    verdict: Verdict
    at: Place
    path: str = ""
    source: str = ""
    changed_here: bool = False
    caller: str = ""
    library: str = ""
    module: str = ""
    merge: str | None = None
    undone_by: str | None = None
    number: int | None = None
    blamed: int | None = None
    held: str = ""
    case: str = "workload"


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A budget that was exceeded from `first` to `last`, `still` where the newest commit is among them."""

    metric: str
    first: str
    last: str
    still: bool
    case: str = "workload"


@dataclass(frozen=True, kw_only=True)
class Expected:
    """All that a run reports, and nothing else; `failures` are commits with the phase that failed."""

    flags: frozenset[Flag] = frozenset()
    limits: frozenset[Limit] = frozenset()
    failures: frozenset[tuple[str, Phase]] = frozenset()


Build = Callable[[RepositoryBuilder], Expected]


def flags(
    metrics: str,
    verdict: Verdict,
    at: Place,
    line: tuple[str, str] = ("", ""),
    *,
    changed_here: bool = True,
    caller: str = "",
    **more: str | int | None,
) -> frozenset[Flag]:
    """Return a flag for each of the `metrics`, which stand apart by blanks and blame the same line (path, source).

    A line with a `caller` did not change.
    """
    flag = Flag(
        metric="",
        verdict=verdict,
        at=at,
        path=line[0],
        source=line[1],
        changed_here=changed_here and not caller and line != ("", ""),
        caller=caller,
    )
    return frozenset(replace(flag, metric=metric, **more) for metric in metrics.split())  # type: ignore[arg-type]


# --- planting ------------------------------------------------------------------------------------------------


def scenario(
    module: str = "shop",
    function: str = "work",
    *,
    calls: int = 15,
    metrics: Sequence[str] = ("peak", "retained", "result", "growth"),
    more: str = "",
) -> str:
    """Return the text of a scenario that calls a function of the project without arguments."""
    names = ", ".join(f'"{name}"' for name in metrics)
    return (
        f'"""Call {module}.{function}."""\n# /// script\n# [tool.memharness]\n# calls = {calls}\n'
        f"# metrics = [{names}]\n{more}# ///\n"
        f"import {module}\n\n\ndef run():\n    return {module}.{function}()\n"
    )


def start(repository: RepositoryBuilder, files: dict[str, str], scenarios: dict[str, str] | None = None) -> str:
    """Make the first commit: the project's files, configuration and scenarios (name -> text)."""
    texts = scenarios or {"workload": scenario()}
    return repository.commit(
        {"memharness.toml": CONFIGURATION, **{f"scenarios/{name}.py": text for name, text in texts.items()}, **files},
        "start",
    )


def edit(text: str, old: str, new: str) -> str:
    """Replace the one place in `text` that reads `old`."""
    assert text.count(old) == 1, (old, text)
    return text.replace(old, new)


def plant(
    repository: RepositoryBuilder,
    files: dict[str, str],
    edited: Mapping[str, str | None],
    scenarios: dict[str, str] | None = None,
) -> str:
    """Edit files in the second of four commits and return its id; the last one moves all lines."""
    start(repository, files, scenarios)
    found = repository.commit(edited, "edit")
    repository.commit({"README": "A shop.\n"}, "explain")
    present = {path: text for path, text in {**files, **edited}.items() if text is not None}
    repository.commit({path: f'"""Of the shop."""\n\n{text}' for path, text in present.items()}, "describe")
    return found


# --- examining -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Examined:
    """What was planted and what was found, with the subject of each commit."""

    expected: Expected
    found: Expected
    subjects: dict[str, str]

    def differences(self) -> list[str]:
        """Return what is expected and not found, after a minus, and what is found and not expected, after a plus."""
        expected, found = self.told(self.expected), self.told(self.found)
        missing = [f"- {row}" for row in expected if row not in found]
        return missing + [f"+ {row}" for row in found if row not in expected]

    def told(self, what: Expected) -> list[str]:
        """Return a line of text for everything that is expected or found."""
        flagged = [self._tell(flag) for flag in what.flags]
        limits = [
            f"{over.case} {over.metric} over its limit at {self._name((over.first, over.last))}" + " still" * over.still
            for over in what.limits
        ]
        failed = [f"{phase} failed at {self._name(commit)}" for commit, phase in what.failures]
        return sorted([*flagged, *limits, *failed])

    def _tell(self, flag: Flag) -> str:
        parts = [f"{flag.case} {flag.metric} {flag.verdict} at {self._name(flag.at)}", f"{flag.path!r}: {flag.source}"]
        parts += ["changed here" if flag.changed_here else "not changed"]
        parts += [f"via {flag.caller}"] * bool(flag.caller) + [f"in {flag.library}"] * bool(flag.library)
        parts += [f"module {flag.module}"] * bool(flag.module)
        parts += [f"merged by {self._name(flag.merge)}"] * bool(flag.merge)
        parts += [f"undone by {self._name(flag.undone_by)}"] * bool(flag.undone_by)
        parts += [f"line {flag.number}"] * (flag.number is not None)
        parts += [f"kept alive by {flag.held}"] * bool(flag.held)
        parts += [f"blamed in all: {flag.blamed}"] * (flag.blamed is not None)
        return ", ".join(parts)

    def _name(self, place: Place | None) -> str:
        if isinstance(place, tuple):
            return f"{self._name(place[0])} .. {self._name(place[1])}"
        return repr(self.subjects.get(place or "", place))


def samples() -> tuple[str, ...]:
    """Return the names of all samples."""
    return tuple(sorted(path.stem for path in SAMPLES.glob("[a-z]*.py")))


def load(name: str) -> Build:
    """Return the `build` of a sample."""
    spec = importlib.util.spec_from_file_location(f"samples.{name}", SAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return cast("Build", module.build)


def examine(name: str, folder: Path) -> Examined:
    """Plant a sample in `folder` and run memharness on it."""
    repository = RepositoryBuilder(folder / "project")
    expected = load(name)(repository)
    out, err = io.BytesIO(), io.StringIO()
    with chdir(repository.path), redirect_stdout(io.TextIOWrapper(out, write_through=True)), redirect_stderr(err):
        main(["run", "--json", "--results", str(folder / "results")])
        report_text = out.getvalue()  # before the wrapper is gone, which closes it
    try:
        report = msgspec.json.decode(report_text, type=Report)
    except msgspec.MsgspecError:
        raise AssertionError(f"{name}: no report\n{report_text.decode()}{err.getvalue()}") from None
    log = repository.git("log", "--all", "--format=%H %s").splitlines()
    return Examined(
        expected=expected,
        found=_found(report, expected),
        subjects={line[:40]: line[41:] for line in log},
    )


def _found(report: Report, expected: Expected) -> Expected:
    asked = {(flag.case, flag.metric, flag.at): flag for flag in expected.flags}
    found = []
    for change in report.changes:
        for metric in (change.metric, *change.also):
            flag = _flag(change, metric)
            like = asked.get((flag.case, flag.metric, flag.at))
            found.append(
                replace(
                    flag,
                    number=flag.number if like and like.number is not None else None,
                    blamed=flag.blamed if like and like.blamed is not None else None,
                    held=flag.held if like and like.held else "",
                )
            )
    assert len(set(found)) == len(found), found
    return Expected(
        flags=frozenset(found),
        limits=frozenset(
            Limit(metric=over.metric, first=over.first, last=over.last, still=over.open, case=over.case)
            for over in report.exceeded
        ),
        failures=frozenset((failure.commit, failure.phase) for failure in report.failures),
    )


def _held(holder: BlamedHolder) -> str:
    filled = f" ({holder.filled.source})" if holder.filled else ""
    return f"{holder.text}{'*' * holder.changed_here}{filled}"


def _flag(change: Change, metric: str) -> Flag:
    flag = Flag(
        case=change.case,
        metric=metric,
        verdict=change.verdict,
        at=change.range if change.commit is None else change.commit,
        module=change.modules[0].module.name if change.modules else "",
        merge=change.merge,
        undone_by=change.undone_by,
        held=" <- ".join(_held(holder) for holder in change.holders),
        blamed=sum(line.bytes * (change.after - change.before) > 0 for line in change.blame),
    )
    if not change.blame:
        return flag
    line = change.blame[0]
    return replace(
        flag,
        path=line.path,
        number=line.line,
        source=line.source,
        changed_here=line.changed_here,
        caller=line.caller.source if line.caller else "",
        library=line.library,
    )
