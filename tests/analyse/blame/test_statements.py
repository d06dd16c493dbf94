from textwrap import dedent

from memharness.analyse.blame.bindings import bindings_of
from memharness.analyse.blame.statements import MODULE, functions_of, tree_of

SOURCE = dedent(
    '''\
    LIMIT = 10


    async def keep():
        """Keep."""
        rows = []
        async for _ in range(LIMIT):
            rows.append(make())
        return rows


    class Store:
        @property
        def size(self):
            return 1

        def fill(
            self,
            number=1,
        ):
            class Row:
                width = 1
            def inner():
                return 1
            return inner
    '''
)


def test_functions_are_named_as_in_profiles_and_hold_their_own_statements() -> None:
    found = {f.name: (f.first, f.last, [(s.first, s.last) for s in f.statements]) for f in functions_of(SOURCE)}
    assert found == {
        MODULE: (0, 26, [(1, 1), (12, 12)]),
        "keep": (4, 9, [(4, 4), (6, 6), (7, 7), (8, 8), (9, 9)]),
        "Store.size": (13, 15, [(13, 14), (15, 15)]),
        "Store.fill": (17, 25, [(17, 19), (21, 21), (22, 22), (25, 25)]),
        "Store.fill.<locals>.inner": (23, 24, [(23, 23), (24, 24)]),
    }


def test_of_what_is_nested_too_deeply_nothing_is_known() -> None:
    deep = "x = " + "+".join(["a"] * 1500) + "\n"
    assert tree_of(deep).body
    assert (functions_of(deep), bindings_of(deep)) == ((), ())
