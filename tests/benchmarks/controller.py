"""Run memharness in this process, then write the process' own highest resident size to a file.

usage: python controller.py FILE COMMAND ARGUMENTS...
       python controller.py FILE measure-once UNTIL

`measure-once` is the part of `run` that a bare loop over the commits can be compared with: every commit up to one is
measured, and nothing is reused, repeated or explained. The configuration is that of the current folder.

The size is VmHWM, which begins anew with the process; `ru_maxrss` would tell that of whoever started it.
"""

import re
import sys
from pathlib import Path

import memharness
from memharness.cli import main
from memharness.run.session import open_session


def measure_once(until: str) -> int:
    """Measure, and return an exit code."""
    selection = memharness.Selection(until=until)
    config = memharness.load_config(Path.cwd(), overrides={"run.reuse": False})
    with open_session(config, selection) as session:
        session.measure_missing(session.load_stored(session.select_commits(selection)))
    return 0


def highest_rss_bytes() -> int:
    """Return the highest resident size of this process so far."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) * 1024


if __name__ == "__main__":
    file, command, *arguments = sys.argv[1:]
    status = measure_once(*arguments) if command == "measure-once" else main([command, *arguments])
    Path(file).write_text(str(highest_rss_bytes()))
    sys.exit(status)
