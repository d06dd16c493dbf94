"""What commands cost: the CPU seconds of every process that a command starts, orphans included.

Wall clock says more about the machine than about the code, so nothing here reads one.
"""

import contextlib
import ctypes
import os
import resource
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Ran:
    """A finished command: `cpu_seconds` of it and all its descendants, and its output."""

    cpu_seconds: float
    stdout: str
    stderr: str


def run(
    command: Sequence[str],
    folder: Path,
    *,
    environment: Mapping[str, str] | None = None,
    stdin: str = "",
    expected: Sequence[int] = (0,),
) -> Ran:
    """Run a command in `folder` to its end; another exit code than `expected` is a RuntimeError with its output."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # what it leaves behind becomes ours to wait for
    before = children_cpu()
    done = subprocess.run(
        command, cwd=folder, env=environment, input=stdin, capture_output=True, text=True, check=False
    )
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()
    if done.returncode not in expected:
        words = " ".join(command)
        raise RuntimeError(f"{words}: exit code {done.returncode}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return Ran(cpu_seconds=children_cpu() - before, stdout=done.stdout, stderr=done.stderr)


def children_cpu() -> float:
    """Return the CPU seconds of all children waited for so far, and of theirs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
