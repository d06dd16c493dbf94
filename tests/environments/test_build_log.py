"""Logs of builds: why they failed, whose fault it is, and which setting helps."""

import time

import pytest

from memharness.environments.build_log import Log, find_machine_fault, find_reason, read_log, suggest_setting
from memharness.git.repository import without_credentials

BACKEND_FAILED = """
error: Failed to build `box @ file:///x`
  cause: The build backend returned an error
  cause: Call to `setuptools.build_meta.build_wheel` failed (exit status: 1)

         [stderr]
         {}

hint: This usually indicates a problem with the package.
"""

COMPILER = """box.c:1:10: fatal error: missing.h: No such file or directory
compilation terminated.
subprocess.CalledProcessError: Command '['gcc', 'box.c']' returned non-zero exit status 1.
error: Command '['gcc', 'box.c']' returned non-zero exit status 1."""

UNSOLVED = """error: No solution found when resolving dependencies
  cause: Because a was not found and you require a, we can conclude that your requirements are unsatisfiable."""


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (
            BACKEND_FAILED.format("Traceback:\nModuleNotFoundError: No module named 'a'\nbye"),
            "ModuleNotFoundError: No module named 'a'",
        ),
        (BACKEND_FAILED.format(COMPILER), "box.c:1:10: fatal error: missing.h: No such file or directory"),
        (BACKEND_FAILED.format("error: Multiple top-level packages"), "error: Multiple top-level packages"),
        (BACKEND_FAILED.format("boom"), "boom"),
        (UNSOLVED, UNSOLVED.partition("cause: ")[2]),
        ("  \u00d7 Something\n  ╰─▶ went wrong", "went wrong"),
        ("", "uv said nothing"),
    ],
)
def test_the_reason_of_a_failure(log: str, expected: str) -> None:
    assert find_reason(log.splitlines()) == expected


QUOTED = """error: Failed to build `box`
  cause: The build backend returned an error
         [stderr]
         {}"""


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (
            "  cause: failed to copy: No space left on device (os error 28)",
            "failed to copy: No space left on device (os error 28)",
        ),
        (QUOTED.format("OSError: [Errno 28] No space left on device"), "OSError: [Errno 28] No space left on device"),
        (QUOTED.format("dns error"), ""),
        ("  cause: dns error", "dns error"),
        ("error: Timeout (300s) when waiting for lock on `/x`", "error: Timeout (300s) when waiting for lock on `/x`"),
        ("error: Failed to fetch: `https://own.invalid/x`\n  cause: dns error", ""),
        (
            "error: Failed to fetch: `https://index.invalid/x`\n  cause: HTTP status server error (503)",
            "HTTP status server error (503)",
        ),
        (
            "hint: Packages were unavailable because the network was disabled.",
            "Packages were unavailable because the network was disabled.",
        ),
        ("error: No solution found", ""),
    ],
)
def test_faults_of_the_machine(log: str, expected: str) -> None:
    assert find_machine_fault(log.splitlines(), ["https://own.invalid/"]) == expected


@pytest.mark.parametrize(
    ("why", "key"),
    [
        (
            "ModuleNotFoundError: No module named 'numpy'",
            "name what provides numpy in build-requires under [environment]",
        ),
        (
            "ImportError: No module named Cython.Build",
            "name what provides Cython in build-requires under [environment]",
        ),
        ("cc1: fatal error: box/_c.c: No such file or directory", 'before-build = "cython box/_c.pyx"'),
        ("cc1plus: fatal error: ./box/_c.cpp: No such file or directory", 'before-build = "cython --cplus box/_c.pyx"'),
        ("make: *** [Makefile:28: cython] Error 127", "name the package that provides the command in build-requires"),
        ("/bin/sh: 1: cython: not found", "name the package that provides the command in build-requires"),
        ("error: unknown file type '.pyx' (from 'box/_c.pyx')", "before-build"),
        ("NoCython: Cython is required for building from checkout", "before-build"),
        ("cc1: fatal error: box/missing.c: No such file or directory", ""),
        ("SyntaxError: invalid syntax", ""),
    ],
)
def test_a_failure_names_the_key_that_helps(why: str, key: str) -> None:
    found = suggest_setting(why, ["box/_c.pyx"])
    assert key in found if key else found == ""


@pytest.mark.parametrize(
    "unit", ["x", "a.", "x/", "/builds-v0/.tmp", "Error", "//a@", "://", ".c: ", "\u2502", " @ ", "[", "a.b.Error:"]
)
def test_reading_a_log_takes_linear_time(unit: str) -> None:
    text = unit * (300_000 // len(unit))
    began = time.process_time()
    lines = read_log(f"error: Failed to fetch: {text}\nModuleNotFoundError: {text}\n{text}", without_credentials)
    Log(status=1, lines=lines).failed(["a.pyx"])
    find_machine_fault(lines, ["https://own.invalid"])
    assert time.process_time() - began < 5
    assert max(map(len, lines)) <= 1000
