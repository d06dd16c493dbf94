"""Data as classic scripts: `file://` forbids pages to fetch, so each script hands one value to `memharness.put`.

The values are JSON without "<" and without characters that hide anything; field names are those of `values`,
except where a docstring says otherwise.
"""

from collections.abc import Collection, Sequence

import msgspec

from memharness.model.history import Commit
from memharness.model.measurements import Profile
from memharness.model.metrics import METRICS
from memharness.site.render.words import author_text
from memharness.site.values import CaseData, CommitData
from memharness.wording.text import visible


def history_script(commits: Sequence[Commit], pages: Collection[str]) -> bytes:
    """Return `data/history.js`: columns with one place for each commit, oldest first.

    `author` are indices into `authors`, `tags` are by position. `pages` are the positions of commits that have a page.
    """
    authors = {name: index for index, name in enumerate(dict.fromkeys(map(author_text, commits)))}
    return data_script(
        "history",
        {
            "ids": [commit.id for commit in commits],
            "subjects": [commit.subject for commit in commits],
            "authors": list(authors),
            "author": [authors[author_text(commit)] for commit in commits],
            "times": [commit.time for commit in commits],
            "tags": {str(index): commit.tags for index, commit in enumerate(commits) if commit.tags},
            "pages": [index for index, commit in enumerate(commits) if commit.id in pages],
        },
    )


def case_script(data: CaseData) -> bytes:
    """Return `data/scenario/<id>.js`. In `values`, [value, n] stands for n equal ones in a row."""
    return data_script(f"scenario/{data.subject.id}", msgspec.to_builtins(data))


def commit_script(data: CommitData) -> bytes:
    """Return `data/commit/<id>.js`. `values` of a case are in the order of `metrics`, null where there is none."""
    metrics = [metric for metric in METRICS if any(metric in own for own in data.values.values())]
    values = {subject: [own.get(metric) for metric in metrics] for subject, own in data.values.items()}
    return data_script(
        f"commit/{data.id}",
        {"id": data.id, "metrics": metrics, "values": values, "failed": data.failed, "profiles": data.profiles},
    )


def profile_script(id: str, profile: Profile) -> bytes:  # noqa: A002 - the word of all values here
    """Return `data/profile/<id>.js`: what a comparison needs, the lines."""
    return data_script(f"profile/{id}", {"lines": msgspec.to_builtins(profile.lines)})


def data_script(key: str, value: object) -> bytes:
    """Return a script that hands a value to the page under a key."""
    encoded = msgspec.json.encode([key, value])
    if b"\\" in encoded or not encoded.decode().isprintable():  # else nothing in it is escaped or hidden
        encoded = msgspec.json.encode([visible(key), _harmless(value)])
    return b"memharness.put(" + encoded[1:-1].replace(b"<", b"\\u003c") + b");\n"


def _harmless(value: object) -> object:
    """Return a JSON-like value with all of its text visible."""
    match value:
        case str():
            return visible(value)
        case dict():
            return {visible(key): _harmless(item) for key, item in value.items()}
        case list() | tuple():
            return [_harmless(item) for item in value]
        case _:
            return value
