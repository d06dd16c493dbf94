"""The one error that reaches the user: what is wrong and where, what to do next, and the exit code.

Raised where the fault is found, printed once by `memharness.cli`.
"""

REGRESSION = 1
USAGE = 2
INCOMPLETE = 3
INTERRUPTED = 130


class MemharnessError(Exception):
    """A fault that is not memharness' own: `message` says what and where, `hint` what to do next."""

    def __init__(self, message: str, *, hint: str = "", exit_code: int = USAGE) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code
