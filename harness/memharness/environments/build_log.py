"""Logs of builds: what uv, a back end or a step before it printed -> why it failed, and whose fault it is. Pure.

All of it is foreign text: lines are cut to a length before any pattern sees them.
"""

import re
from collections.abc import Callable, Collection, Sequence
from typing import Final

from memharness.model.measurements import Failed
from memharness.model.values import Value

LINE_CHARACTERS: Final = 1000
OUTPUT_LINES: Final = 20
OUTPUT_CHARACTERS: Final = 400
_EXCEPTION: Final = re.compile(r"(?:\w+\.)*\w*(?:Error|Exception|Interrupt|Exit|Failure|NotFound\w*)\b(?::.*)?$")
_ERROR: Final = re.compile(r".*\bfatal error: |.*: error: |error: (?!Failed to |[Cc]ommand |No solution )")
_DRAWING: Final = "×├╰─▶│ \t"  # noqa: RUF001  (uv draws them)
_TEMPORARY: Final = re.compile(r"(?<!\S)\S{0,400}/builds-v\d{1,4}/\.tmp\w{1,40}")
_FOREIGN: Final = ("[stdout]", "[stderr]", "--- stdout", "--- stderr")  # begins what uv quotes of others
_MODULE: Final = re.compile(r"(?:ModuleNotFound|Import)Error: No module named '?([\w.]{1,200})")
_SOURCE: Final = re.compile(r"([\w./-]{1,200})\.(c|cc|cpp|cxx)\b.{0,20}(?:No such file|not exist|not found)")
_NO_COMMAND: Final = re.compile(r"(?:command not found|: not found|Error 127)$")
_MACHINE: Final = (  # what uv says where the machine or the network failed it
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
_FULL: Final = "No space left on device"  # whoever says it


class Log(Value):
    """How a process of a build ended, and what it printed last; nothing in it depends on the folder it ran in."""

    status: int
    lines: tuple[str, ...]

    def failed(self, tracked: Collection[str], *, step: str = "") -> Failed:
        """Return the outcome that a failed build is stored as; `tracked` are the paths of the commit."""
        why = reason(self.lines) if self.status > 0 else f"killed by signal {-self.status}"
        hint = advice(why, tracked)
        return failure(f"{step and f'{step}: '}{why}{hint and f'; {hint}'}", self.lines, exit_code=self.status)

    @property
    def doubtful(self) -> bool:
        """Tell whether a signal ended uv or what it ran, as where memory runs out, or files of its own were missing."""
        return self.status < 0 or any("(signal: 9 " in line or "(os error 2)" in line for line in _own(self.lines))


def failure(why: str, lines: Sequence[str], *, exit_code: int | None = None) -> Failed:
    """Return the outcome of a failed build with the end of its log."""
    output = tuple(line[:OUTPUT_CHARACTERS] for line in lines[-OUTPUT_LINES:])
    return Failed(phase="build", reason=why, exit_code=exit_code, output=output)


def read(text: str, hide: Callable[[str], str]) -> tuple[str, ...]:
    """Return the lines of a log that are not blank, cut to a length; `hide` takes out secrets and folders."""
    cut = (hide(line[: 4 * LINE_CHARACTERS]) for line in text.splitlines())  # no path is cut before it is hidden
    lines = (_TEMPORARY.sub("<build>", line)[:LINE_CHARACTERS].rstrip() for line in cut)
    return tuple(line for line in lines if line)


def reason(lines: Sequence[str]) -> str:
    """Return the most telling line: the last exception, else the first error, else the resolver's, else the last."""
    plain = [line.strip(_DRAWING).removeprefix("cause: ") for line in lines]
    plain = [line for line in plain if line and not line.startswith(("hint:", "[std"))]
    exceptions = [line for line in plain if _EXCEPTION.match(line)]
    errors = [line for line in plain if _ERROR.match(line)]
    if exceptions and not (errors and "ommand" in exceptions[-1]):  # a compiler that failed has said why
        return exceptions[-1]
    resolver = [line for line in plain if line.startswith("Because ")]
    return (errors or resolver or plain[-1:] or ["uv said nothing"])[0]


def advice(why: str, tracked: Collection[str]) -> str:
    """Return which key would help against a failure, "" where none is known to."""
    module = _MODULE.search(why)
    if module:
        return f"name what provides {module[1].partition('.')[0]} in build-requires under [environment]"
    if _NO_COMMAND.search(why):
        return "name the package that provides the command in build-requires under [environment]"
    missing = _SOURCE.search(why)
    source = f"{missing[1].removeprefix('./')}.pyx" if missing else ""
    if missing and source in tracked:
        command = f"cython {'' if missing[2] == 'c' else '--cplus '}{source}"
        return f'cython was not run: set before-build = "{command}" and build-requires = ["cython"] under [environment]'
    if "cython" in why.lower() or ".pyx" in why:
        return "cython was not run: set before-build under [environment], such as make cython, and build-requires"
    return ""


def machine_fault(lines: Sequence[str], own_addresses: Collection[str]) -> str:
    """Return the line in which uv blames the machine or the network, "" where the commit is at fault.

    Only what uv says itself counts, not what it quotes; and an address that the commit names (`own_addresses`, or a
    requirement with one) is the commit's.
    """
    own = _own(lines)
    if any("ailed to download" in line and " @ " in line for line in own):
        return ""
    if any(address in line for line in own for address in own_addresses):
        return ""
    told = [line for line in own if any(map(line.__contains__, _MACHINE))] + [line for line in lines if _FULL in line]
    return told[0].strip(_DRAWING).removeprefix("cause: ").removeprefix("hint: ") if told else ""


def _own(lines: Sequence[str]) -> Sequence[str]:
    """Return the lines that uv wrote itself: those before the first that it quotes."""
    quoted = (number for number, line in enumerate(lines) if line.strip().startswith(_FOREIGN))
    return lines[: next(quoted, len(lines))]
