"""The cheapest honest loop over commits, with no harness: what any tool must do that runs a workload at each of them.

usage: python floor.py REPOSITORY PYTHON IMPORT_ROOT PREPARATION STATEMENT < full ids of commits, one a line

For each commit its files in a fresh folder (`git archive | tar`) and one interpreter that runs the preparation, then
the statement once under tracemalloc, with garbage collected before and after. Prints what was alive afterwards and the
peak, in bytes, as JSON. Nothing is kept, compiled, compared or checked.
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_CHILD: Final = """\
import gc, json, sys, tracemalloc
sys.path.insert(0, sys.argv[1])
names = {}
exec(sys.argv[2], names)
code = compile(sys.argv[3], "statement", "exec")
gc.collect()
tracemalloc.start()
exec(code, names)
gc.collect()
print(json.dumps(tracemalloc.get_traced_memory()))
"""


def measure(repository: str, python: str, import_root: str, code: Sequence[str], commit: str) -> str:
    """Return what the child printed; its failure is a CalledProcessError."""
    with tempfile.TemporaryDirectory(prefix="floor-") as folder:
        with subprocess.Popen(["git", "-C", repository, "archive", commit], stdout=subprocess.PIPE) as archive:
            subprocess.run(["tar", "-x", "-C", folder], stdin=archive.stdout, check=True)
        command = [python, "-c", _CHILD, str(Path(folder, import_root)), *code]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


if __name__ == "__main__":
    source, interpreter, root, *both = sys.argv[1:]
    for line in sys.stdin:
        sys.stdout.write(f"{line.strip()} {measure(source, interpreter, root, both, line.strip())}\n")
