"""What `memharness init` writes: a commented configuration and one scenario that runs as it stands."""

import json
import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from memharness.config.configuration import has_table
from memharness.errors import MemharnessError
from memharness.model.metrics import COMMON, METRICS
from memharness.model.values import Value

CONFIGURATION: Final = """\
# memharness: what to measure, in what, and where the results go.
# A line that begins with "# " and a key shows the default. Paths are relative to this file.
# `memharness help configuration` explains every key.

[project]
# repo = "."                  # the repository under measurement: a path or a URL
{given}directory = {directory}  # the project's folder in the repository; default: detected, at each commit anew
# import-root = {import_root}  # relative to that; detected, at each commit anew; write it out only where that fails

[environment]
python = [{python}]  # versions or paths of interpreters; each is a series of its own
# install = "auto"            # auto | wheel | path | existing
# dependencies = []           # added to every environment; pins keep a series comparable
# variables = {{}}              # set for the measured code, such as {{ MODE = "test" }}
# before-build = ""           # a shell command in a copy of the source before it is built, such as "make cython"
# build-requires = []         # what setup.py imports and the project does not name, such as ["cython", "numpy"]
# build-timeout = "10m"       # for building one commit; where it is not set, ten times `timeout` if that is less
# keep = 8                    # built environments that stay in the cache: those used last

[run]
{moved}scenarios = {scenarios}
{moved}results = {results}
# metrics = [{metrics}]
# growth-budget = "1s"        # CPU seconds per case and commit for the repeated calls
# timeout = "60s"             # CPU seconds per child process and all that it starts; ten times as long by the clock
# reuse = true                # results of commits at which a scenario can see no difference
# workers = 2                 # default: as many as there are cores
# memory-limit = "2 GiB"      # default: none
# machine = "linux-x86_64"    # the folder of this machine's results; default: system and architecture

[thresholds]                  # a difference counts from both on: the share of the old value, and the size
# relative = "1%"             # written out, it holds for growth and rss_peak too, whose defaults are 10% and 3%
{floors}

[publish]                     # the pages that `memharness publish` writes
{moved}folder = {site}
# url = "https://example.org/memory"                                # where they will be, for the feed
# line-link = "https://example.org/{{commit}}/{{path}}#L{{line}}"      # default: GitHub, GitLab, Codeberg by the remote
# commit-link = "https://example.org/commit/{{commit}}"
"""

SCENARIO: Final = '''\
"""{summary}

Replace the body of `run` by a workload whose memory matters to you. What it returns counts as `result`, what stays
alive after that as `retained`, what every further call leaves behind as `growth`. See `memharness help scenarios`.
"""

# /// script
{requires}# dependencies = []                 # what the scenario needs beyond the project
# [tool.memharness]
# params = {{ size = [1000] }}        # each value is measured as a case of its own
# timeout = "60s"
# ///
{imports}

def run(size):
    return {result}
'''


HOME: Final = ".memharness"  # no build tool, and no test runner, looks into hidden folders


class Starter(Value):
    """What there is to say in the files. The scenario imports the first of the project's `packages`.

    `directory` is the project's folder in the repository, and `given` tells whether it must be said. `home` is the
    folder that those of scenarios, results and pages lie in, relative to that of the configuration. `settings` are
    written out, by key, such as "run.timeout". Where there are `workloads`, addresses by name, no scenario is written.
    """

    import_root: str
    packages: tuple[str, ...]
    python: str
    directory: str = "."
    given: bool = False
    home: str = "."
    requires_python: str | None = None
    settings: dict[str, Any] = {}
    workloads: dict[str, str] = {}


def write_starter(folder: Path, starter: Starter) -> tuple[Path, ...]:
    """Write memharness.toml and, as a rule, scenarios/first_workload.py into `folder` and return their paths.

    Raise MemharnessError where one of the files, or a configuration in pyproject.toml, exists; then nothing is written.
    """
    texts = {
        folder / "memharness.toml": _configuration(starter),
    }
    if not starter.workloads:
        texts[folder / starter.home / "scenarios" / "first_workload.py"] = _scenario(starter)
    pyproject = folder / "pyproject.toml"
    existing = [str(file) for file in texts if file.exists()]
    existing += [f"[tool.memharness] in {pyproject}"] if has_table(pyproject) else []
    if existing:
        raise MemharnessError(
            f"already there: {', '.join(existing)}", hint="Nothing was written. Edit what is there, or move it away."
        )
    for file, text in texts.items():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
        except OSError as error:
            raise MemharnessError(f"{file}: cannot be written: {error.strerror}") from None
    return tuple(texts)


def _configuration(starter: Starter) -> str:
    floors = {name: METRICS[name] for name in COMMON if METRICS[name].floor is not None}
    text = CONFIGURATION.format(
        given="" if starter.given else "# ",
        directory=json.dumps(starter.directory),
        import_root=json.dumps(starter.import_root),
        python=json.dumps(starter.python),
        moved="# " if starter.home == "." else "",
        **{name: json.dumps(posixpath.normpath(f"{starter.home}/{name}")) for name in ("scenarios", "results", "site")},
        metrics=", ".join(json.dumps(name) for name in COMMON),
        floors="\n".join(f'# {name} = "{_size(metric.floor or 0)}"' for name, metric in floors.items()),
    )
    return _with_settings(text, starter.settings) + _workloads(starter.workloads)


def _with_settings(text: str, settings: Mapping[str, Any]) -> str:
    """Return the configuration with other values of some keys, which it has once each."""
    for key, value in settings.items():
        name = key.partition(".")[2]
        line = f"{name} = {_toml(value)}".replace("\\", r"\\")
        text, number = re.subn(rf"(?m)^(# )?{name} = .*$", line, text)
        assert number == 1, key
    return text


def _workloads(addresses: Mapping[str, str]) -> str:
    """Return the table of workloads by name, "" where there are none."""
    if not addresses:
        return ""
    lines = (f"{name} = {_toml(address)}\n" for name, address in addresses.items())
    return f"\n[workloads]                   # see `memharness help workloads`\n{''.join(lines)}"


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{json.dumps(key)} = {_toml(item)}' for key, item in value.items())} }}"
    return json.dumps(value, ensure_ascii=False)


def _size(size: int) -> str:
    return f"{size >> 10} KiB" if size and size % 1024 == 0 else f"{size} B"


def _scenario(starter: Starter) -> str:
    required = starter.requires_python
    requires = f"# requires-python = {json.dumps(required)}\n" if required else ""
    if not starter.packages:
        return SCENARIO.format(
            requires=requires,
            summary="Build a list of texts.",
            imports="",
            result='[f"entry {number}" for number in range(size)]',
        )
    package, *others = starter.packages
    also = f"  # the project also has {', '.join(others)}" if others else ""
    return SCENARIO.format(
        requires=requires,
        summary=f"Import {package} and build a list from its names.",
        imports=f"import {package}{also}\n",
        result=f"[(number, name) for number in range(size) for name in dir({package})[:10]]",
    )
