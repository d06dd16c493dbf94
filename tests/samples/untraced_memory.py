"""Memory that tracemalloc cannot see: a map of 40 MiB instead of 16. `rss_peak` is judged, no line can be blamed."""

from sample_history import Expected, RepositoryBuilder, edit, flags, main, scenario, start

SHOP = """\
from mmap import mmap


def work():
    pages = mmap(-1, 16 << 20)
    for start in range(0, len(pages), 4096):
        pages[start] = 1
    return len(pages)
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Map more in the third of five commits."""
    metrics = ("peak", "retained", "result", "rss_peak")
    start(repository, {"shop.py": SHOP}, {"workload": scenario(metrics=metrics)})
    repository.commit({"README": "A shop.\n"}, "explain")
    bigger = edit(SHOP, "16 << 20", "40 << 20")
    found = repository.commit({"shop.py": bigger}, "more pages")
    repository.commit({"README": "A shop with pages.\n"}, "explain more")
    repository.commit({"shop.py": '"""A shop."""\n\n' + bigger}, "describe")
    return Expected(flags=flags("rss_peak", "regressed", found))


if __name__ == "__main__":
    main(build)
