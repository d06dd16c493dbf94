"""Logs of builds: what uv, a back end or a step before it printed -> why it failed, and whose fault it is. Pure.

All of it is foreign text: lines are cut to a length before any pattern sees them.
"""

import re
from collections.abc import Callable, Collection, Sequence
from typing import Final

from memharness.model.measurements import Failed
from memharness.model.values import Value

_LINE_CHARACTERS: Final = 1000
_OUTPUT_LINES: Final = 20
_OUTPUT_CHARACTERS: Final = 400
_EXCEPTION: Final = re.compile(r"(?:\w+\.)*\w*(?:Error|Exception|Interrupt|Exit|Failure|NotFound\w*)\b(?::.*)?$")
_ERROR: Final = re.compile(r".*\bfatal error: |.*: error: |error: (?!Failed to |[Cc]ommand |No solution )")
_RESOLVER: Final = re.compile(r"Because ")
_DRAWING: Final = "×├╰─▶│ \t"  # noqa: RUF001  (uv draws them)
_TEMPORARY: Final = re.compile(r"(?<!\S)\S{0,400}/builds-v\d{1,4}/\.tmp\w{1,40}")
_QUOTE: Final = ("[stdout]", "[stderr]", "--- stdout", "--- stderr")  # begins what uv quotes of others
_MODULE: Final = re.compile(r"(?:ModuleNotFound|Import)Error: No module named '?([\w.]{1,200})")
_SOURCE: Final = re.compile(r"([\w./-]{1,200})\.(c|cc|cpp|cxx)\b.{0,20}(?:No such file|not exist|not found)")
_NO_COMMAND: Final = re.compile(r"(?:command not found|: not found|Error 127)$")
_MACHINE_FAULTS: Final = (  # what uv says where the machine or the network failed it
    *(f"(os error {number})" for number in (5, 12, 13, 23, 24, 28, 30, 122)),
    "error sending request",
    "error decoding response body",
    "dns error",
    "operation timed out",
    "HTTP status server error",
    "(429 Too Many Requests)",
    "lack of valid authentication credentials",
    "returned a 403 Forbidden error",
    "network was disabled",
    "when waiting for lock on",  # which another uv holds
    "Failed to parse: `/dev/stdin`",
)
_DISK_FULL: Final = "No space left on device"  # whoever says it


class Log(Value):
    """How a process of a build ended, and what it printed last; nothing in it depends on the folder it ran in."""

    status: int
    lines: tuple[str, ...]

    def failed(self, tracked: Collection[str], *, step: str = "") -> Failed:
        """Return the outcome that a failed build is stored as; `tracked` are the paths of the commit."""
        reason = find_reason(self.lines) if self.status > 0 else f"killed by signal {-self.status}"
        hint = suggest_setting(reason, tracked)
        text = f"{step and f'{step}: '}{reason}{hint and f'; {hint}'}"
        return failed_build(text, self.lines, exit_code=self.status)

    @property
    def may_differ(self) -> bool:
        """Whether another attempt may end otherwise: memory may have run out, or files of uv's own were missing."""
        own = _lines_of_uv(self.lines)
        return self.status < 0 or any("(signal: 9 " in line or "(os error 2)" in line for line in own)


def failed_build(reason: str, lines: Sequence[str], *, exit_code: int | None = None) -> Failed:
    """Return the outcome of a failed build with the end of its log."""
    output = tuple(line[:_OUTPUT_CHARACTERS] for line in lines[-_OUTPUT_LINES:])
    return Failed(phase="build", reason=reason, exit_code=exit_code, output=output)


def read_log(text: str, hide: Callable[[str], str]) -> tuple[str, ...]:
    """Return the lines of a log that are not blank, cut to a length; `hide` takes out secrets and folders."""
    cut = (hide(line[: 4 * _LINE_CHARACTERS]) for line in text.splitlines())  # no path is cut before it is hidden
    lines = (_TEMPORARY.sub("<build>", line)[:_LINE_CHARACTERS].rstrip() for line in cut)
    return tuple(line for line in lines if line)


def find_reason(lines: Sequence[str]) -> str:
    """Return the most telling line: the last exception, else the first error, else the resolver's, else the last."""
    plain = [line for line in map(_without_drawing, lines) if line and not line.startswith(("hint:", "[std"))]
    exceptions, errors = [*filter(_EXCEPTION.match, plain)], [*filter(_ERROR.match, plain)]
    if exceptions and not (errors and "ommand" in exceptions[-1]):  # a compiler that failed has said why
        return exceptions[-1]
    return (errors or [*filter(_RESOLVER.match, plain)] or plain[-1:] or ["uv said nothing"])[0]


def suggest_setting(reason: str, tracked: Collection[str]) -> str:
    """Return which key would help against a failure, "" where none is known to."""
    if module := _MODULE.search(reason):
        return f"name what provides {module[1].partition('.')[0]} in build-requires under [environment]"
    if _NO_COMMAND.search(reason):
        return "name the package that provides the command in build-requires under [environment]"
    missing = _SOURCE.search(reason)
    if missing and (source := f"{missing[1].removeprefix('./')}.pyx") in tracked:
        command = f"cython {'' if missing[2] == 'c' else '--cplus '}{source}"
        return f'cython was not run: set before-build = "{command}" and build-requires = ["cython"] under [environment]'
    if "cython" in reason.lower() or ".pyx" in reason:
        return "cython was not run: set before-build under [environment], such as make cython, and build-requires"
    return ""


def find_machine_fault(lines: Sequence[str], own_addresses: Collection[str]) -> str:
    """Return the line in which uv blames the machine or the network, "" where the commit is at fault.

    Only what uv says itself counts, not what it quotes; and an address that the commit names (`own_addresses`, or a
    requirement with one) is the commit's.
    """
    own = _lines_of_uv(lines)
    if any(_names_own_address(line, own_addresses) for line in own):
        return ""
    faults = [line for line in own if any(map(line.__contains__, _MACHINE_FAULTS))]
    faults += [line for line in lines if _DISK_FULL in line]
    return _without_drawing(faults[0]).removeprefix("hint: ") if faults else ""


def _names_own_address(line: str, own_addresses: Collection[str]) -> bool:
    requirement = "ailed to download" in line and " @ " in line
    return requirement or any(map(line.__contains__, own_addresses))


def _without_drawing(line: str) -> str:
    return line.strip(_DRAWING).removeprefix("cause: ")


def _lines_of_uv(lines: Sequence[str]) -> Sequence[str]:
    """Return the lines that uv wrote itself: those before the first that it quotes."""
    quoted = (number for number, line in enumerate(lines) if line.strip().startswith(_QUOTE))
    return lines[: next(quoted, len(lines))]
