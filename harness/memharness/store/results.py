"""The store: the results of one machine in a folder.

Writers take a short lock for every write; readers need none, because every file is replaced whole. What was measured
stays: a second value for the same measurement is dropped. Damaged files are named in `notices`, renamed, and count as
missing from then on, so that they are measured again.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache, lru_cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias, TypeVar

import filelock
from msgspec.structs import replace

from memharness.errors import MemharnessError
from memharness.files.folder import NotPlain, TooLarge
from memharness.model.environments import EnvironmentFacts
from memharness.model.findings import Acceptance
from memharness.model.history import Commit
from memharness.model.listings import Listing
from memharness.model.measurements import (
    STORE_FORMAT,
    Measured,
    Measurement,
    Observation,
    ObservedInputs,
    Outcome,
    Profile,
    Record,
    Reused,
)
from memharness.model.metrics import PassName, profile_pass
from memharness.model.values import digest
from memharness.store.encoding import (
    DamagedFile,
    StoredCalls,
    StoredEnvironment,
    StoredInputs,
    StoredListing,
    StoredProfile,
    compress,
    decode,
    decompress,
    encode,
)
from memharness.store.files import ResultFiles
from memharness.store.ledger import append, read_ledger
from memharness.store.locks import run_lock, write_lock
from memharness.store.machine import Machine, this_machine
from memharness.store.merging import resolved, updated, with_identities

CaseObservation: TypeAlias = tuple[str, str, int, int, Observation]  # case, identity, probe, round, what was observed

_RECORD = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64})\.json")
_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*")
_PROFILES = "profiles"
_OBSERVED = "sights"
_COMPRESSED = ".json.gz"
_OURS = (_PROFILES, _OBSERVED)  # folders beside those of families
_DEPTH = 2  # of the folders below that of a machine
_CACHED = 64  # profiles, which neighbours share and every metric of a case asks for, and records that others refer to
_IGNORED = b"# made and removed by memharness\n/.lock\n/.run.*\n*.tmp\n*.damaged*\n"

T = TypeVar("T")


class Store:
    """Results of one machine below `folder`. `read_only` leaves damaged files where they are.

    `renamed` maps identities that results were stored under to those that they are known by now.

    Every method raises MemharnessError where the disk refuses, or where a newer memharness wrote a file.
    """

    def __init__(
        self,
        folder: Path,
        machine: str,
        *,
        read_only: bool = False,
        lock_seconds: float = 60.0,
        renamed: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.folder = folder
        self.notices: list[str] = []
        self.machine = machine
        self.renamed = renamed
        self._home = folder / _checked_name(machine, "machine")
        self._read_only = read_only
        self._lock_seconds = lock_seconds
        self._files = ResultFiles(folder)
        self._lock = filelock.FileLock(folder / ".lock")
        self._prepared = False
        self._cached_profile = lru_cache(_CACHED)(self._read_profile)
        self._cached_record = lru_cache(_CACHED)(self.record)
        self._profile_names = cache(self._list_profiles)

    # --- writing -----------------------------------------------------------------------------------------

    def run_lock(self) -> AbstractContextManager[None]:
        """Hold the folder for a whole run; MemharnessError if another run has it."""
        return run_lock(self.folder)

    def add(
        self,
        family: str,
        commit: Commit,
        environment: EnvironmentFacts | None,
        observed: Sequence[CaseObservation],
        *,
        reused: Sequence[Reused] = (),
        replace_failed: bool = False,
    ) -> None:
        """Merge measurements of one commit into its record; values already there stay, new metrics are added.

        Of a pass that lost a profile all profiles are replaced.
        `replace_failed` lets a measurement take the place of one that failed, as `reused` ones always do. Profiles and
        inputs are written before the record that names them, so that a killed process leaves no name without its file.
        """
        facts_id = environment.id if environment else None
        fresh = tuple(
            Measurement(
                case=case,
                identity=identity,
                probe=probe,
                round=round_,
                environment=facts_id,
                outcome=observation.outcome,
            )
            for case, identity, probe, round_, observation in observed
        )
        new = Record(format=STORE_FORMAT, commit=commit, family=family, measurements=fresh, reused=tuple(reused))
        with self._writing():
            old = self.record(family, commit.id) or replace(new, measurements=(), reused=())
            record = updated(old, new, retry=replace_failed, lost_in=self.lost_in)
            outcomes = {one.key: one.outcome for one in record.measurements}
            for case, identity, probe, round_, observation in observed:
                self._write_named(outcomes.get((case, identity, probe, round_)), observation)
            self._write_environment(family, environment)
            if record != replace(old, format=STORE_FORMAT):  # an older one stays until there is something new
                self._files.write(self._record_path(family, commit.id), encode(record))
                self._cached_record.cache_clear()

    def set_calls(self, family: str, case: str, identity: str, calls: int) -> int:
        """Store how often the growth pass calls a case, unless it is known; return the number that holds."""
        with self._writing():
            known = self.calls(family).get((case, identity))
            if known is not None:
                return known
            value = StoredCalls(format=STORE_FORMAT, case=case, identity=identity, calls=calls)
            name = digest([case, identity], 16)
            self._files.write(self._family(family) / "calls" / f"{name}.json", encode(value))
            return calls

    def set_listing(self, family: str, listing: Listing) -> None:
        """Store what the suite of an address holds, in place of what it held before."""
        with self._writing():
            content = encode(StoredListing(format=STORE_FORMAT, listing=listing))
            self._files.write(self._listing_path(family, listing.address), content)

    def accept(self, entries: Sequence[Acceptance]) -> Path:
        """Enter changes in the ledger, in place of former entries for the same ones; return its path."""
        with self._writing():
            return append(self.folder, entries)

    # --- reading -----------------------------------------------------------------------------------------

    def families(self) -> tuple[str, ...]:
        """Return the environment families of this machine, sorted."""
        found = (name for name in self._files.names(self._home) if name not in _OURS and _NAME.fullmatch(name))
        return tuple(name for name in found if self._files.is_folder(self._home / name))

    def commit_ids(self, family: str) -> frozenset[str]:
        """Return the full ids of the commits that have a record."""
        matches = map(_RECORD.fullmatch, self._files.names(self._family(family)))
        return frozenset(match[1] for match in matches if match)

    def stamps(self, family: str) -> dict[str, tuple[int, int]]:
        """Return by full id what tells that the record of a commit was rewritten: its file's mtime (ns) and size."""
        files = self._files.files(self._family(family)).items()
        return {
            match[1]: (file.st_mtime_ns, file.st_size) for name, file in files if (match := _RECORD.fullmatch(name))
        }

    def record(self, family: str, commit_id: str) -> Record | None:
        """Return what is stored of a commit, references as such."""
        decoded = partial(_decode_record, family=family, commit_id=commit_id)
        record = self._load(self._record_path(family, commit_id), decoded)
        return record and with_identities(record, self.renamed)

    def records(self, family: str, commit_ids: Iterable[str] | None = None) -> Iterator[Record]:
        """Load, one at a time, the records of the given commits, else of all by id; missing ones are left out."""
        wanted = sorted(self.commit_ids(family)) if commit_ids is None else commit_ids
        for commit_id in wanted:
            record = self.record(family, commit_id)
            if record is not None:
                yield record

    def measurements(self, family: str, commit_id: str) -> tuple[Measurement, ...]:
        """Return what is known of a commit, what it refers to included."""
        record = self.record(family, commit_id)
        return self.resolved(record) if record else ()

    def resolved(self, record: Record) -> tuple[Measurement, ...]:
        """Return the measurements of a record, those included that it refers to."""
        return resolved(record, partial(self._cached_record, record.family)) if record.reused else record.measurements

    def profile(self, profile_id: str) -> Profile | None:
        """Return a stored profile; None, with a notice, where it is missing or damaged."""
        if not self.has_profile(profile_id):
            self._forget_profiles()
            self._notice(f"{self._profile_path(profile_id)} is missing: no lines can be shown for it")
            return None
        return self._cached_profile(profile_id)

    def has_profile(self, profile_id: str) -> bool:
        """Tell whether a profile is there."""
        return self._files.is_file(self._profile_path(profile_id))

    def inputs(self, inputs_id: str) -> ObservedInputs | None:
        """Return what a pass observed; None where that is missing or damaged: nothing can be proven with it."""
        stored = self._load(self._path(_OBSERVED, inputs_id), partial(decompress, kind=StoredInputs))
        return stored.inputs if stored else None

    def lost_in(self, outcome: Outcome) -> frozenset[PassName]:
        """Return the passes of an outcome of which a profile that it names is not there."""
        named = outcome.profiles.items() if isinstance(outcome, Measured) else ()
        return frozenset(
            [profile_pass(kind) for kind, id_ in named if f"{id_}{_COMPRESSED}" not in self._profile_names(id_[:2])]
        )

    def environment(self, family: str, facts_id: str) -> EnvironmentFacts | None:
        """Return the facts that measurements refer to by id."""
        stored = self._load(self._environment_path(family, facts_id), partial(decode, kind=StoredEnvironment))
        return stored.environment if stored else None

    def accepted(self) -> tuple[Acceptance, ...]:
        """Return the changes that the ledger accepts, of all machines."""
        return read_ledger(self.folder)

    def calls(self, family: str) -> dict[tuple[str, str], int]:
        """Return the calibrated number of calls by case and identity of its scenario."""
        folder = self._family(family) / "calls"
        stored = (
            self._load(folder / name, partial(decode, kind=StoredCalls))
            for name in self._files.names(folder)
            if name.endswith(".json")
        )
        return {(v.case, self.renamed.get(v.identity, v.identity)): v.calls for v in stored if v}

    def listing(self, family: str, address: str) -> Listing | None:
        """Return what the suite of an address was found to hold."""
        stored = self._load(self._listing_path(family, address), partial(decode, kind=StoredListing))
        return stored.listing if stored and stored.listing.address == address else None

    # --- files -------------------------------------------------------------------------------------------

    def _family(self, family: str) -> Path:
        return self._home / _checked_name(family, "environment family")

    def _record_path(self, family: str, commit_id: str) -> Path:
        return self._family(family) / f"{commit_id}.json"

    def _environment_path(self, family: str, facts_id: str) -> Path:
        return self._family(family) / "environments" / f"{facts_id}.json"

    def _listing_path(self, family: str, address: str) -> Path:
        return self._family(family) / "listings" / f"{digest(address, 16)}.json"

    def _profile_path(self, profile_id: str) -> Path:
        return self._path(_PROFILES, profile_id)

    def _list_profiles(self, prefix: str) -> frozenset[str]:
        """Return the names of the profiles in a folder: a run with nothing to do asks for tens of thousands."""
        return frozenset(self._files.files(self._home / _PROFILES / prefix))

    def _read_profile(self, profile_id: str) -> Profile | None:
        stored = self._load(self._profile_path(profile_id), partial(decompress, kind=StoredProfile))
        return stored.profile if stored else None

    def _path(self, kind: str, id_: str) -> Path:
        return self._home / kind / id_[:2] / f"{id_}{_COMPRESSED}"

    def _write_named(self, outcome: Outcome | None, observation: Observation) -> None:
        """Write the profiles and observed inputs that an outcome names and that are not there, yet or any more."""
        if not isinstance(outcome, Measured):
            return
        for id_ in {*outcome.profiles.values()} & observation.profiles.keys():
            content = StoredProfile(format=STORE_FORMAT, profile=observation.profiles[id_])
            self._write_once(self._profile_path(id_), content)
        for id_ in {*outcome.inputs.values()} & observation.inputs.keys():
            self._write_once(
                self._path(_OBSERVED, id_), StoredInputs(format=STORE_FORMAT, inputs=observation.inputs[id_])
            )

    def _write_environment(self, family: str, environment: EnvironmentFacts | None) -> None:
        if environment is not None and self.environment(family, environment.id) is None:
            content = encode(StoredEnvironment(format=STORE_FORMAT, environment=environment))
            self._files.write(self._environment_path(family, environment.id), content)

    def _write_once(self, path: Path, content: StoredProfile | StoredInputs) -> None:
        if not self._files.is_file(path):
            self._files.write(path, compress(content))
            self._forget_profiles()

    def _forget_profiles(self) -> None:
        self._profile_names.cache_clear()
        self._cached_profile.cache_clear()

    def _load(self, path: Path, decoded: Callable[[bytes, Path], T]) -> T | None:
        content: bytes | None = b""  # which also stands for what is too large to be read
        try:
            content = self._files.read(path)
            return None if content is None else decoded(content, path)
        except NotPlain as fault:  # whatever is written there takes its place
            self._notice(f"{path} is left out: {fault.strerror}")
        except TooLarge as fault:
            self._handle_damage(path, content, str(fault.strerror))
        except DamagedFile as damage:
            self._handle_damage(path, content, str(damage))
        return None

    def _handle_damage(self, path: Path, content: bytes | None, reason: str) -> None:
        if self._read_only:
            self._notice(f"{path} is damaged and left out ({reason})")
            return
        with write_lock(self._lock, self._lock_seconds):
            if self._reread(path) == content:  # not mended by another process meanwhile
                aside = self._files.set_aside(path)
                self._forget_profiles()
                self._notice(f"{path} is damaged ({reason}): kept as {aside.name}, to be measured again")

    def _reread(self, path: Path) -> bytes | None:
        try:
            return self._files.read(path)
        except TooLarge:
            return b""
        except NotPlain:
            return None

    def _notice(self, text: str) -> None:
        if text not in self.notices:
            self.notices.append(text)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with write_lock(self._lock, self._lock_seconds):
            if not self._prepared:
                self._prepare()
                self._prepared = True
            yield

    def _prepare(self) -> None:
        self._files.sweep(self._home, _DEPTH)
        ignored = self.folder / ".gitignore"
        if not self._files.is_file(ignored):
            self._files.write(ignored, _IGNORED)
        path, here = self._home / "machine.json", this_machine()
        stored = self._load(path, partial(decode, kind=Machine))
        if stored is None:
            self._files.write(path, encode(here))
        elif stored != here:
            raise MemharnessError(
                f"{self._home} holds results of another kind of machine ({stored.name}; this one is {here.name})",
                hint="Give this machine a name of its own, since values of the two cannot be compared. "
                "See `memharness help ci`.",
            )


def machines(folder: Path) -> tuple[str, ...]:
    """Return the names of the machines that have results in a folder, sorted."""
    there = ResultFiles(folder)
    names = (name for name in there.names(folder) if _NAME.fullmatch(name) and name not in _OURS)
    return tuple(
        name for name in names if there.is_folder(folder / name) and there.is_file(folder / name / "machine.json")
    )


def _decode_record(content: bytes, path: Path, *, family: str, commit_id: str) -> Record:
    record = decode(content, path, Record)
    if (record.family, record.commit.id) != (family, commit_id):
        raise DamagedFile(f"it holds commit {record.commit.id} of {record.family}")
    return record


def _checked_name(name: str, what: str) -> str:
    if not _NAME.fullmatch(name) or name in _OURS:
        raise MemharnessError(
            f"{name!r} cannot be the name of a {what}", hint="Use letters, digits and the signs - _ + . only."
        )
    return name
