"""Defines the one error that reaches the user: what is wrong and where, what to do next, the exit code.

Raised where the fault is found, printed once by `memharness.cli`.
"""

import errno
from collections.abc import Mapping, Sequence
from typing import Final

REGRESSION = 1
USAGE = 2
INCOMPLETE = 3
FAULT = 70  # of memharness itself
INTERRUPTED = 130
UNREAD = 141  # whoever reads the output went away: 128 and the number of SIGPIPE, as of any program

_ABORT: Final = 128  # git bisect takes every lower code for an answer
_ANSWERS: Final = (0, 1, 125)
_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_RIGHTS: Final = (errno.EACCES, errno.EPERM, errno.EROFS)
_LIMITS: Final = (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM)
_OVERLOADED: Final = "End other programs or raise the limit (ulimit -a), or measure fewer commits at once (-j 1)."
_HINTS: Final[Mapping[int, str]] = {
    **dict.fromkeys(_ROOM, "Free some space and run the same command again: what was stored before is kept."),
    **dict.fromkeys(_RIGHTS, "Make it accessible to this user, or choose another folder."),
    **dict.fromkeys(_LIMITS, _OVERLOADED),
    errno.EIO: "Check the disk, which the system could not read or write.",
}


class MemharnessError(Exception):
    """A fault that is not memharness' own: `message` says what and where, `hint` what to do next."""

    def __init__(self, message: str, *, hint: str = "", exit_code: int = USAGE) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code


def code_of(arguments: Sequence[str], code: int) -> int:
    """Return the exit code of a command that came to `code`: for git bisect, what is no answer stops it."""
    command = next((word for word in arguments if not word.startswith("-")), "")
    return code if command != "bisect-step" or code in _ANSWERS else max(code, _ABORT)


def os_refusal(what: str, error: OSError, *, hint: str = "") -> MemharnessError:
    """Return the error to raise where the system refuses `what`; `hint` is for what is neither room, rights nor limits.

    Exit code 3 where the same command may succeed the next time, else 2.
    """
    number = error.errno or 0
    code = INCOMPLETE if number in _HINTS and number not in _RIGHTS else USAGE
    return MemharnessError(f"{what}: {error.strerror or error}", hint=_HINTS.get(number, hint), exit_code=code)


def as_refusal(error: BaseException) -> MemharnessError | None:
    """Return what to tell of an error that is the system's and not memharness' own; None for any other."""
    if isinstance(error, MemoryError):
        return MemharnessError("memharness ran out of memory", hint=_OVERLOADED, exit_code=INCOMPLETE)
    if isinstance(error, OSError) and error.errno in _HINTS:
        return os_refusal(str(error.filename or "the system refused what memharness needs"), error)
    return None
