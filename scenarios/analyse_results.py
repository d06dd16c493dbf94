"""Build the series of 500 commits with four cases each and find their steps."""

# /// script
# [tool.memharness]
# params = { commits = [500] }
# tags = ["self"]
# metrics = ["peak", "retained", "result", "import"]
# since = "4ec4562"
# timeout = "2m"
# ///
from _stored import CASES, FACTS, FAMILY, METRICS, commit, make_results

from memharness.analyse.series import Series, SeriesKey, build_series
from memharness.analyse.steps import Step, find_steps, rule_for
from memharness.model.history import Commit
from memharness.model.measurements import Measurement
from memharness.store import Store

State = tuple[list[Commit], dict[str, tuple[Measurement, ...]]]


def setup(commits: int) -> State:
    records = Store(make_results(commits), "machine", read_only=True).records(FAMILY)
    return [commit(number) for number in range(commits)], {r.commit.id: r.measurements for r in records}


def run(state: State, commits: int) -> list[tuple[Series, tuple[Step, ...]]]:
    history, measurements = state
    assert len(history) == commits
    found: list[tuple[Series, tuple[Step, ...]]] = []
    for case in CASES:
        subject = SeriesKey(case=case, identity="identity", probe=1, family=FAMILY, metrics=METRICS)
        for series in build_series(subject, history, measurements, {FACTS.id: FACTS}):
            rule = rule_for(series.metric)
            found.append((series, find_steps(series, rule) if rule else ()))
    return found
