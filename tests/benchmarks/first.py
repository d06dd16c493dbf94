"""Measure every commit once, in this process, and neither repeat nor explain anything.

usage: python first.py CONFIGURATION

The part of `memharness run` that a bare loop over the commits can be compared with.
"""

import sys
from pathlib import Path

import memharness
from memharness.pipeline.measuring import begin

if __name__ == "__main__":
    everything = memharness.Selection()
    file = Path(sys.argv[1])
    with begin(memharness.load_config(file.parent, file=file), everything) as work:
        work.first(work.project.commits(everything))
