"""Plant every sample, or those named, run memharness on each and print the table of what was expected and found.

`python tests/samples [NAME ...]`; exits with 1 where anything differs.
"""

import sys
import tempfile
from pathlib import Path

from sample_history import Examined, examine, samples


def table(name: str, seen: Examined) -> str:
    """Return the part of the table for one sample: what is missing has a minus, what is too much a plus."""
    differences = seen.differences()
    head = f"{name:20} {'DIFFERS' if differences else 'ok':8} {seen.cpu_seconds:6.1f} s"
    right = [f"= {row}" for row in seen.told(seen.expected) if f"- {row}" not in differences]
    return "\n    ".join([head, *right, *differences]) + "\n"


def run() -> int:
    """Print the table; return the exit code."""
    differ, seconds = 0, 0.0
    for name in sys.argv[1:] or samples():
        with tempfile.TemporaryDirectory() as folder:
            try:
                seen = examine(name, Path(folder))
            except AssertionError as error:
                sys.stdout.write(f"{error}\n")
                differ += 1
                continue
        sys.stdout.write(table(name, seen))
        sys.stdout.flush()
        differ += bool(seen.differences())
        seconds += seen.cpu_seconds
    sys.stdout.write(f"{differ} differ, {seconds:.0f} CPU s\n")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(run())
