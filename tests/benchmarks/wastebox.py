"""The repository of the comparisons: `wastebox`, a pure Python package with a doubled allocation and a leak.

Every commit adds a function to a module that the workload does not import; every second one, and both that move
memory, also edit the module that it does import. That is about what real histories do: of five real packages a third
to two thirds of the commits left alone what a given workload could see.
"""

from collections.abc import Iterator, Mapping

SCENARIO = '"""Fill the boxes."""\nimport wastebox\n\n\ndef run():\n    return wastebox.fill()\n'
CALL = "value = run()"  # of it, as a plain statement
ASV_BENCHMARK = """\
import wastebox


class Fill:
    def peakmem_fill(self):
        wastebox.fill()

    def mem_fill(self):
        return wastebox.fill()
"""

_PACKAGING = b"""\
[build-system]
requires = ["setuptools>=61"]
build-backend = "setuptools.build_meta"

[project]
name = "wastebox"
version = "1.0"

[tool.setuptools]
packages = ["wastebox"]
"""


def wastebox(commits: int = 40) -> Iterator[tuple[str, Mapping[str, bytes]]]:
    """Yield subject and files of each commit; memory doubles at 5/8 of the history, the leak comes at 33/40."""
    doubled, leaking = commits * 25 // 40, commits * 33 // 40
    core, rarely = b"", b""
    for number in range(1, commits + 1):
        rarely += f"def formula_{number}(x):\n    return x + {number}\n\n\n".encode()
        if number % 2 == 0 or number in (1, doubled, leaking):
            core = _core(number, spare=number >= doubled, leak=number >= leaking).encode()
        subject = {doubled: "Keep spare boxes", leaking: "Remember every row that was filled"}.get(number)
        yield (
            subject or f"Add formula {number}",
            {
                "pyproject.toml": _PACKAGING,
                "wastebox/__init__.py": b"from wastebox.core import Box, fill\n",
                "wastebox/core.py": core,
                "wastebox/rarely.py": rarely,
            },
        )


def _core(edition: int, *, spare: bool, leak: bool) -> str:
    lines = [
        f'"""Boxes of random bytes, edition {edition}."""\n\nimport os\n\n_FILLED = []\n\n',
        "class Box:\n    def __init__(self):\n        self.content = os.urandom(100)\n\n",
        "def fill(rows=100, columns=100):",
        "    shelves = [[Box() for _ in range(columns)] for _ in range(rows)]",
        *["    shelves += [[Box() for _ in range(columns)] for _ in range(rows)]"] * spare,
        *["    _FILLED.append([box for row in shelves[:rows] for box in row[:20]])"] * leak,
        "    return shelves\n",
    ]
    return "\n".join(lines)
