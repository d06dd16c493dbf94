"""The ledger of accepted changes, `accepted.toml`: read strictly, written by appending, so that comments stay."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from memharness.config.document import Document
from memharness.errors import MemharnessError
from memharness.model.findings import Acceptance
from memharness.model.values import Value
from memharness.store.files import ResultFiles, reporting

NAME = "accepted.toml"
_FORMAT = 1
_HEADER = f"""\
# Changes that are accepted, with the reason. Written by `memharness accept`, reviewed like code.
format = {_FORMAT}
"""


class _Ledger(Value):
    format: int
    accepted: tuple[Acceptance, ...] = ()


def read_ledger(folder: Path) -> tuple[Acceptance, ...]:
    """Return the accepted changes of a results folder; MemharnessError names file and place of a fault."""
    content = _read(folder)
    return _parse(folder / NAME, content).accepted if content is not None else ()


def append(folder: Path, entries: Sequence[Acceptance]) -> Path:
    """Add `entries` and return the file; one for the same change takes the place of the former.

    Raises MemharnessError for a ledger that cannot be read, or where the result could not be: nothing is written then.
    """
    import tomlkit

    path, content = folder / NAME, _read(folder)
    former = _parse(path, content).accepted if content is not None else ()
    document = tomlkit.parse((content or _HEADER.encode()).decode())
    if not isinstance(document.get("accepted"), tomlkit.items.AoT):  # absent, or a plain array, which takes no tables
        document.pop("accepted", None)
        entries = (*former, *entries)
    tables = document.setdefault("accepted", tomlkit.aot())
    for entry in entries:
        olds = [msgspec.convert(table.unwrap(), Acceptance) for table in tables]
        for index in reversed([i for i, old in enumerate(olds) if is_same_change(old, entry)]):
            del tables[index]
        table = tomlkit.item(msgspec.to_builtins(entry))
        table.trivia.indent = "\n"
        tables.append(table)
    text = (tomlkit.dumps(document).rstrip() + "\n").encode()
    _parse(path, text)
    ResultFiles(folder).write(path, text)
    return path


def is_same_change(old: Acceptance, entry: Acceptance) -> bool:
    """Tell whether `entry` takes the place of `old`."""
    same_series = (old.case, old.metric, old.family) == (entry.case, entry.metric, entry.family)
    return same_series and (old.range == entry.range or (old.commit is not None and old.commit == entry.commit))


def _read(folder: Path) -> bytes | None:
    with reporting("read", folder / NAME):  # no acceptance is left out without a word
        return ResultFiles(folder).read(folder / NAME)


def _parse(path: Path, content: bytes) -> _Ledger:
    try:
        document = Document(path, content.decode())
        ledger = msgspec.convert(document.table, _Ledger)
    except UnicodeDecodeError as error:
        raise MemharnessError(f"{path}: not UTF-8 text: {error.reason}", hint="Restore it from git.") from None
    except msgspec.ValidationError as error:
        raise MemharnessError(f"{path}: {error}", hint="Mend the entry, or restore the file from git.") from None
    if ledger.format != _FORMAT:
        raise MemharnessError(
            f"{path}: format {ledger.format} was written by another memharness; this one knows format {_FORMAT}",
            hint="Upgrade memharness.",
        )
    return ledger
