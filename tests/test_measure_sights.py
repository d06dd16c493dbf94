"""What a pass saw, by paths of its slot, becomes what that means for the project."""

from pathlib import Path

from memharness.measure.exchange import Seen
from memharness.measure.sights import sight_of
from memharness.model import Checkout, Sight


def test_listing_byte_code_is_listing_its_sources_and_no_other_folder_is_taken_for_it(tmp_path: Path) -> None:
    tree, scenarios = tmp_path / "tree", tmp_path / "scenarios"
    listed = ("", "/__pycache__", "/box/__pycache__", "/d/my__pycache__", "/my__pycache__")
    seen = Seen(opened=(), looked=(), listed=tuple(f"{tree}{name}" for name in listed), native=False, obstacle=None)
    checkout = Checkout(tree=str(tree), commit="0" * 40, import_root=".", packages=())
    expected = Sight(paths=(), folders=("", "box", "d/my__pycache__", "my__pycache__"), beside={}, native=False)
    assert sight_of(seen, checkout, scenarios, ()) == expected
