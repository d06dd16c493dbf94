"""Holds the manual: one Markdown file for each topic, printed by `memharness help`.

The first line of a file is `# ` and the purpose of its topic; sections begin with `## ` or `### `.
"""

import re
from importlib.resources import files
from typing import NamedTuple


class Section(NamedTuple):
    """A part of a topic, from one heading to the next; `text` begins with the heading."""

    topic: str
    heading: str
    text: str


def topics() -> dict[str, str]:
    """Return the purpose of every topic by its name, in alphabetical order."""
    names = sorted(file.name.removesuffix(".md") for file in files(__name__).iterdir() if file.name.endswith(".md"))
    return {name: read_topic(name).partition("\n")[0].removeprefix("# ") for name in names}


def read_topic(name: str) -> str:
    """Return the text of a topic that exists."""
    return (files(__name__) / f"{name}.md").read_text(encoding="utf-8")


def find_sections(words: str) -> list[Section]:
    """Return the sections whose headings contain `words` from the start of a word on, or else whose text does."""
    found = [
        Section(name, part.partition("\n")[0].lstrip("# "), part)
        for name in topics()
        for part in re.split(r"(?m)^(?=##+ )", read_topic(name))
    ]
    wanted = re.compile(rf"(?<!\w){re.escape(words)}", re.IGNORECASE)
    headed = [section for section in found if section.text.startswith("##") and wanted.search(section.heading)]
    return headed or [section for section in found if wanted.search(section.text)]
