"""The guide on a terminal."""

from io import StringIO

import pytest
from rich.console import Console

from memharness.guide import read_topic, topics
from memharness.terminal.guide import draw_topic


@pytest.mark.parametrize("width", [30, 80])
def test_no_word_of_a_topic_is_cut_off(width: int) -> None:
    for name in topics():
        output = StringIO()
        draw_topic(Console(file=output, width=width, force_terminal=True, color_system=None), read_topic(name))
        assert ("…" in output.getvalue()) == ("…" in read_topic(name))
        assert max(map(len, output.getvalue().splitlines())) <= width
