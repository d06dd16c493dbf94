from pathlib import Path

import pytest
from msgspec.structs import replace

from memharness.errors import MemharnessError
from memharness.model.findings import Acceptance
from memharness.store.ledger import append, read_ledger

ENTRY = Acceptance(case="waste", metric="peak", family="f", range=("a", "b"), before=1, after=2, reason="needed")
LATER = replace(ENTRY, range=("b", "c"))
INLINE = '{case = "waste", metric = "peak", family = "f", range = ["0", "a"], before = 0, after = 1, reason = "inline"}'


@pytest.mark.parametrize(
    ("text", "former"),
    [
        ("# ours\nformat = 1\n", ()),
        ("# ours\nformat = 1\naccepted = []\n", ()),
        ("# ours\naccepted = [] # none\nformat = 1\n", ()),
        (
            f"# ours\nformat = 1\naccepted = [{INLINE}]\n",
            (replace(ENTRY, range=("0", "a"), before=0, after=1, reason="inline"),),
        ),
    ],
)
def test_entries_are_added_to_whatever_can_be_read(tmp_path: Path, text: str, former: tuple[Acceptance, ...]) -> None:
    (tmp_path / "accepted.toml").write_text(text)
    assert read_ledger(tmp_path) == former
    append(tmp_path, [ENTRY])
    path = append(tmp_path, [LATER, replace(ENTRY, reason="better")])
    assert read_ledger(tmp_path) == (*former, LATER, replace(ENTRY, reason="better"))
    assert path.read_text().startswith("# ours\n")


def test_a_ledger_is_begun(tmp_path: Path) -> None:
    assert read_ledger(tmp_path) == ()
    append(tmp_path, [ENTRY])
    assert read_ledger(tmp_path) == (ENTRY,)


def test_nothing_is_written_that_could_not_be_read_again(tmp_path: Path) -> None:
    path = tmp_path / "accepted.toml"
    path.write_text("format = 9\n")
    with pytest.raises(MemharnessError, match="format 9"):
        append(tmp_path, [ENTRY])
    assert path.read_text() == "format = 9\n"
