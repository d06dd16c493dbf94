"""Plant every sample, or those named, run memharness on each and print the table of what was expected and found.

`python tests/samples [NAME ...]`; exits with 1 where anything differs.
"""

import sys
import tempfile
from pathlib import Path

from sample_history import Examined, Expected, Flag, examine, samples


def rows(of: Expected, subjects: dict[str, str]) -> list[str]:
    """Return a line of text for everything that is expected or found, commits by their subjects."""

    def name(place: str | tuple[str, str] | None) -> str:
        if isinstance(place, tuple):
            return f"{name(place[0])} .. {name(place[1])}"
        return repr(subjects.get(place or "", place))

    def text(flag: Flag) -> str:
        parts = [f"{flag.case} {flag.metric} {flag.verdict} at {name(flag.at)}"]
        parts += [f"line {flag.number}"] * (flag.number is not None)
        parts += [f"{flag.path!r}: {flag.source}", "changed here" if flag.changed_here else "not changed"]
        parts += [f"via {flag.caller}"] * bool(flag.caller) + [f"in {flag.library}"] * bool(flag.library)
        parts += [f"module {flag.module}"] * bool(flag.module)
        parts += [f"merged by {name(flag.merge)}"] * bool(flag.merge)
        parts += [f"undone by {name(flag.undone_by)}"] * bool(flag.undone_by)
        parts += [f"{flag.blamed} lines blamed"] * (flag.blamed is not None)
        return ", ".join(parts)

    limits = [f"{over.case} {over.metric} over its limit, {name((over.first, over.last))}" for over in of.limits]
    failed = [f"{phase} failed at {name(commit)}" for commit, phase in of.failures]
    return sorted([*map(text, of.flags), *limits, *failed])


def table(name: str, seen: Examined) -> str:
    """Return the part of the table for one sample: what is missing has a minus, what is too much a plus."""
    expected, found = rows(seen.expected, seen.subjects), rows(seen.found, seen.subjects)
    head = f"{name:20} {'ok' if seen.expected == seen.found else 'DIFFERS':8} {seen.cpu_seconds:6.1f} s"
    lines = [f"    = {row}" for row in expected if row in found]
    lines += [f"    - {row}" for row in expected if row not in found]
    lines += [f"    + {row}" for row in found if row not in expected]
    return "\n".join([head, *lines]) + "\n"


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
        differ += seen.expected != seen.found
        seconds += seen.cpu_seconds
    sys.stdout.write(f"{differ} differ, {seconds:.0f} CPU s\n")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(run())
