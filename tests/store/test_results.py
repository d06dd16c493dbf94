"""The store on real folders, with real processes that are killed, refused and starved of space."""

import gzip
import json
import os
import random
import re
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from memharness.errors import MemharnessError
from memharness.model.environments import EnvironmentFacts
from memharness.model.history import Commit
from memharness.model.measurements import (
    STORE_FORMAT,
    Failed,
    Frame,
    LineInstances,
    Measured,
    Measurement,
    ModuleCost,
    Observation,
    ObservedInputs,
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
from memharness.model.metrics import PassName
from memharness.model.values import Value
from memharness.store import CaseObservation, Store, machines
from memharness.store.encoding import StoredCalls, StoredEnvironment, decode, encode
from memharness.store.machine import Machine, this_machine

GOLDEN = Path(__file__).parents[1] / "golden"
MACHINE = "linux-x86_64-glibc-64"
FAMILY = "cpython-3.11.7-auto"
FACTS = EnvironmentFacts(
    family=FAMILY, python="3.11.7", implementation="cpython", install="auto", packages={"numpy": "2.1.0"}
)
LINE = ProfileLine(
    path="src/wastebox/core.py",
    line=10,
    function="Item.__init__",
    source="self.data = data",
    size=1330000,
    count=10000,
)
FRAME = Frame(path="src/wastebox/core.py", line=1, function="<module>", source="import wästebox")
PROFILE = Profile(lines=(LINE,), stacks=(Stack(size=96, count=2, frames=(FRAME,)),))
MEASURED = Measured(
    metrics={"peak": 2222976, "retained": 0, "growth": 0},
    calls=127,
    gc_objects=(5120, 5124),
    types=(TypeCount(name="dict", before=100, after=104),),
    profiles={"alive": PROFILE.id},
    notes=("address randomisation is on",),
    passes=("first", "growth"),
)
DEEP = Profile(
    lines=(replace(LINE, library="json"), LINE),
    types=(LineInstances(path=LINE.path, line=10, name="wastebox.core.Item", count=100),),
)
LEAK = Profile(
    lines=(LINE,), survivors=(Survivor(path=LINE.path, line=10, name="wastebox.core.Item", text="<Item 'ä'>"),)
)
SIZES = Profile(sizes=(1000, 1008, 1000))
IMPORTED = Profile(
    modules=(ModuleCost(name="json", origin="stdlib", path="src/wastebox/core.py", line=1, size=70_000),)
)
PROFILES = {one.id: one for one in (PROFILE, DEEP, LEAK, SIZES, IMPORTED)}
EXPLAINED = replace(
    MEASURED,
    metrics={"peak": 2222976, "retained": 0, "growth": 16},
    profiles={"alive": DEEP.id, "calls": SIZES.id, "import": IMPORTED.id, "leak": LEAK.id, "peak": PROFILE.id},
    passes=("deep", "first", "growth", "peak"),
    suspected=("growth",),
)
OBSERVED = ObservedInputs(
    paths=("src/wastebox/core.py",), folders=("src",), beside={"waste.py": "ab" * 16}, native=True
)
SEEING = replace(EXPLAINED, inputs={"first": OBSERVED.id})
FAILED = Failed(
    phase="import",
    reason="ModuleNotFoundError: No module named 'wästebox'",
    exit_code=1,
    output=("Traceback", "\x1b[31mred\x1b[0m \u202e"),
    frames=(FRAME,),
)
TIMED_OUT = TimedOut(during="run", limit_seconds=0.5, output=("still here",))
IGNORED = b"# made and removed by memharness\n/.lock\n/.run.*\n*.tmp\n*.damaged*\n"
OUT_OF_MEMORY = OutOfMemory(during="setup", limit_bytes=1 << 30)


def commit(number: int) -> Commit:
    return Commit(
        id=f"{number:040x}",
        parents=(f"{number - 1:040x}",) if number else (),
        author="Ada Löwe",
        time=1_700_000_000 + number,
        subject=f"Change number {number}",
        tags=(f"v{number}",),
    )


def entry(case: str, outcome: Outcome, round_: int = 0) -> CaseObservation:
    named = outcome.profiles.values() if isinstance(outcome, Measured) else ()
    profiles = {profile_id: PROFILES[profile_id] for profile_id in named}
    return (
        case,
        "a1b2c3",
        1,
        round_,
        Observation(outcome=outcome, profiles=profiles, inputs={OBSERVED.id: OBSERVED}),
    )


def stored(case: str, outcome: Outcome, round_: int = 0) -> Measurement:
    return Measurement(case=case, identity="a1b2c3", probe=1, round=round_, environment=FACTS.id, outcome=outcome)


def record(number: int, *measurements: Measurement, reused: tuple[Reused, ...] = ()) -> Record:
    return Record(format=STORE_FORMAT, commit=commit(number), family=FAMILY, measurements=measurements, reused=reused)


def reused(number: int, *passes: PassName) -> Reused:
    return Reused(case="good", identity="a1b2c3", probe=1, commit=commit(number).id, passes=passes)


def tree(folder: Path) -> dict[str, bytes]:
    """All files below a folder, leaving out what git would ignore."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results", "box")


def record_path(store: Store, number: int) -> Path:
    return store.folder / "box" / FAMILY / f"{number:040x}.json"


# --- what is stored comes back ---------------------------------------------------------------------------


def test_every_kind_of_outcome_comes_back_sorted(store: Store) -> None:
    store.add(
        FAMILY,
        commit(7),
        FACTS,
        [
            entry("slow", TIMED_OUT),
            entry("big[n=10]", OUT_OF_MEMORY),
            entry("good", MEASURED, 1),
            entry("good", MEASURED),
            entry("broken", FAILED),
        ],
    )
    reader = Store(store.folder, "box", read_only=True)
    assert reader.record(FAMILY, commit(7).id) == record(
        7,
        stored("big[n=10]", OUT_OF_MEMORY),
        stored("broken", FAILED),
        stored("good", MEASURED),
        stored("good", MEASURED, 1),
        stored("slow", TIMED_OUT),
    )
    assert reader.profile(PROFILE.id) == PROFILE
    assert reader.environment(FAMILY, FACTS.id) == FACTS
    assert reader.families() == (FAMILY,)
    assert reader.commit_ids(FAMILY) == {commit(7).id}
    assert reader.notices == []


def test_an_absent_folder_holds_nothing(tmp_path: Path) -> None:
    reader = Store(tmp_path / "none", "box", read_only=True)
    assert (reader.families(), reader.commit_ids(FAMILY), list(reader.records(FAMILY))) == ((), frozenset(), [])
    assert (reader.record(FAMILY, "0" * 40), reader.environment(FAMILY, "1"), reader.calls(FAMILY)) == (
        None,
        None,
        {},
    )
    assert not (tmp_path / "none").exists()


def test_a_commit_without_environment_is_stored(store: Store) -> None:
    store.add(FAMILY, commit(1), None, [entry("broken", FAILED)])
    lone = msgspec.structs.replace(stored("broken", FAILED), environment=None)
    assert store.record(FAMILY, commit(1).id) == record(1, lone)


def test_adding_nothing_makes_no_record(store: Store) -> None:
    store.add(FAMILY, commit(1), FACTS, [])
    assert store.commit_ids(FAMILY) == frozenset()


def test_records_come_in_the_order_asked_for(store: Store) -> None:
    for number in (3, 1, 2):
        store.add(FAMILY, commit(number), FACTS, [entry("good", MEASURED)])
    expected = {number: record(number, stored("good", MEASURED)) for number in (1, 2, 3)}
    assert list(store.records(FAMILY)) == [expected[1], expected[2], expected[3]]
    wanted = [commit(3).id, "f" * 40, commit(1).id]
    assert list(store.records(FAMILY, wanted)) == [expected[3], expected[1]]


def test_what_was_measured_first_stays(store: Store) -> None:
    other = Measured(metrics={"peak": 5})
    store.add(FAMILY, commit(1), FACTS, [entry("good", MEASURED)])
    store.add(FAMILY, commit(1), FACTS, [entry("good", other), entry("good", other, 1), entry("good", FAILED, 1)])
    assert store.record(FAMILY, commit(1).id) == record(1, stored("good", MEASURED), stored("good", other, 1))


def test_a_profile_that_was_lost_is_written_again(store: Store) -> None:
    store.add(FAMILY, commit(1), FACTS, [entry("a", MEASURED)])
    assert store.lost_in(MEASURED) == set()
    for path in store.folder.rglob("*.json.gz"):
        path.unlink()
    store = reopened(store)
    assert store.lost_in(MEASURED) == {"first"}
    store.add(FAMILY, commit(1), FACTS, [entry("a", MEASURED)])
    assert store.profile(PROFILE.id) == PROFILE
    assert store.record(FAMILY, commit(1).id) == record(1, stored("a", MEASURED))


def reopened(store: Store) -> Store:
    return Store(store.folder, "box")


def without(store: Store, profile: Profile) -> Store:
    next(store.folder.rglob(f"{profile.id}.json.gz")).unlink()
    return reopened(store)


def test_a_lost_profile_gives_way_to_one_that_came_out_otherwise(store: Store) -> None:
    store.add(FAMILY, commit(1), FACTS, [entry("a", EXPLAINED)])
    store = without(store, DEEP)
    assert store.lost_in(EXPLAINED) == {"first"}
    other = {"peak": PROFILE.id, "alive": PROFILE.id}
    again = Measured(metrics={"peak": 1}, profiles=other, passes=("deep", "first"))
    store.add(FAMILY, commit(1), FACTS, [entry("a", again)])
    profiles = {**other, "calls": SIZES.id, "leak": LEAK.id}
    mended = replace(EXPLAINED, profiles=profiles)
    assert store.record(FAMILY, commit(1).id) == record(1, stored("a", mended))
    assert store.lost_in(mended) == set()


def test_a_profile_is_read_once_and_its_loss_is_noticed_all_the_same(store: Store) -> None:
    store.add(FAMILY, commit(1), FACTS, [entry("a", EXPLAINED)])
    assert store.profile(DEEP.id) is store.profile(DEEP.id)
    store = without(store, DEEP)
    assert store.profile(DEEP.id) is None


def test_only_the_latest_profiles_are_held_in_memory(store: Store) -> None:
    many = {one.id: one for one in (Profile(sizes=(number,)) for number in range(100))}
    outcome = Measured(metrics={"peak": 1}, profiles={str(number): id_ for number, id_ in enumerate(many)})
    store.add(FAMILY, commit(1), FACTS, [("a", "a1b2c3", 1, 0, Observation(outcome=outcome, profiles=many))])
    first, *rest = many
    held = store.profile(first)
    assert store.profile(rest[0]) is not None
    assert store.profile(first) is held
    assert [store.profile(id_) for id_ in rest] == [many[id_] for id_ in rest]
    assert store.profile(first) is not held


def test_a_foreign_folder_is_no_family(store: Store) -> None:
    store.add(FAMILY, commit(1), FACTS, [entry("a", MEASURED)])
    (record_path(store, 1).parent.with_name(".cache")).mkdir()
    assert store.families() == (FAMILY,)


def test_another_identity_or_probe_is_another_measurement(store: Store) -> None:
    observation = Observation(outcome=Measured(metrics={"peak": 5}))
    entries = [("good", "b", 1, 0, observation), ("good", "a", 2, 0, observation), ("good", "a", 1, 0, observation)]
    store.add(FAMILY, commit(1), FACTS, entries)
    loaded = store.record(FAMILY, commit(1).id)
    assert loaded is not None
    assert [measurement.key for measurement in loaded.measurements] == [
        ("good", "a", 1, 0),
        ("good", "a", 2, 0),
        ("good", "b", 1, 0),
    ]


def test_only_what_failed_is_replaced_on_request(store: Store) -> None:
    other = Measured(metrics={"peak": 5, "result": 5})
    both = MEASURED.metrics | {"result": 5}
    before = [entry("flaky", TIMED_OUT), entry("flaky", FAILED, 1), entry("good", MEASURED)]
    store.add(FAMILY, commit(1), FACTS, before)
    after = [entry("flaky", other), entry("flaky", other, 1), entry("good", other)]
    store.add(FAMILY, commit(1), FACTS, after, replace_failed=True)
    assert store.record(FAMILY, commit(1).id) == record(
        1, stored("flaky", other), stored("flaky", other, 1), stored("good", replace(MEASURED, metrics=both))
    )


def test_the_first_number_of_calls_holds(store: Store) -> None:
    assert store.set_calls(FAMILY, "good", "a", 127) == 127
    assert store.set_calls(FAMILY, "good", "a", 31) == 127
    assert store.set_calls(FAMILY, "good", "b", 15) == 15
    assert store.calls(FAMILY) == {("good", "a"): 127, ("good", "b"): 15}


# --- the text on disk ------------------------------------------------------------------------------------


def test_equal_results_make_equal_files_in_any_order(tmp_path: Path) -> None:
    entries = [entry("good", MEASURED), entry("broken", FAILED), entry("slow", TIMED_OUT)]
    one, other = Store(tmp_path / "one", "box"), Store(tmp_path / "other", "box")
    one.add(FAMILY, commit(1), FACTS, entries)
    for single in reversed(entries):
        other.add(FAMILY, commit(1), FACTS, [single])
    assert tree(one.folder) == tree(other.folder)


def test_a_result_is_known_by_reference_to_the_commit_that_was_measured(store: Store) -> None:
    outcome = replace(SEEING, metrics={"growth": 16, "peak": 2222976, "rss_peak": 4096}, passes=("first", "growth"))
    store.add(FAMILY, commit(1), FACTS, [entry("good", outcome), entry("good", outcome, 1), entry("other", outcome)])
    store.add(FAMILY, commit(2), None, [], reused=[reused(1, "first")])
    assert store.record(FAMILY, commit(2).id) == record(2, reused=(reused(1, "first"),))
    first = Measured(
        metrics={"peak": 2222976},
        gc_objects=outcome.gc_objects,
        types=outcome.types,
        profiles={kind: outcome.profiles[kind] for kind in ("alive", "import", "peak")},
        notes=outcome.notes,
        passes=("first",),
        inputs={"first": OBSERVED.id},
        reused_from=commit(1).id,
    )
    assert store.measurements(FAMILY, commit(2).id) == (stored("good", first),)
    assert Store(store.folder, "box").measurements(FAMILY, commit(2).id) == (stored("good", first),)
    both = replace(
        first,
        metrics={"peak": 2222976, "growth": 16},
        calls=127,
        profiles=outcome.profiles,
        passes=("first", "growth"),
        suspected=("growth",),
    )
    store.add(FAMILY, commit(2), None, [], reused=[reused(1, "growth")])
    assert store.record(FAMILY, commit(2).id) == record(2, reused=(reused(1, "first", "growth"),))
    assert store.measurements(FAMILY, commit(2).id) == (stored("good", both),)


def test_adding_again_leaves_the_files_alone(store: Store) -> None:
    store.add(FAMILY, commit(1), FACTS, [entry("good", MEASURED)])
    before = {path: path.stat().st_mtime_ns for path in store.folder.rglob("*") if path.is_file()}
    store.add(FAMILY, commit(1), FACTS, [entry("good", MEASURED)])
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_text_is_sorted_and_indented(store: Store) -> None:
    outcome = Measured(metrics={"peak": 5, "growth": 1}, passes=("first",))
    store.add(FAMILY, commit(1), FACTS, [entry("good", outcome)])
    text = record_path(store, 1).read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), sort_keys=True, indent=1, ensure_ascii=False) + "\n"
    assert json.loads(text)["measurements"][0]["outcome"] == {
        "metrics": {"growth": 1, "peak": 5},
        "outcome": "measured",
        "passes": ["first"],
    }


def test_text_that_no_json_reader_accepts_is_escaped(store: Store) -> None:
    strange = Failed(phase="run", reason="caf\udce9")
    store.add(FAMILY, commit(1), FACTS, [entry("broken", strange)])
    readable = Failed(phase="run", reason=r"caf\udce9")
    assert store.record(FAMILY, commit(1).id) == record(1, stored("broken", readable))


FORMER_ID = "367f57471acd1d3cfcf4834d42dc3406"  # of PROFILE in format 1, whose lines had no library
GOLDEN_FORMATS: dict[int, tuple[Measured, dict[str, Profile]]] = {
    1: (replace(MEASURED, profiles={"alive": FORMER_ID}), {FORMER_ID: PROFILE}),
    2: (EXPLAINED, PROFILES),
    3: (SEEING, PROFILES),
}


@pytest.mark.parametrize("number", GOLDEN_FORMATS)
def test_every_stored_format_still_loads_and_encodes_alike(number: int) -> None:
    folder = GOLDEN / f"store-format-{number}"
    good, profiles = GOLDEN_FORMATS[number]
    reader = Store(folder, MACHINE, read_only=True)
    outcomes: dict[str, Outcome] = {"big[n=10]": OUT_OF_MEMORY, "broken": FAILED, "good": good, "slow": TIMED_OUT}
    loaded = reader.record(FAMILY, commit(7).id)
    expected = record(7, *(stored(case, outcome) for case, outcome in outcomes.items()))
    assert loaded == replace(expected, format=number)
    assert [reader.inputs(id_) for id_ in good.inputs.values()] == [OBSERVED] * len(good.inputs)
    assert reader.environment(FAMILY, FACTS.id) == FACTS
    assert reader.calls(FAMILY) == {("good", "a1b2c3"): 127}
    assert {profile_id: reader.profile(profile_id) for profile_id in good.profiles.values()} == profiles
    assert reader.lost_in(good) == set()
    assert reader.notices == []
    kinds: dict[str, type[Value]] = {
        "calls": StoredCalls,
        "environments": StoredEnvironment,
        FAMILY: Record,
        MACHINE: Machine,
    }
    for path in folder.rglob("*.json"):
        content = path.read_bytes()
        if b"cpu_seconds" not in content:  # dropped from format 3 on
            assert encode(decode(content, path, kinds[path.parent.name])) == content


def test_the_newest_golden_folder_is_what_the_store_writes(tmp_path: Path) -> None:
    store = Store(tmp_path, MACHINE)
    good = entry("good", SEEING)
    others = [entry("big[n=10]", OUT_OF_MEMORY), entry("broken", FAILED), entry("slow", TIMED_OUT)]
    store.add(FAMILY, commit(7), FACTS, [good, *others])
    store.add(FAMILY, commit(8), None, [], reused=[reused(7, "first", "growth")])
    store.set_calls(FAMILY, "good", "a1b2c3", 127)
    golden = tree(GOLDEN / "store-format-3")
    assert unpacked(tree(tmp_path)) == unpacked(golden)


def unpacked(files: dict[str, bytes]) -> dict[str, bytes]:
    """Decompress what is compressed: two builds of zlib need not pack alike."""
    return {name: gzip.decompress(content) if name.endswith(".gz") else content for name, content in files.items()}


def test_a_record_of_an_older_format_is_written_anew_only_with_something_new(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / "store-format-1", tmp_path, dirs_exist_ok=True)
    before = tree(tmp_path)
    store = Store(tmp_path, MACHINE)
    store.add(FAMILY, commit(7), FACTS, [entry("slow", TIMED_OUT), entry("good", MEASURED)])
    assert tree(tmp_path) == before
    store.add(FAMILY, commit(7), FACTS, [entry("good", EXPLAINED, 1)])
    outcomes: dict[str, Outcome] = {"big[n=10]": OUT_OF_MEMORY, "broken": FAILED, "slow": TIMED_OUT}
    old = [stored(case, outcome) for case, outcome in outcomes.items()]
    good = [stored("good", GOLDEN_FORMATS[1][0]), stored("good", EXPLAINED, 1)]
    assert store.record(FAMILY, commit(7).id) == record(7, *old[:2], *good, old[2])
    after = tree(tmp_path)
    changed = f"{MACHINE}/{FAMILY}/{commit(7).id}.json"
    assert {name: after[name] for name in before if name != changed} == {
        name: content for name, content in before.items() if name != changed
    }
    assert store.profile(FORMER_ID) == PROFILE


def test_a_profile_has_equal_bytes_without_a_time_stamp(store: Store) -> None:
    store.add(FAMILY, commit(1), FACTS, [entry("good", MEASURED)])
    content = (store.folder / "box" / f"profiles/{PROFILE.id[:2]}/{PROFILE.id}.json.gz").read_bytes()
    assert content[4:8] == b"\0\0\0\0"


def test_nothing_personal_is_stored(store: Store) -> None:
    store.add(FAMILY, commit(1), FACTS, [entry("good", MEASURED)])
    facts = json.loads((store.folder / "box" / "machine.json").read_text())
    assert set(facts) == {"format", "system", "architecture", "libc", "pointer_bits"}


# --- places and machines ---------------------------------------------------------------------------------


def test_folders_of_two_shards_merge_by_copying(tmp_path: Path) -> None:
    both = Store(tmp_path / "both", "box")
    for shard, number in (("one", 1), ("two", 2)):
        single = Store(tmp_path / shard, "box")
        for target in (single, both):
            target.add(FAMILY, commit(number), FACTS, [entry("good", MEASURED)])
            target.set_calls(FAMILY, f"case {number}", "a", number)
    merged = tmp_path / "merged"
    for shard in ("one", "two"):
        shutil.copytree(tmp_path / shard, merged, dirs_exist_ok=True)
    assert tree(merged) == tree(both.folder)


def test_a_folder_behind_a_link_works(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real", target_is_directory=True)
    Store(tmp_path / "link", "box").add(FAMILY, commit(1), FACTS, [entry("good", MEASURED)])
    assert Store(tmp_path / "real", "box").record(FAMILY, commit(1).id) == record(1, stored("good", MEASURED))
    assert (tmp_path / "link").is_symlink()


def test_values_of_another_machine_are_not_mixed_in(store: Store) -> None:
    other = msgspec.structs.replace(this_machine(), architecture="m68k", pointer_bits=32)
    (store.folder / "box").mkdir(parents=True)
    (store.folder / "box" / "machine.json").write_bytes(encode(other))
    with pytest.raises(MemharnessError, match="holds results of another kind of machine") as raised:
        store.add(FAMILY, commit(1), FACTS, [entry("good", MEASURED)])
    assert other.name in raised.value.message
    assert store.commit_ids(FAMILY) == frozenset()


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "profiles", "a\n"])
def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(MemharnessError, match="cannot be the name of a machine"):
        Store(tmp_path, name)


def test_git_ignores_what_the_store_keeps_for_itself(store: Store) -> None:
    store.add(FAMILY, commit(1), FACTS, [entry("good", MEASURED)])
    with store.run_lock():
        expected = {*tree(store.folder), ".gitignore"}
        record_path(store, 1).with_name(".memharness-0123456789abcdef.tmp").touch()
        record_path(store, 1).with_suffix(".json.damaged-2").touch()
        subprocess.run(["git", "init", "-q"], cwd=store.folder, check=True)
        listed = subprocess.run(
            ["git", "ls-files", "-o", "--exclude-standard"], cwd=store.folder, capture_output=True, text=True
        ).stdout
    assert set(listed.splitlines()) == expected


# --- damage ----------------------------------------------------------------------------------------------


DAMAGES: dict[str, tuple[bytes, bytes]] = {  # regular expression and what it is replaced with
    "truncated": (rb"(?s)(?<=.{100}).*", b""),
    "empty": (rb"(?s).*", b""),
    "no text": (rb"Ada", b"\xff\xfe"),
    "nested without end": (rb'"commit": ', b'"commit": ' + b"[" * 100_000),
    "nested, of an old format": (
        rb'"commit": ',
        b'"x": {"cpu_seconds": 1, "y": ' + b"[" * 900 + b"]" * 900 + b'}, "commit": ',
    ),
    "wrong type": (rb'"peak": 2222976', b'"peak": "much"'),
    "unknown field": (rb'"family"', b'"colour": 1, "family"'),
    "old format": (rb'"format": 3', b'"format": 0'),
    "of another commit": (rb'(?<="id": ").{40}', b"9" * 40),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_record_is_set_aside_and_measured_again(store: Store, name: str) -> None:
    store.add(FAMILY, commit(1), FACTS, [entry("good", MEASURED)])
    path = record_path(store, 1)
    good = path.read_bytes()
    bad = re.sub(*DAMAGES[name], good, count=1)
    assert bad != good
    path.write_bytes(bad)

    reader = Store(store.folder, "box", read_only=True)
    assert [reader.record(FAMILY, commit(1).id) for _ in range(2)] == [None, None]
    assert len(reader.notices) == 1
    assert f"{path} is damaged and left out" in reader.notices[0]
    assert path.read_bytes() == bad

    assert store.record(FAMILY, commit(1).id) is None
    assert store.commit_ids(FAMILY) == frozenset()
    aside = path.with_name(path.name + ".damaged")
    assert aside.read_bytes() == bad
    assert len(store.notices) == 1
    assert f"kept as {aside.name}" in store.notices[0]
    store.add(FAMILY, commit(1), FACTS, [entry("good", MEASURED)])
    assert path.read_bytes() == good


def test_a_second_damage_does_not_replace_the_first(store: Store) -> None:
    for text in ("one", "two", "three"):
        store.add(FAMILY, commit(1), FACTS, [entry("good", MEASURED)])
        record_path(store, 1).write_text(text)
        assert store.record(FAMILY, commit(1).id) is None
    folder = record_path(store, 1).parent
    assert {path.name.partition(".")[2]: path.read_text() for path in folder.glob("*.damaged*")} == {
        "json.damaged": "one",
        "json.damaged-2": "two",
        "json.damaged-3": "three",
    }


def test_a_record_of_a_newer_format_stops_the_command(store: Store) -> None:
    store.add(FAMILY, commit(1), FACTS, [entry("good", MEASURED)])
    path = record_path(store, 1)
    newer = path.read_bytes().replace(b'"format": 3', b'"colour": "new", "format": 4')
    path.write_bytes(newer)
    with pytest.raises(MemharnessError, match="written by a newer memharness") as raised:
        store.record(FAMILY, commit(1).id)
    assert (str(path) in raised.value.message, raised.value.exit_code) == (True, 2)
    assert path.read_bytes() == newer


def test_a_damaged_or_missing_profile_is_a_notice(store: Store) -> None:
    store.add(FAMILY, commit(1), FACTS, [entry("good", MEASURED)])
    path = store.folder / "box" / "profiles" / PROFILE.id[:2] / f"{PROFILE.id}.json.gz"
    path.write_bytes(path.read_bytes()[:-4])
    assert store.profile(PROFILE.id) is None
    assert store.profile("0" * 32) is None
    assert [notice.partition(" is ")[2][:7] for notice in store.notices] == ["damaged", "missing"]
    store.add(FAMILY, commit(2), FACTS, [entry("good", MEASURED)])
    assert store.profile(PROFILE.id) == PROFILE


def test_what_is_lost_is_known_as_soon_as_the_store_meets_it(store: Store) -> None:
    store.add(FAMILY, commit(1), FACTS, [entry("good", MEASURED)])
    path = store.folder / "box" / "profiles" / PROFILE.id[:2] / f"{PROFILE.id}.json.gz"

    def damage() -> None:
        path.write_bytes(b"")

    for harm in (damage, path.unlink):
        assert store.lost_in(MEASURED) == set()
        harm()
        assert store.profile(PROFILE.id) is None
        assert store.lost_in(MEASURED) == {"first"}
        store.add(FAMILY, commit(1), FACTS, [entry("good", MEASURED)])
    assert store.lost_in(MEASURED) == set()


def test_damaged_facts_are_written_again(store: Store) -> None:
    store.add(FAMILY, commit(1), FACTS, [entry("good", MEASURED)])
    for name in ("machine.json", f"{FAMILY}/environments/{FACTS.id}.json"):
        (store.folder / "box" / name).write_text("{")
    again = Store(store.folder, "box")
    again.add(FAMILY, commit(2), FACTS, [entry("good", MEASURED)])
    assert again.environment(FAMILY, FACTS.id) == FACTS
    assert len(again.notices) == 2


# --- locks, kills and full disks -------------------------------------------------------------------------

CHILD = """
import os, sys
from pathlib import Path
from test_results import FACTS, FAMILY, MEASURED, commit, entry
from memharness.errors import MemharnessError
from memharness.store import Store
store = Store(Path(sys.argv[1]), "box")
def add(number): store.add(FAMILY, commit(number), FACTS, [entry("good", MEASURED), entry("other", MEASURED)])
"""


def child(folder: Path, code: str, prefix: tuple[str, ...] = ()) -> "subprocess.Popen[str]":
    """Start a process that holds a store of `folder` and runs `code`; its standard output is a pipe."""
    environment = {**os.environ, "PYTHONPATH": f"{Path(__file__).parent}:{Path(__file__).parents[1] / 'support'}"}
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", CHILD + code, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


def output(process: "subprocess.Popen[str]") -> str:
    text, _ = process.communicate()
    assert process.returncode == 0
    return text


def test_a_second_run_on_the_folder_is_refused(store: Store) -> None:
    code = """
try:
    with store.run_lock(): print("got it")
except MemharnessError as error: print(error.exit_code, error.message, bool(error.hint), sep="|")
"""
    with store.run_lock():
        store.add(FAMILY, commit(1), FACTS, [entry("good", MEASURED)])
        for _ in range(2):
            expected = f"3|another memharness run (process {os.getpid()}) is using {store.folder}|True\n"
            assert output(child(store.folder, code)) == expected
    assert output(child(store.folder, code)) == "got it\n"


def test_the_run_lock_of_a_killed_process_is_free(store: Store) -> None:
    with child(store.folder, "with store.run_lock(): print('held', flush=True); sys.stdin.read()") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        process.kill()
    with store.run_lock():
        assert (store.folder / ".run.pid").read_text() == f"{os.getpid()}\n"


def test_a_write_waits_for_the_lock_and_then_gives_up(store: Store) -> None:
    code = "with store._writing(): print('held', flush=True); sys.stdin.read()"
    with child(store.folder, code) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        hasty = Store(store.folder, "box", lock_seconds=0.1)
        with pytest.raises(MemharnessError, match=r"stayed locked by another process for 0\.1 s"):
            hasty.add(FAMILY, commit(1), FACTS, [entry("good", MEASURED)])
        process.kill()


def test_two_processes_that_write_the_same_commits_lose_nothing(store: Store) -> None:
    code = """
for number in range(20):
    store.add(FAMILY, commit(number), FACTS, [entry(f"case {os.getpid()}", MEASURED)])
"""
    writers = [child(store.folder, code) for _ in range(2)]
    assert [output(writer) for writer in writers] == ["", ""]
    cases = sorted(f"case {writer.pid}" for writer in writers)
    assert list(store.records(FAMILY)) == [
        record(number, *(stored(case, MEASURED) for case in cases)) for number in range(20)
    ]


def test_a_killed_writer_leaves_whole_records(store: Store) -> None:
    code = "\nfor line in sys.stdin: add(int(line)); print(line, end='', flush=True)"
    dice = random.Random(4)
    written = 0
    for _ in range(10):
        with child(store.folder, code) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            for last in [False] * dice.randint(1, 8) + [True]:
                process.stdin.write(f"{written}\n")
                process.stdin.flush()
                if not last:
                    written = int(process.stdout.readline()) + 1
            for _ in range(dice.randint(0, 20_000)):  # somewhere within the next write
                pass
            process.kill()
        reader = Store(store.folder, "box", read_only=True)
        loaded = list(reader.records(FAMILY))
        assert reader.notices == []
        numbers = range(len(loaded))
        assert loaded == [record(n, stored("good", MEASURED), stored("other", MEASURED)) for n in numbers]
        assert len(loaded) - written in (0, 1)
    assert store.profile(PROFILE.id) == PROFILE


def test_what_a_killed_writer_left_is_swept_by_the_next(store: Store) -> None:
    store.add(FAMILY, commit(1), FACTS, [entry("good", MEASURED)])
    expected = tree(store.folder)
    name, home = ".memharness-0123456789abcdef.tmp", store.folder / "box"
    left = [home / name, home / FAMILY / name, home / "profiles" / "00" / name]
    left[2].parent.mkdir()
    for path in left:
        path.write_bytes(b"{")
    foreign = home / "thesis.tmp"
    foreign.write_bytes(b"of another program")
    expected["box/thesis.tmp"] = b"of another program"
    reader = Store(store.folder, "box", read_only=True)
    assert list(reader.records(FAMILY)) == [record(1, stored("good", MEASURED))]
    assert all(path.exists() for path in left)
    Store(store.folder, "box").add(FAMILY, commit(1), FACTS, [entry("good", MEASURED)])
    assert tree(store.folder) == expected
    assert not any(path.exists() for path in left)


def test_a_full_disk_is_an_error_that_loses_nothing(store: Store) -> None:
    code = """
import resource
add(1)
resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))  # as a full disk: writes fail part of the way
try: add(2)
except MemharnessError as error: print(error.exit_code, error.message, error.hint, sep="|")
"""
    path = record_path(store, 2)
    assert output(child(store.folder, code)) == (
        f"3|cannot write {path}: File too large|"
        "Free some space and run the same command again: what was stored before is kept.\n"
    )
    assert not list(store.folder.rglob("*.tmp"))
    assert list(store.records(FAMILY)) == [record(1, stored("good", MEASURED), stored("other", MEASURED))]
    store.add(FAMILY, commit(2), FACTS, [entry("good", MEASURED)])
    assert store.commit_ids(FAMILY) == {commit(1).id, commit(2).id}


def test_a_device_without_space_is_an_error_that_loses_nothing(tmp_path: Path) -> None:
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("may not mount a small device")
    code = """
number = 0
try:
    while number < 1000: number += 1; add(number)
except MemharnessError as error: print(error.message.rpartition(": ")[2], error.hint, sep="|")
loaded = list(Store(Path(sys.argv[1]), "box", read_only=True).records(FAMILY))
print(len(loaded) == number - 1 > 0, {len(one.measurements) for one in loaded})
"""
    mounted = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=96k none "$0" && exec "$@"', str(tmp_path))
    assert output(child(tmp_path, code, mounted)) == (
        "No space left on device|Free some space and run the same command again: what was stored before is kept.\n"
        "True {2}\n"
    )


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file")
    store = Store(tmp_path / "results", "box")
    with pytest.raises(MemharnessError, match=r"cannot create .*results: ") as raised:
        store.add(FAMILY, commit(1), FACTS, [entry("good", MEASURED)])
    assert (raised.value.exit_code, bool(raised.value.hint)) == (2, True)
    with pytest.raises(MemharnessError, match=r"cannot read .*results/box: Not a directory"):
        store.families()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may take another user's rights")
def test_a_folder_of_another_user_is_an_error(tmp_path: Path) -> None:
    Store(tmp_path, "box").add(FAMILY, commit(1), FACTS, [entry("good", MEASURED)])
    for path in (tmp_path, *tmp_path.parents):
        path.chmod(path.stat().st_mode | 0o055)
    code = """
os.setuid(65534)
print(len(list(Store(Path(sys.argv[1]), "box", read_only=True).records(FAMILY))))
try: add(2)
except MemharnessError as error: print(error.exit_code, error.message, error.hint, sep="|")
"""
    assert output(child(tmp_path, code)) == (
        f"1\n2|cannot lock {tmp_path}/.lock: Permission denied|"
        "Make it accessible to this user, or choose another folder.\n"
    )


# --- foreign folders ---------------------------------------------------------------------------------------


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """Return a folder outside of the results that looks like one of ours."""
    own = Store(tmp_path / "victim", "box")
    own.add(FAMILY, commit(1), FACTS, [entry("good", EXPLAINED)])
    (own.folder / "box" / FAMILY / ".memharness-0123456789abcdef.tmp").write_text("mine")
    (own.folder / "box" / "profiles" / "bomb").write_bytes(b"not gzip")
    return own.folder


def whole_tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["box", f"box/{FAMILY}", "box/profiles", f"box/{FAMILY}/environments"])
def test_no_linked_folder_is_followed(store: Store, victim: Path, name: str) -> None:
    before = whole_tree(victim)
    link = store.folder / name
    link.parent.mkdir(parents=True)
    link.symlink_to(victim / name, target_is_directory=True)
    for number in (1, 2):
        with pytest.raises(MemharnessError, match=f"{link}: it is a symbolic link") as caught:
            store.add(FAMILY, commit(number), FACTS, [entry("good", EXPLAINED)])
        assert caught.value.hint.startswith("Remove it")
    reader = Store(store.folder, "box", read_only=True)
    if name in {"box", f"box/{FAMILY}"}:
        assert machines(store.folder) == () or name != "box"
        with pytest.raises(MemharnessError, match="it is a symbolic link"):
            reader.record(FAMILY, commit(1).id)
    assert whole_tree(victim) == before


STRANGE = ("link", "dangling", "pipe", "hard link")


def put_strange(path: Path, kind: str, outside: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    match kind:
        case "link":
            path.symlink_to(outside)
        case "dangling":
            path.symlink_to(outside.with_name("absent"))
        case "pipe":
            os.mkfifo(path)
        case _:
            path.hardlink_to(outside)


@pytest.mark.parametrize("kind", STRANGE)
def test_a_strange_file_gives_way_to_ours_and_what_is_behind_it_stays(store: Store, tmp_path: Path, kind: str) -> None:
    store.add(FAMILY, commit(1), FACTS, [entry("good", EXPLAINED)])
    expected = tree(store.folder)
    ours = [path for path in store.folder.rglob("*") if path.is_file() and path.name not in {".lock", "machine.json"}]
    for number, path in enumerate(ours):
        outside = tmp_path / f"outside {number}"
        outside.write_bytes(b"mine")
        put_strange(path, kind, outside)
    again = Store(store.folder, "box")
    again.add(FAMILY, commit(1), FACTS, [entry("good", EXPLAINED)])
    if kind != "hard link":  # which looks like a damaged file
        assert tree(store.folder) == expected
        assert (store.folder / ".gitignore").read_bytes() == IGNORED
    assert {path.read_bytes() for path in tmp_path.glob("outside *")} == {b"mine"}
    assert not (tmp_path / "absent").exists()
    assert all(" is left out: it is a " in notice or " is damaged (" in notice for notice in again.notices)


@pytest.mark.parametrize("kind", STRANGE)
@pytest.mark.parametrize("name", [".lock", ".run.lock", "accepted.toml"])
def test_a_strange_file_that_cannot_give_way_is_an_error(store: Store, tmp_path: Path, name: str, kind: str) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"mine")
    put_strange(store.folder / name, kind, outside)
    with pytest.raises(MemharnessError) as caught, store.run_lock():
        store.accept([])
    assert str(store.folder / name) in caught.value.message
    assert outside.read_bytes() == b"mine"
    assert not (tmp_path / "absent").exists()


OUTSIDE = "../../../../outside"


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("environment",), OUTSIDE),
        (("outcome", "profiles", "alive"), OUTSIDE),
        (("outcome", "profiles", "alive"), "/etc/passwd"),
        (("outcome", "profiles", "alive"), "ab\n"),
        (("outcome", "sights", "first"), OUTSIDE),
        (("outcome", "calls"), 1 << 40),
        (("outcome", "calls"), 10**400),
    ],
)
def test_a_name_in_a_record_is_no_path(store: Store, tmp_path: Path, place: tuple[str, ...], value: object) -> None:
    for suffix in (".json", ".json.gz"):
        (tmp_path / f"outside{suffix}").write_bytes(b"mine")
    store.add(FAMILY, commit(1), FACTS, [entry("good", SEEING)])
    path = record_path(store, 1)
    content = json.loads(path.read_text())
    *parents, last = place
    holder = content["measurements"][0]
    for key in parents:
        holder = holder[key]
    holder[last] = value
    path.write_text(json.dumps(content))
    assert store.record(FAMILY, commit(1).id) is None
    assert re.fullmatch(
        rf"{path} is damaged \(.*\): kept as {path.name}\.damaged, to be measured again", store.notices[0]
    )
    assert sorted(file.name for file in tmp_path.glob("outside*")) == ["outside.json", "outside.json.gz"]


def test_what_unpacks_to_too_much_is_damaged(store: Store) -> None:
    store.add(FAMILY, commit(1), FACTS, [entry("good", MEASURED)])
    (path,) = store.folder.rglob("*.json.gz")
    packer = zlib.compressobj(wbits=31)
    with path.open("wb") as file:
        for _ in range(130):
            file.write(packer.compress(bytes(1 << 20)))
        file.write(packer.flush())
    assert store.profile(PROFILE.id) is None
    assert store.notices == [
        f"{path} is damaged (it unpacks to 128 MiB or more): kept as {path.name}.damaged, to be measured again"
    ]
    record = record_path(store, 1)
    os.truncate(record, 1 << 40)
    assert store.record(FAMILY, commit(1).id) is None
    assert store.notices[1:] == [
        f"{record} is damaged (it has more than 128 MiB): kept as {record.name}.damaged, to be measured again"
    ]


# --- cost ------------------------------------------------------------------------------------------------


def test_reading_a_range_opens_only_the_records_asked_for(store: Store) -> None:
    for number in (1, 2):
        store.add(FAMILY, commit(number), FACTS, [entry("good", MEASURED)])
    record_path(store, 2).write_text("not read")
    assert list(store.records(FAMILY, [commit(1).id])) == [record(1, stored("good", MEASURED))]
    assert store.notices == []
