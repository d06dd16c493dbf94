import textwrap

from memharness.analyse.blame.edits import DiffSide, Edits
from memharness.analyse.blame.holders import blamed_holders
from memharness.model.findings import BlamedHolder
from memharness.model.history import FileEdit, Hunk
from memharness.model.measurements import Frame, Holder, HolderChain

PAGES = """
    @log
    @cache
    def page(number):
        return bytes(number)
    SEEN = {}
"""
PLACES = [("pages.py", 4), ("orders.py", 7), ("log.py", 2)]
SIZES = dict(zip(PLACES, (1000, 100, 99), strict=True))


def cached() -> DiffSide:
    """Return what a commit made of `pages.py` that added the second decorator."""
    after = textwrap.dedent(PAGES).lstrip()
    edit = FileEdit(before="pages.py", after="pages.py", hunks=(Hunk(before=1, removed=0, after=2, added=1),))
    return Edits([edit], before={"pages.py": after.replace("@cache\n", "")}, after={"pages.py": after}).after


def chain(*lines: int, at: int = 0, count: int = 1) -> HolderChain:
    holders = tuple(Holder(path="pages.py", line=line, text=f"of {line}") for line in lines)
    return HolderChain(path=PLACES[at][0], line=PLACES[at][1], count=count, holders=holders)


def held(*chains: HolderChain) -> list[tuple[int, bool]]:
    return [(holder.line, holder.changed_here) for holder in blamed_holders(chains, SIZES, cached())]


def test_a_holder_that_changed_is_marked_at_the_line_of_its_statement_that_did() -> None:
    assert held(chain(1, 4, 5, 0)) == [(2, True), (4, False), (5, False), (0, False)]
    assert held(chain(2)) == [(2, True)]
    (holder,) = blamed_holders([chain(1)], SIZES, cached())
    assert holder == BlamedHolder(path="pages.py", line=2, text="of 1", changed_here=True)


def test_the_edited_statement_that_adds_to_an_unchanged_holder_goes_with_it() -> None:
    after = "SEEN = {}\ndef see(page):\n    SEEN[page] = 1\n"
    edit = FileEdit(before="pages.py", after="pages.py", hunks=(Hunk(before=2, removed=0, after=3, added=1),))
    before = after.replace("SEEN[page] = 1", "")
    view = Edits([edit], before={"pages.py": before}, after={"pages.py": after}).after
    seen = HolderChain(path="pages.py", line=4, count=1, holders=(Holder(path="pages.py", line=1, text="dict SEEN"),))
    (holder,) = blamed_holders([chain(2), seen], SIZES, view)
    adding = Frame(path="pages.py", line=3, function="see", source="SEEN[page] = 1")
    assert holder == BlamedHolder(path="pages.py", line=1, text="dict SEEN", changed_here=False, filled=adding)
    assert holder.edited


def test_of_a_file_that_is_not_known_no_holder_changed() -> None:
    (holder,) = blamed_holders([chain(5)], SIZES, Edits().after)
    assert not holder.changed_here


def test_chains_with_changes_come_before_those_of_greater_lines_more_objects_and_fewer_holders() -> None:
    assert held(chain(5, 4, count=9), chain(1, at=1)) == [(2, True)]
    assert held(chain(4), chain(5, 4, at=1, count=9)) == [(4, False)]
    assert held(chain(4, count=2), chain(5, 4)) == [(4, False)]
    assert held(chain(5, 4), chain(4)) == [(4, False)]


def test_a_changed_holder_of_little_does_not_stand_for_all() -> None:
    assert held(chain(5), chain(1, at=1)) == [(2, True)]
    assert held(chain(5), chain(1, at=2)) == [(5, False)]
    assert held(chain(1, at=2)) == [(2, True)]  # nothing is known of the others


def test_nothing_is_said_of_objects_from_other_lines() -> None:
    other = HolderChain(path="pages.py", line=5, count=9, holders=chain(5).holders)
    assert held(other) == []
