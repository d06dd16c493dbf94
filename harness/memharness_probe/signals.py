"""Blocks signals while the probe works, and drops those of timers that expired meanwhile.

A handler of the workload may raise, or would run only because the probe takes time.
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
_mask = [_BEFORE]  # while signals are blocked, the mask of before, else None; a constant, so that nothing is allocated


def hold() -> None:
    """Block signals."""
    if _mask[0] is None:
        mask = pthread_sigmask(SIG_BLOCK, _ALL)
        _mask[0] = _BEFORE if mask == _BEFORE else mask


def release() -> None:
    """Unblock signals: Python calls the handlers of those that arrived, but not of timers."""
    mask = _mask[0]
    if mask is not None:
        _mask[0] = None
        for timer in _TIMERS:
            sigtimedwait(timer, 0)
        pthread_sigmask(SIG_SETMASK, mask)


release()  # both in advance: up to 3.10 a function's first call allocates its frame
hold()
release()
