"""Rules of the store: what is written comes back, the first value wins, order and grouping do not matter."""

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memharness.model.history import Commit
from memharness.model.measurements import (
    STORE_FORMAT,
    Failed,
    Frame,
    Holder,
    HolderChain,
    LineInstances,
    Measured,
    Measurement,
    ModuleCost,
    Observation,
    Outcome,
    OutOfMemory,
    Profile,
    ProfileLine,
    Record,
    Reused,
    Stack,
    Survivor,
    TimedOut,
    TypeCount,
)
from memharness.model.metrics import PASSES
from memharness.store import CaseObservation, Store
from memharness.store.encoding import DamagedFile, StoredProfile, compress, decode, decompress, encode

PATH = Path("record.json")
FAMILY = "cpython-3.11.7-auto"
# Writing waits for the disk: hypothesis' deadline would measure that.
SETTINGS = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])

ids = st.text("0123456789abcdef", min_size=1, max_size=64)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
sizes = st.integers(min_value=-(2**62), max_value=2**62)
phases = st.sampled_from(["build", "import", "setup", "run", "crash"])
frames = st.builds(Frame, path=texts, line=sizes, function=texts, source=texts)
lines = st.builds(
    ProfileLine, path=texts, line=sizes, function=texts, source=texts, size=sizes, count=sizes, library=texts
)
stacks = st.builds(Stack, size=sizes, count=sizes, frames=st.lists(frames, max_size=3).map(tuple))
types = st.builds(LineInstances, path=texts, line=sizes, name=texts, count=sizes)
survivors = st.builds(Survivor, path=texts, line=sizes, name=texts, text=texts)
holders = st.builds(Holder, path=texts, line=sizes, text=texts)
chains = st.builds(HolderChain, path=texts, line=sizes, count=sizes, holders=st.lists(holders, max_size=2).map(tuple))
origins = st.sampled_from(["project", "scenario", "library", "stdlib"])
modules = st.builds(ModuleCost, name=texts, origin=origins, path=texts, line=sizes, size=sizes)
profiles = st.builds(
    Profile,
    lines=st.lists(lines, max_size=4).map(tuple),
    stacks=st.lists(stacks, max_size=2).map(tuple),
    types=st.lists(types, max_size=2).map(tuple),
    survivors=st.lists(survivors, max_size=2).map(tuple),
    holders=st.lists(chains, max_size=2).map(tuple),
    modules=st.lists(modules, max_size=2).map(tuple),
    sizes=st.lists(sizes, max_size=4).map(tuple),
)
measured = st.builds(
    Measured,
    metrics=st.dictionaries(texts, sizes, max_size=3),
    calls=st.none() | st.integers(1, 1 << 16),
    gc_objects=st.none() | st.tuples(sizes, sizes),
    types=st.lists(st.builds(TypeCount, name=texts, before=sizes, after=sizes), max_size=2).map(tuple),
    suspected=st.lists(texts, max_size=2).map(tuple),
    passes=st.lists(texts, max_size=2).map(tuple),
)
outcomes: st.SearchStrategy[Outcome] = (
    measured
    | st.builds(Failed, phase=phases, reason=texts, frames=st.lists(frames, max_size=2).map(tuple))
    | st.builds(TimedOut, during=phases, limit_seconds=st.floats(0, 1e6))
    | st.builds(OutOfMemory, during=phases, limit_bytes=sizes)
)
commits = st.builds(
    Commit, id=st.just("a" * 40), parents=st.just(()), author=texts, time=sizes, subject=texts, tags=st.just(())
)
measurements = st.builds(
    Measurement,
    case=texts,
    identity=texts,
    probe=sizes,
    round=sizes,
    environment=st.none() | ids,
    outcome=outcomes,
)
references = st.builds(
    Reused,
    case=texts,
    identity=texts,
    probe=sizes,
    commit=ids.map(lambda id_: id_.rjust(40, "0")[:40]),
    passes=st.lists(st.sampled_from(PASSES), max_size=2).map(tuple),
)
records = st.builds(
    Record,
    format=st.just(STORE_FORMAT),
    commit=commits,
    family=texts,
    measurements=st.lists(measurements, max_size=3).map(tuple),
    reused=st.lists(references, max_size=2).map(tuple),
)
# Few names, so that entries collide; the outcome tells them apart.
entries: st.SearchStrategy[CaseObservation] = st.tuples(
    st.sampled_from(["one", "two"]),
    st.sampled_from(["a", "b"]),
    st.just(1),
    st.integers(0, 1),
    st.builds(Observation, outcome=outcomes),
)


@given(records)
def test_a_record_comes_back(record: Record) -> None:
    assert decode(encode(record), PATH, Record) == record


@given(profiles)
def test_a_profile_comes_back(profile: Profile) -> None:
    stored = StoredProfile(format=STORE_FORMAT, profile=profile)
    assert decompress(compress(stored), PATH, StoredProfile) == stored


@given(records, st.data())
def test_a_cut_record_is_never_taken_for_a_whole_one(record: Record, data: st.DataObject) -> None:
    content = encode(record)
    cut = data.draw(st.integers(0, len(content) - 2))
    try:
        decode(content[:cut], PATH, Record)
    except DamagedFile:
        return
    raise AssertionError(f"read {cut} of {len(content)} bytes as a record")


@given(profiles, st.data())
def test_a_damaged_profile_is_never_taken_for_a_whole_one(profile: Profile, data: st.DataObject) -> None:
    stored = StoredProfile(format=STORE_FORMAT, profile=profile)
    content = bytearray(compress(stored))
    position = data.draw(st.integers(10, len(content) - 1))  # after gzip's header, which holds nothing of ours
    content[position] ^= 1 << data.draw(st.integers(0, 7))
    with suppress(DamagedFile):
        assert decompress(bytes(content), PATH, StoredProfile) == stored  # a bit that no reader looks at


@SETTINGS
@given(commits, st.lists(st.lists(entries, max_size=4), max_size=4))
def test_the_first_value_wins_however_entries_are_grouped(commit: Commit, groups: list[list[CaseObservation]]) -> None:
    """A failure stays as it is; of a success every metric keeps its first value, and missing ones are added."""
    expected: dict[tuple[str, str, int, int], dict[str, int] | Outcome] = {}
    for case, identity, probe, round_, observation in (entry for group in groups for entry in group):
        outcome = observation.outcome
        value = outcome.metrics if isinstance(outcome, Measured) else outcome
        known = expected.setdefault((case, identity, probe, round_), value)
        if isinstance(known, dict) and isinstance(value, dict):
            expected[case, identity, probe, round_] = value | known
    with TemporaryDirectory() as folder:
        for group in groups:
            Store(Path(folder), "box").add(FAMILY, commit, None, group)
        record = Store(Path(folder), "box").record(FAMILY, commit.id)
    found = {one.key: one.outcome for one in record.measurements} if record else {}
    shown = {key: value.metrics if isinstance(value, Measured) else value for key, value in found.items()}
    assert shown == expected
    assert list(found) == sorted(found)
