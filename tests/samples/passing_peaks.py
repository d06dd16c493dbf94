"""The highest moment of a call, of which nothing is left at its end: only the moment itself can name the line.

A thread that works on a copy, the bottom of a recursion, between two values of a generator, inside calls of C (the
keys of a sort, a document being parsed, a concatenation), and nodes that point back at their document, which only the
garbage collector frees: the peak rises, nothing leaks.
"""

from sample_history import Expected, Flag, RepositoryBuilder, edit, flags, plant, scenario

THREADS = """\
from threading import Thread

ROWS = [b"%01000d" % number for number in range(500)]


def total(sums):
    sums.append(sum(len(row) for row in ROWS))


def work():
    sums = []
    for _ in range(2):
        thread = Thread(target=total, args=(sums,))
        thread.start()
        thread.join()
    return sums
"""
STEPS = """\
def walk(depth):
    buffer = bytearray(10_000)
    return len(buffer) + (walk(depth - 1) if depth else 0)


def chunks():
    for number in range(4):
        chunk = [b"%0500d" % row for row in range(200)]
        yield len(chunk)
    yield number


def descend():
    return walk(80)


def stream():
    return sum(chunks())
"""
CALLS = """\
import json

NUMBERS = list(range(1_000_000, 1_002_000))
LINES = ['{"name": "%0400d", "price": %d}' % (number, number) for number in range(200)]
PARTS = [b"-" * 1000 for _ in range(500)]


def order():
    return len(sorted(NUMBERS))


def read():
    return sum(len(json.loads(line)) for line in LINES)


def join():
    return sum(map(len, PARTS)) + len(b"end")


def prices():
    return sum(NUMBERS)
"""
NODES = """\
class Node:
    def __init__(self, document):
        self.document = None
        self.body = bytearray(20_000)


class Document:
    def __init__(self):
        self.root = Node(self)


def work():
    total = 0
    for _ in range(50):
        total += len(Document().root.body)
    return total
"""


def build(repository: RepositoryBuilder) -> Expected:
    """Change all functions in the second of four commits."""
    adding, copying = "sum(len(row) for row in ROWS)", "rows = [row + b'.' for row in ROWS]"
    sorting, parsing = "return len(sorted(NUMBERS, key=str))", "return 2 * len(json.loads(TEXT))"
    joining = 'return len(b"".join(PARTS) + b"end")'
    calls = edit(CALLS, "return len(sorted(NUMBERS))", sorting)
    calls = edit(calls, "return sum(len(json.loads(line)) for line in LINES)", parsing)
    calls = edit(calls, "PARTS =", 'TEXT = "[" + ",".join(LINES) + "]"\nPARTS =')
    after = {
        "threads.py": edit(
            THREADS, f"    sums.append({adding})", f"    {copying}\n    sums.append(sum(map(len, rows)))"
        ),
        "steps.py": edit(edit(STEPS, "10_000", "15_000"), "range(200)", "range(700)"),
        "calls.py": edit(calls, 'return sum(map(len, PARTS)) + len(b"end")', joining),
        "nodes.py": edit(NODES, "self.document = None", "self.document = document"),
    }
    passing = ("peak", "retained", "result")
    scenarios = {
        "thread": scenario("threads"),
        "cycles": scenario("nodes"),
        **{name: scenario("steps", name, metrics=passing) for name in ("descend", "stream")},
        **{name: scenario("calls", name, metrics=passing) for name in ("order", "read", "join")},
    }
    before = {"threads.py": THREADS, "steps.py": STEPS, "calls.py": CALLS, "nodes.py": NODES}
    found = plant(repository, before, after, scenarios)

    def risen(case: str, path: str, source: str, caller: str = "", library: str = "") -> frozenset[Flag]:
        return flags("peak", "regressed", found, (path, source), caller=caller, library=library, case=case)

    return Expected(
        flags=risen("thread", "threads.py", copying)
        | risen("descend", "steps.py", "buffer = bytearray(15_000)")
        | risen("stream", "steps.py", 'chunk = [b"%0500d" % row for row in range(700)]')
        | risen("order", "calls.py", sorting)
        | risen("read", "calls.py", parsing, library="json")
        | risen("join", "calls.py", joining)
        | risen("cycles", "nodes.py", "self.body = bytearray(20_000)", "self.document = document")
    )
