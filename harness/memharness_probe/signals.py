"""Signals that arrive while the probe works: they wait, and timers that ran down meanwhile are forgotten.

A handler of the workload's may raise, where the workload itself would have ended long before.
"""

from __future__ import annotations

from _signal import (  # type: ignore[import-not-found]
    SIG_BLOCK,
    SIG_SETMASK,
    SIGALRM,
    SIGPROF,
    SIGVTALRM,
    pthread_sigmask,
    sigtimedwait,
    valid_signals,
)

_ALL = valid_signals()
_TIMERS = ((SIGALRM,), (SIGPROF,), (SIGVTALRM,))
_BEFORE = pthread_sigmask(SIG_BLOCK, ())
_mask = [_BEFORE]  # while signals wait, that of before; else None. Nothing is alive between that was not there before.


def hold() -> None:
    """Let signals wait."""
    if _mask[0] is None:
        mask = pthread_sigmask(SIG_BLOCK, _ALL)
        _mask[0] = _BEFORE if mask == _BEFORE else mask


def release() -> None:
    """Have the handlers of those that wait called, but not those of timers."""
    mask = _mask[0]
    if mask is not None:
        _mask[0] = None
        for timer in _TIMERS:
            sigtimedwait(timer, 0)
        pthread_sigmask(SIG_SETMASK, mask)


release()  # both once ahead: up to 3.10 a function's first call allocates its frame
hold()
release()
