"""Planted histories: memharness finds what each of `tests/samples` plants, at its commit and line, and nothing else."""

from pathlib import Path

import pytest

from sample_history import examine, samples


@pytest.mark.parametrize("name", samples())
def test_what_was_planted_is_found_and_nothing_else(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEMHARNESS_CACHE", str(tmp_path / "cache"))
    differences = examine(name, tmp_path).differences()
    assert not differences, "\n".join(differences)
