"""Signals that end a command in order."""

import signal
import subprocess
import sys
import textwrap

import pytest

_PRELUDE = """
    import os, signal, sys, time
    from memharness.processes.interrupts import Interrupts
    interrupts = Interrupts()
"""


def end_of(text: str) -> tuple[int, str]:
    """Return the exit code and the output of a Python text."""
    text = textwrap.dedent(_PRELUDE) + textwrap.dedent(text)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False, timeout=120)
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_is_an_interrupt_and_others_with_it_are_none(number: signal.Signals) -> None:
    text = f"""
        with interrupts.heeded():
            try:
                os.kill(os.getpid(), {number:d})
                time.sleep(100)
            except KeyboardInterrupt:
                os.kill(os.getpid(), signal.SIGTERM)
                print("in order")
    """
    assert end_of(text) == (0, "in order\n")


def test_a_later_signal_ends_at_once() -> None:
    text = """
        with interrupts.heeded():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(100)
            except KeyboardInterrupt:
                interrupts._first -= 2  # some seconds have passed
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(100)
    """
    assert end_of(text) == (130, "")


def test_an_interrupt_that_comes_while_an_object_is_finalised_is_not_lost() -> None:
    text = """
        class Late:
            def __del__(self):
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(100)
        with interrupts.heeded():
            try:
                Late()
                time.sleep(100)
            except KeyboardInterrupt:
                print("in order")
    """
    assert end_of(text) == (0, "in order\n")


def test_exit_codes_of_children_are_known_where_the_caller_ignored_their_end() -> None:
    text = """
        from memharness.git.repository import run_git
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        with interrupts.heeded():
            print(run_git(["rev-parse", "--verify", "--quiet", "gone"], folder="/").status > 0)
        assert signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN
    """
    assert end_of(text) == (0, "True\n")


def test_what_was_ignored_stays_ignored_and_all_is_as_before_at_the_end() -> None:
    text = """
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        before = [signal.getsignal(n) for n in (1, 2, 14, 15)]
        hook = sys.unraisablehook
        with interrupts.heeded():
            os.kill(os.getpid(), signal.SIGHUP)
            print("goes on")
        assert [signal.getsignal(n) for n in (1, 2, 14, 15)] == before
        assert sys.unraisablehook is hook
    """
    assert end_of(text) == (0, "goes on\n")
