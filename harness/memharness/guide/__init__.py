"""Holds the manual: one Markdown file for each topic, printed by `memharness help`.

The first line of a file is `# ` and the purpose of its topic.
"""

from importlib.resources import files


def topics() -> dict[str, str]:
    """Return the purpose of every topic by its name, in alphabetical order."""
    names = sorted(file.name.removesuffix(".md") for file in files(__name__).iterdir() if file.name.endswith(".md"))
    return {name: read_topic(name).partition("\n")[0].removeprefix("# ") for name in names}


def read_topic(name: str) -> str:
    """Return the text of a topic that exists."""
    return (files(__name__) / f"{name}.md").read_text(encoding="utf-8")
