"""The entry point of `memharness` and `python -m memharness`. Whatever fails has an exit code of its own.

Nothing that may fail to import is imported before the error can be printed.
"""

import os
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from memharness.errors import FAULT, INTERRUPTED, code_of

if TYPE_CHECKING:
    from sys import UnraisableHookArgs


def main() -> int:
    """Run the command line of this process and return the exit code."""
    _open_streams()
    failed: list[BaseException | None] = []

    def note(fault: threading.ExceptHookArgs) -> None:
        failed.append(fault.exc_value)
        _tell(fault.exc_value)

    threading.excepthook = note
    sys.unraisablehook = _tell_unraisable
    arguments = sys.argv[1:]
    try:
        from memharness.cli import main as run

        code = run(arguments)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BaseException as error:  # noqa: BLE001  (Python would exit with the code of a regression)
        from memharness.commands.fault_report import report_fault

        code = report_fault(error, arguments)
    _flush()
    return code_of(arguments, FAULT if failed else code)


def _tell(error: BaseException | None) -> None:
    """Report what failed in a thread, without JSON: stdout holds one object, that of the command."""
    from memharness.commands.fault_report import report_fault

    if error is not None:
        report_fault(error, [word for word in sys.argv[1:] if word != "--json"])


def _tell_unraisable(unraisable: "UnraisableHookArgs") -> None:
    """Report what failed where nothing can catch it: in a finalizer, or when Python shuts down."""
    _tell(unraisable.exc_value)


def _open_streams() -> None:
    """Open those of the three standard streams that are closed; otherwise files opened later would take their place."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: PTH123, SIM115  (open until the end)


def _flush() -> None:
    """Flush both streams. Errors are ignored, since Python would change the exit code for them."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    sys.exit(main())
