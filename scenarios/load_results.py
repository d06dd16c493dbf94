"""Load a results folder of 500 commits with four cases each."""

# /// script
# [tool.memharness]
# params = { commits = [500] }
# tags = ["self"]
# metrics = ["peak", "retained", "result", "import"]
# since = "4ec4562"
# timeout = "2m"
# ///
from pathlib import Path

from _stored import FAMILY, make_results

from memharness.model.measurements import Record
from memharness.store import Store


def setup(commits: int) -> Path:
    return make_results(commits)


def run(folder: Path, commits: int) -> list[Record]:
    records = list(Store(folder, "machine", read_only=True).records(FAMILY))
    assert len(records) == commits
    return records
