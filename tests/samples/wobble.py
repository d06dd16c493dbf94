"""Rises and falls below the thresholds that leave 1.5 % in the end: neither a change nor a drift."""

from sample_history import Expected, RepositoryBuilder, edit, start

SHOP = """\
def work():
    rows = bytearray(1000 * 967)
    return rows
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Stay near the first value for nine commits."""
    start(repository, {"shop.py": SHOP})
    for count in (1004, 998, 1006, 1003, 1008, 1004, 1011, 1015):
        repository.commit({"shop.py": edit(SHOP, "bytearray(1000", f"bytearray({count}")}, f"{count} rows")
    return Expected()
