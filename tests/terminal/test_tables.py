"""Text on consoles: what comes out at a width, in an encoding, and for the runner of a CI job."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from memharness.terminal.tables import Row, draw_items, draw_rows, draw_text


def drawn(text: str, width: int = 60, encoding: str = "utf-8") -> str:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    draw_text(Console(file=file, width=width, highlight=False, color_system=None), Text(text), indent=2)
    file.seek(0)
    return file.read()


@given(st.lists(st.sampled_from(["::error::x", "::", "word", "a::b", "longer words", "x" * 50]), max_size=12))
def test_no_line_begins_with_a_command_of_a_ci_runner(words: list[str]) -> None:
    text = " ".join(words)
    lines = drawn(text, 30).splitlines()
    assert [line for line in lines if line.lstrip().startswith("::")] == []
    assert max(map(len, lines), default=0) <= 30
    assert "".join(lines).replace(r"\x3a:", "::").replace(" ", "") == text.replace(" ", "")


def test_such_a_command_is_seen_and_one_within_a_line_is_left_alone() -> None:
    assert drawn("::error::boom") == "  \\x3a:error::boom\n"
    assert drawn("test.py::test_a failed") == "  test.py::test_a failed\n"


def test_texts_of_rows_and_items_are_no_commands_either() -> None:
    file = io.StringIO()
    screen = Console(file=file, width=40, highlight=False, color_system=None)
    draw_rows(screen, ("", ""), [Text("::title"), Row(("a", "1 B"), Text("::text\n::more"))], indent=2)
    draw_items(screen, "title", ["::one ::one ::one ::one", "::two ::two ::two ::two"], indent=0)
    assert file.getvalue() == (
        "\\x3a:title\n  a  1 B  ::text\n          \\x3a:more\n"
        "title: ::one ::one ::one ::one,\n  \\x3a:two ::two ::two ::two\n"
    )


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", "  ▲ 1 B → 2 B ▁█ ✗ ✓ ↺ ↗ ↘ ▼ …\n"),
        ("ascii", "  ^ 1 B > 2 B _# x + ~ / \\ v ~\n"),
        ("cp437", "  ^ 1 B > 2 B _# x + ~ / \\ v ~\n"),
    ],
)
def test_signs_are_ascii_where_the_encoding_lacks_any(encoding: str, text: str) -> None:
    assert drawn("▲ 1 B → 2 B ▁█ ✗ ✓ ↺ ↗ ↘ ▼ …", encoding=encoding) == text
