"""Leftovers are ended, and no other process is, whatever ids are used again meanwhile.

Each test runs in a process namespace of its own, where the next id can be chosen.
"""

import subprocess
import sys
from typing import Final

import pytest

_NAMESPACE: Final = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc")
_START: Final = """
import os, signal, subprocess, sys, time
from pathlib import Path
from memharness.processes import leftovers

def start(pid, home):
    Path("/proc/sys/kernel/ns_last_pid").write_text(str(pid - 1))
    process = subprocess.Popen(["/bin/sleep", "1000"], env={"HOME": home})
    assert process.pid == pid
    return process
"""


def in_namespace(text: str) -> str:
    """Run a Python text as the first process of a namespace and return what it prints."""
    if subprocess.run([*_NAMESPACE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody make namespaces of processes")
    command = [*_NAMESPACE, sys.executable, "-c", _START + text]
    return subprocess.run(command, capture_output=True, check=True, text=True, timeout=60).stdout


@pytest.mark.parametrize(
    ("moment", "first", "second", "ended"),
    [
        ("before", "/mine", "/other", False),
        ("after", "/mine", "/other", False),
        ("after", "/other", "/mine", False),
        ("before", "/other", "/mine", True),
        ("never", "/mine", "", True),
        ("never", "/other", "", False),
    ],
)
def test_a_process_that_got_the_id_of_another_is_judged_by_its_own_environment(
    moment: str, first: str, second: str, ended: bool
) -> None:
    output = in_namespace(f"""
process, real = start(100, {first!r}), os.pidfd_open

def replace():
    global process
    process.kill()
    process.wait()
    process = start(100, {second!r})

def pidfd_open(pid):
    if {moment!r} == "before": replace()
    handle = real(pid)
    if {moment!r} == "after": replace()
    return handle

os.pidfd_open = pidfd_open
leftovers.end_marked({{b"HOME=/mine"}})
time.sleep(0.1)
print(process.poll())
process.kill()
""")
    assert output == ("-9\n" if ended else "None\n")


def test_the_id_of_an_ancestor_that_ended_is_not_spared() -> None:
    output = in_namespace("""
def read_bytes(path):
    if path == Path("/proc/200/stat") and os.getppid() == 200:
        os.kill(200, signal.SIGKILL)
        while os.getppid() == 200 or Path("/proc/200").exists():
            time.sleep(0.01)
        start(200, "/other")
    return real(path)

Path("/proc/sys/kernel/ns_last_pid").write_text("199")
if os.fork() == 0:
    if os.fork():
        signal.pause()
    real, Path.read_bytes = Path.read_bytes, read_bytes
    print(leftovers._lineage() == {1, os.getpid()}, flush=True)
    os._exit(0)
os.wait(), os.wait()
""")
    assert output == "True\n"
