"""Real packages as histories: consecutive source distributions from the package index, a commit for each.

Neighbouring releases differ in far more files than neighbouring commits, packaging files among them: this is the hard
case for whatever works by difference.
"""

import sys
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from costs import run


@dataclass(frozen=True)
class Package:
    """A package without dependencies, some of its releases (oldest first), and a typical workload."""

    name: str
    import_root: str
    versions: tuple[str, ...]
    scenario: str
    call: str  # of it, as a plain statement


LARK: Final = Package(
    name="lark",
    import_root=".",
    versions=(
        *("1.0.0", "1.1.0", "1.1.1", "1.1.2", "1.1.3", "1.1.4", "1.1.5", "1.1.6", "1.1.7", "1.1.8", "1.1.9"),
        *("1.2.1", "1.2.2", "1.3.0", "1.3.1"),
    ),
    scenario='''\
"""Parse a list of lists."""
from lark import Lark

GRAMMAR = """
start: value
?value: list | NUMBER -> number | ESCAPED_STRING -> text
list: "[" [value ("," value)*] "]"
%import common.ESCAPED_STRING
%import common.NUMBER
%import common.WS
%ignore WS
"""


def setup():
    return Lark(GRAMMAR, parser="lalr")


def run(parser):
    return parser.parse("[" + ", ".join(f'[{number}, "{number}"]' for number in range(100)) + "]")
''',
    call="value = run(setup())",
)
ATTRS: Final = Package(
    name="attrs",
    import_root="src",
    versions=(
        *("20.1.0", "20.2.0", "20.3.0", "21.2.0", "21.3.0", "21.4.0", "22.1.0", "22.2.0", "23.1.0", "23.2.0"),
        *("24.1.0", "24.2.0", "24.3.0", "25.1.0", "25.2.0"),
    ),
    scenario='''\
"""Make instances and turn them into dictionaries."""
import attr


@attr.s
class Point:
    x = attr.ib(default=0)
    y = attr.ib(default=0, converter=int)


@attr.s
class Line:
    start = attr.ib(factory=Point)
    end = attr.ib(factory=Point)


def run():
    return [attr.asdict(Line(Point(number, "1"), Point())) for number in range(200)]
''',
    call="value = run()",
)
TOMLKIT: Final = Package(
    name="tomlkit",
    import_root=".",
    versions=("0.12.4",),
    scenario='''\
"""Parse 400 tables."""
import tomlkit

TEXT = "\\n".join(f'[table{n}]\\nname = "value {n}"\\nnumbers = [1, 2, {n}]\\nflag = true\\n' for n in range(400))


def run():
    return tomlkit.parse(TEXT)
''',
    call="value = run()",
)


def releases(package: Package, folder: Path) -> Iterator[tuple[str, Mapping[str, bytes]]]:
    """Yield subject and files of each release; the archives are fetched into `folder` unless they are there."""
    folder.mkdir(exist_ok=True)
    for version in package.versions:
        name = f"{package.name}-{version}"
        archive = folder / f"{name}.tar.gz"
        if not archive.exists():
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", package.name]
            run([*command, "--dest", str(folder), f"{package.name}=={version}"], folder)
        yield f"Release {version}", _files(archive, name)


def _files(archive: Path, top: str) -> dict[str, bytes]:
    found = {}
    with tarfile.open(archive) as opened:
        for member in opened.getmembers():
            file = opened.extractfile(member)
            if file is not None and member.isfile() and ".git" not in member.name.split("/"):  # of a submodule
                found[member.name.removeprefix(f"{top}/")] = file.read()
    return found
