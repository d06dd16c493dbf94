"""What a pass saw, by paths of its slot, becomes what that means for the project."""

import hashlib
import os
from pathlib import Path

from memharness.child.exchange import Accesses
from memharness.child.observed_inputs import matches_scenarios, observed_inputs
from memharness.child.opened_files import Opened
from memharness.model.history import Checkout
from memharness.model.measurements import ObservedInputs


def test_listing_byte_code_is_listing_its_sources_and_no_other_folder_is_taken_for_it(tmp_path: Path) -> None:
    tree, scenarios = tmp_path / "tree", tmp_path / "scenarios"
    listed = ("", "/__pycache__", "/box/__pycache__", "/d/my__pycache__", "/my__pycache__")
    accesses = Accesses(
        opened=(), queried=(), listed=tuple(f"{tree}{name}" for name in listed), native=False, obstacle=None
    )
    checkout = Checkout(tree=str(tree), commit="0" * 40, import_root=".", packages=())
    expected = ObservedInputs(
        paths=(), folders=("", "box", "d/my__pycache__", "my__pycache__"), beside={}, native=False
    )
    assert observed_inputs(accesses, checkout, scenarios, ()) == expected


def test_what_the_build_took_in_counts_with_all_that_lies_there(tmp_path: Path) -> None:
    accesses = Accesses(opened=(), queried=(f"{tmp_path}/tree/libs",), listed=(), native=False, obstacle=None)
    checkout = Checkout(tree=f"{tmp_path}/tree", commit="0" * 40, import_root=".", packages=())
    observed = observed_inputs(
        accesses, checkout, tmp_path / "scenarios", ("libs/core/", "box/fast.py", "./", "box/*", "*")
    )
    assert observed == ObservedInputs(paths=("./", "box/fast.py/", "libs", "libs/core/"), folders=("", "box"))


def test_native_code_that_opened_what_has_no_name_in_utf8_keeps_the_inputs_from_being_known(tmp_path: Path) -> None:
    accesses = Accesses(opened=(), queried=(), listed=(), native=True, obstacle=None)
    tree, scenarios = f"{tmp_path}/tree", tmp_path / "scenarios"
    checkout = Checkout(tree=tree, commit="0" * 40, import_root=".", packages=())
    for folder, shown in ((tree, ""), (scenarios, "<scenarios>/")):
        opened = Opened(frozenset({f"{folder}/caf\udce9.pem", f"{folder}/other"}), frozenset())
        assert observed_inputs(accesses, checkout, scenarios, (), opened) == f"it looked at {shown}caf\\udce9.pem"


def test_nothing_but_the_scenario_folder_is_looked_at(tmp_path: Path) -> None:
    """Inputs may be a stranger's, and reading a pipe would never end."""
    scenarios, outside = tmp_path / "scenarios", tmp_path / "outside"
    scenarios.mkdir()
    (scenarios / "a.py").write_text("x")
    outside.mkdir()
    (outside / "a.py").write_text("x")
    (scenarios / "link").symlink_to(outside)
    os.mkfifo(scenarios / "pipe")
    known, listed, nothing = (hashlib.sha256(content).hexdigest()[:32] for content in (b"x", b"a.py", b""))
    assert matches_scenarios(
        ObservedInputs(beside={"a.py": known, "": nothing, "absent": "", "absent/": ""}), scenarios
    )
    for name in ("../outside/a.py", "link/a.py", str(outside / "a.py"), "pipe", "a.py/b", "a\0b", "\udce9"):
        assert matches_scenarios(ObservedInputs(beside={name: ""}), scenarios)
        assert not matches_scenarios(ObservedInputs(beside={name: known}), scenarios)
    for name in ("../outside/", "link/", "pipe/"):
        assert matches_scenarios(ObservedInputs(beside={name: ""}), scenarios)
        assert not matches_scenarios(ObservedInputs(beside={name: listed}), scenarios)
