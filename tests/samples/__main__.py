"""Plant every sample, or those named, run memharness on each and print the table of what was expected and found.

`python tests/samples [NAME ...]`; exits with 1 where anything differs. Repositories and results are left in the folder
that the variable KEEP names, if it is set.
"""

import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from sample_history import Examined, examine, samples


def table(name: str, seen: Examined) -> str:
    """Return the part of the table for one sample: what is missing has a minus, what is too much a plus."""
    differences = seen.differences()
    head = f"{name:20} {'DIFFERS' if differences else 'ok':8}"
    right = [f"= {row}" for row in seen.told(seen.expected) if f"- {row}" not in differences]
    return "\n    ".join([head, *right, *differences]) + "\n"


def run() -> int:
    """Print the table; return the exit code."""
    differ = 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(os.environ.get("KEEP", folder)).resolve()
        os.environ["MEMHARNESS_CACHE"] = f"{folder}/cache"
        for name in sys.argv[1:] or samples():
            try:
                seen = examine(name, root / name)
            except AssertionError as error:
                sys.stdout.write(f"{error}\n")
                differ += 1
                continue
            sys.stdout.write(table(name, seen))
            sys.stdout.flush()
            differ += bool(seen.differences())
    sys.stdout.write(f"{differ} differ\n")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(run())
