"""What the pages of a site cost, in CPU seconds and in memory of the controller, for a store as years of runs leave it.

usage: python tests/benchmarks/publishing.py [--commits N] [--scenarios N] [--json FILE] [--folder DIR]

- publish: everything, from nothing.
- one commit more: the same again after a commit whose figures are those of the one before in nine of ten scenarios.
- nothing new: the same once more.

The store is made here, without measuring (seeded, all default metrics, every commit measured, nothing by reference): at
a tenth of the commits the exact metrics of a scenario move by some 0.03 %, at three they step, one scenario in ten
springs a leak, `rss_peak` scatters by 1 % everywhere. Both sides of a step were measured twice and explained.
"""

import random
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

import memharness
from costs import run
from histories import make_history
from memharness.findings.project import EVERYTHING, open_project
from memharness.model.environments import EnvironmentFacts
from memharness.model.history import Commit
from memharness.model.measurements import PROBE_METHOD, STORE_FORMAT, Measured, Measurement, Profile, Record, TypeCount
from memharness.model.values import digest
from memharness.run.suites import suites_of
from memharness.store.encoding import StoredProfile, compress
from report import Report, Target, parser, workplace
from subject import Subject
from synthetic import Walk

MIB: Final = 1 << 20
_SCENARIO: Final = "from package.module_0 import make\n\n\ndef run():\n    return make()\n"
_CALLS: Final = 31
_SMALL: Final = 2000  # commits times scenarios, of a site that is published before one looks up
_MOVED: Final = 0.1
_TYPES: Final = tuple(TypeCount(name=f"package.Type{number}", before=0, after=number) for number in range(1, 6))


def main() -> int:
    """Measure, print and write."""
    options = parser(__doc__)
    options.add_argument("--commits", type=int, default=5000, metavar="N")
    options.add_argument("--scenarios", type=int, default=200, metavar="N")
    arguments = options.parse_args()
    commits, scenarios = arguments.commits, arguments.scenarios
    report = Report("Publishing", ("", "commits", "scenarios", "CPU s", "controller MiB", "files written", "site MiB"))
    with workplace(arguments.folder) as folder:
        subject = _subject(folder, commits, scenarios)
        run([sys.executable, __file__, "--fill", str(commits - 1)], subject.folder)
        for name in ("publish", "one commit more", "nothing new"):
            if name == "one commit more":
                run([sys.executable, __file__, "--fill", str(commits)], subject.folder)
            cost = subject.call("publish", "--json", "--until", f"HEAD~{1 if name == 'publish' else 0}")
            files = msgspec.json.decode(cost.stdout)["files"]
            size = sum(path.stat().st_size for path in (subject.folder / "site").rglob("*") if path.is_file())
            report.add(name, commits, scenarios, cost.cpu_seconds, cost.rss_bytes / MIB, files["written"], size / MIB)
            bound = (3, 3) if commits * scenarios <= _SMALL else (90, 20)
            report.targets.append(Target(f"{name}, CPU seconds", cost.cpu_seconds, bound[name != "publish"]))
            report.targets.append(Target(f"{name}, MiB", cost.rss_bytes / MIB, 400))
    return report.finish(arguments.json)


def _subject(folder: Path, commits: int, scenarios: int) -> Subject:
    make_history(folder / "repository", _trees(commits))
    texts = {f"load_{number}": _SCENARIO for number in range(scenarios)}
    return Subject(folder / "work", folder / "repository", texts, '[environment]\ninstall = "path"\n')


def _trees(commits: int) -> Iterator[tuple[str, Mapping[str, bytes]]]:
    """Yield a package of a few modules, of which every commit changes one."""
    files = {f"package/module_{number}.py": b"def make():\n    return []\n" for number in range(8)}
    files["package/__init__.py"] = b""
    for number in range(commits):
        files[f"package/module_{number % 8}.py"] = b"def make():\n    return []\n\n\nLAST_CHANGE = %d\n" % number
        yield f"Change module {number % 8}", dict(files)


# --- the store, in the folder of a memharness.toml -----------------------------------------------------------


@dataclass(frozen=True)
class _Stored:
    """What the records of one scenario are made of."""

    case: str
    identity: str
    walk: Walk
    levels: list[dict[str, int]]


def fill(until: int) -> None:
    """Store records of the first `until` commits; those that are there stay."""
    project = open_project(memharness.load_config(Path.cwd()), EVERYTHING)
    (suite,) = suites_of(project)
    python = suite.spec.interpreter
    facts = EnvironmentFacts(
        family=suite.spec.family,
        python=python.version,
        implementation=python.implementation,
        install=suite.spec.install,
    )
    commits = project.commits(EVERYTHING)
    stored = [
        _Stored(case.name, case.scenario.identity, walk := Walk(case.name, len(commits)), _levels(walk, len(commits)))
        for case in project.cases
    ]
    store = project.store
    store.add(facts.family, commits[0], facts, [])  # the machine
    home = project.config.run.results / store.machine
    _write(home / facts.family / "environments" / f"{facts.id}.json", {"format": 3, "environment": facts})
    for index, commit in enumerate(commits[:until]):
        file = home / facts.family / f"{commit.id}.json"
        if not file.exists():
            _write(file, _record(home, facts, commit, index, stored))


def _levels(walk: Walk, commits: int) -> list[dict[str, int]]:
    """Return the exact metrics at each commit: steps, and a little at some others."""
    source = random.Random(f"{walk.name} levels")
    values = {metric: source.uniform(2, 9) * MIB for metric in ("peak", "result", "warm_peak", "import")}
    found = []
    for index in range(commits):
        moves = index in walk.steps or source.random() < _MOVED
        for metric in values if moves else ():
            step = source.choice((0.9, 1.1, 1.3)) if index in walk.steps and metric != "import" else 1
            values[metric] *= step * (1 + source.gauss(0, 0.0003))
        found.append({metric: round(value) for metric, value in values.items()})
    return found


def _record(home: Path, facts: EnvironmentFacts, commit: Commit, index: int, stored: list[_Stored]) -> Record:
    measurements = []
    for one in stored:
        turns = (*one.walk.steps, one.walk.leaks_from)
        sides = index in turns or index + 1 in turns
        for round_ in range(2 if sides or index == 0 else 1):
            explained = sides and round_ == 1
            measurements.append(
                _measurement(home, facts, one, index, round_, kept=sides or index == 0, explained=explained)
            )
    return Record(
        format=STORE_FORMAT,
        commit=commit,
        family=facts.family,
        measurements=tuple(sorted(measurements, key=lambda m: m.key)),
    )


def _measurement(
    home: Path, facts: EnvironmentFacts, one: _Stored, index: int, round_: int, *, kept: bool, explained: bool
) -> Measurement:
    walk, level = one.walk, sum(step <= index for step in one.walk.steps)
    growth = 512 if index >= walk.leaks_from else 0
    peak, result = one.levels[index]["peak"], one.levels[index]["result"]
    metrics = {
        **one.levels[index],
        "retained": 6000 * level,
        "growth": growth,
        "gc_objects": result // 500,
        "rss_peak": round(peak * 1.2 * random.Random(f"{walk.name} {index} {round_}").gauss(1, 0.01)),
    }
    kinds = ["alive", "retained", "import", "calls", *(["leak"] if growth else []), *(["peak"] if explained else [])]
    profiles = {kind: digest([walk.name, kind, level, growth, explained], 32) for kind in kinds}
    if kept:  # between two steps there are no others
        for kind, id_ in profiles.items():
            _keep(home, id_, walk, kind, index, growth, explained=explained)
    return Measurement(
        case=one.case,
        identity=one.identity,
        probe=PROBE_METHOD,
        round=round_,
        environment=facts.id,
        outcome=Measured(
            metrics=metrics,
            calls=_CALLS,
            gc_objects=(5000, 5000 + metrics["gc_objects"]),
            types=_TYPES,
            profiles=profiles,
            passes=("first", "growth", "rss", *(("deep", "peak") if explained else ())),
        ),
    )


def _keep(home: Path, id_: str, walk: Walk, kind: str, index: int, growth: int, *, explained: bool) -> None:
    """Store a profile; that its name is not the digest of its contents matters to no reader."""
    file = home / "profiles" / id_[:2] / f"{id_}.json.gz"
    if not file.exists():
        sizes = Profile(sizes=tuple(growth * call for call in range(_CALLS + 1)))
        profile = sizes if kind == "calls" else walk.profile(index, kind, explained=explained)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(compress(StoredProfile(format=STORE_FORMAT, profile=profile)))


def _write(file: Path, value: object) -> None:
    """Write JSON as the store reads it, without the indent that makes it easy to review."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(msgspec.json.encode(value, order="sorted"))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--fill"]:
        fill(int(sys.argv[2]))
        sys.exit()
    sys.exit(main())
