"""Defines the one error that reaches the user: what is wrong and where, what to do next, the exit code.

It is raised where the fault is found and printed once, by `memharness.cli`.
"""

import errno
from collections.abc import Mapping, Sequence
from typing import Final

REGRESSION = 1
USAGE = 2
INCOMPLETE = 3
FAULT = 70  # a fault of memharness itself
INTERRUPTED = 130
UNREAD = 141  # the reader of the output stopped reading: 128 plus the number of SIGPIPE, as for any program

_ABORT: Final = 128  # the lowest code that git bisect does not take for an answer
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
    """An error that the user can do something about: `message` says what and where, `hint` what to do next."""

    def __init__(self, message: str, *, hint: str = "", exit_code: int = USAGE) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code


def code_of(arguments: Sequence[str], code: int) -> int:
    """Return `code`, or for `bisect-step` a code that stops git bisect where `code` is not one of its answers."""
    command = next((word for word in arguments if not word.startswith("-")), "")
    return code if command != "bisect-step" or code in _ANSWERS else max(code, _ABORT)


def os_refusal(what: str, error: OSError, *, hint: str = "") -> MemharnessError:
    """Return the error to raise where the system refuses `what`.

    `hint` is used where the reason is neither a lack of space or rights nor a limit. The exit code is 3 where the same
    command may succeed the next time, else 2.
    """
    number = error.errno or 0
    code = INCOMPLETE if number in _HINTS and number not in _RIGHTS else USAGE
    return MemharnessError(f"{what}: {error.strerror or error}", hint=_HINTS.get(number, hint), exit_code=code)


def as_refusal(error: BaseException) -> MemharnessError | None:
    """Return the error to print where the system is at fault and not memharness; None otherwise."""
    if isinstance(error, MemoryError):
        return MemharnessError("memharness ran out of memory", hint=_OVERLOADED, exit_code=INCOMPLETE)
    if isinstance(error, OSError) and error.errno in _HINTS:
        return os_refusal(str(error.filename or "the system refused what memharness needs"), error)
    return None
