"""Signals that end a command in order: SIGINT from the keyboard, SIGTERM and SIGHUP from whoever runs it.

The first one raises KeyboardInterrupt in the main thread, once, so that nothing disturbs the cleaning up that follows.
A later one ends the process at once: supervised commands end with it, and the next run removes what is left.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Final

from memharness.errors import INTERRUPTED

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_TOGETHER_SECONDS: Final = 1.0  # one end of a job may send several: to the process and its group, or of two kinds
_AGAIN_SECONDS: Final = 0.05


class Interrupts:
    """Heeds the signals while a command runs; one that the caller has ignored, as nohup does, stays ignored."""

    def __init__(self) -> None:
        self._first: float | None = None  # when the first signal came

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """Raise KeyboardInterrupt in this block, which the main thread runs, at the first signal."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        hook = sys.unraisablehook

        def unraisable(lost: "UnraisableHookArgs") -> None:
            """Raise an interrupt again that came while an object was finalised, where it goes nowhere."""
            if issubclass(lost.exc_type, KeyboardInterrupt):
                signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
            else:
                hook(lost)

        before = {
            number: signal.signal(number, self._handle)
            for number in _SIGNALS
            if signal.getsignal(number) is not signal.SIG_IGN
        }
        before[signal.SIGALRM] = signal.signal(signal.SIGALRM, signal.default_int_handler)
        # were it ignored, as some callers leave it, no exit code of git would be known, and all would count as 0
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        sys.unraisablehook = unraisable
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            sys.unraisablehook = hook
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = now
            raise KeyboardInterrupt
        if now - self._first > _TOGETHER_SECONDS:
            os._exit(INTERRUPTED)
