"""Memory that tracemalloc cannot see: a map of 40 MiB instead of 16. `rss_peak` is judged, no line can be blamed."""

from sample_history import Expected, RepositoryBuilder, edit, flags, plant, scenario

SHOP = """\
from mmap import mmap


def work():
    pages = mmap(-1, 16 << 20)
    for start in range(0, len(pages), 4096):
        pages[start] = 1
    return len(pages)
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Map more in the second of four commits."""
    metrics = ("peak", "retained", "result", "rss_peak")
    bigger = edit(SHOP, "16 << 20", "40 << 20")
    found = plant(repository, {"shop.py": SHOP}, {"shop.py": bigger}, {"workload": scenario(metrics=metrics)})
    return Expected(flags=flags("rss_peak", "regressed", found))
