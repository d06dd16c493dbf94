"""Run one command of memharness in this process, then write the process' own highest resident size to a file.

usage: python controller.py FILE ARGUMENTS...

The size is VmHWM, which begins anew with the process; `ru_maxrss` would tell that of whoever started it.
"""

import re
import sys
from pathlib import Path

from memharness.cli import main

if __name__ == "__main__":
    status = main(sys.argv[2:])
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found
    Path(sys.argv[1]).write_text(str(int(found[1]) * 1024))
    sys.exit(status)
