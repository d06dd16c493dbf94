"""The sample of what a leak keeps alive, and reprs that do what no repr should."""

import time
from pathlib import Path

from children import Bench, every_version, measured, profile
from memharness.model.measurements import Survivor

CALLS = "calls = iter(range(1000, 10**6))\n"
HOSTILE = """
    import ctypes, os, time
    class Raises:
        def __repr__(self): raise ValueError("no")
    class Lies:
        def __repr__(self): return 7
    class Hangs:
        def __repr__(self): time.sleep(100)
    class Eats:
        def __repr__(self):
            eaten = []
            while True: eaten.append(bytes(10**6))
    class Exits:
        def __repr__(self): os._exit(0)
    class Leaves:
        def __repr__(self): raise SystemExit
    class Crashes:
        def __repr__(self): ctypes.string_at(0)
    class Forks:
        def __repr__(self):
            os.fork()
            return "forked"
    class Prints:
        def __repr__(self):
            os.write(1, b"loud")
            return "\\x1b[31m" + "many\\nlines " * 99
    KINDS = [Raises, Lies, Hangs, Eats, Exits, Leaves, Crashes, Forks, Prints]
    KEPT = []
    def run():
        for kind in KINDS: KEPT.append(kind())
"""


def survivors(bench: Bench, text: str, calls: int = 15) -> tuple[Survivor, ...]:
    return profile(bench.observe(text, ("growth",), calls=calls), "leak").survivors


def shown(bench: Bench, text: str, calls: int = 15) -> list[tuple[int, str, str]]:
    return [(row.line, row.name, row.text) for row in survivors(bench, text, calls)]


@every_version
def test_the_newest_of_each_line_and_type_come_first(versioned: Bench) -> None:
    text = """
        class Entry:
            def __init__(self, number): self.number = number
            def __repr__(self): return f"entry {self.number}"
        class Child(list): pass
        KEPT, calls = [], iter(range(1000, 10**6))
        def run():
            number = next(calls)
            KEPT.append(Entry(number))
            KEPT.append(Child([number]))
            KEPT.append(b"%d" % number)
    """
    rows = survivors(versioned, text)
    assert {row.path for row in rows} == {"<scenarios>/waste.py"}
    first = {(row.line, row.name): row.text for row in reversed(rows)}
    last = 1000 + 31  # of the calls that are traced
    assert {key: text for key, text in first.items() if key[1].startswith("waste") or key[1] == "builtins.bytes"} == {
        (8, "waste.Entry"): f"entry {last}",
        (9, "waste.Child"): f"[{last}]",
        (10, "builtins.bytes"): repr(b"%d" % last),
    }
    assert len(rows) == 10


@every_version
def test_a_set_of_numbers_shows_numbers(versioned: Bench) -> None:
    text = CALLS + "SEEN = set()\ndef run(): SEEN.add(next(calls))\n"
    rows = shown(versioned, text)
    assert {(line, name) for line, name, _ in rows} == {(3, "builtins.int")}
    assert {int(text) for _, _, text in rows} < set(range(1000, 1032))
    assert len(rows) == 10


@every_version
def test_no_object_was_there_before_though_generated_code_has_the_same_line(versioned: Bench) -> None:
    text = f"""
        def text(number): return eval("str(number)", {{"number": number}})
        def row(number): return eval("[number]", {{"number": number}})
        SEEN, OLD, KEPT = set(map(text, range(1000))), list(map(row, range(1000))), []
        {CALLS}
        def run():
            number = next(calls)
            SEEN.add(text(number))
            KEPT.append((OLD.pop(), row(number)))
    """
    rows = [(row.name, int(row.text.strip("[']"))) for row in survivors(versioned, text) if row.path == "<string>"]
    assert {name for name, _ in rows} == {"builtins.str", "builtins.list"}
    assert [row for row in rows if row[1] not in range(1016, 1032)] == []


@every_version
def test_no_repr_spoils_the_measurement_or_another_repr(versioned: Bench) -> None:
    observation = versioned.observe(HOSTILE, ("growth",), calls=15)
    outcome = measured(observation)
    rows = {row.name: row.text for row in profile(observation, "leak").survivors if row.name.startswith("waste.")}
    assert rows == {
        "waste.Raises": "<repr raised ValueError>",
        "waste.Lies": "<repr raised TypeError>",
        "waste.Hangs": "<repr took too long>",
        "waste.Eats": "<repr raised MemoryError>",
        "waste.Exits": "<repr ended the process>",
        "waste.Leaves": "<repr raised SystemExit>",
        "waste.Crashes": "<repr ended the process>",
        "waste.Forks": "forked",
        "waste.Prints": ("\\x1b[31m" + "many\\nlines " * 99)[:117] + "...",
    }
    quiet = HOSTILE.replace("__repr__", "__other__")
    calm = measured(versioned.observe(quiet, ("growth",), calls=15))
    assert (outcome.metrics, outcome.notes, outcome.suspected) == (calm.metrics, (), ())


def test_what_a_repr_starts_is_ended(bench: Bench, tmp_path: Path) -> None:
    text = f"""
        import os
        class Starts:
            def __repr__(self):
                with open({str(tmp_path / "pids")!r}, "a") as file:
                    print(os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "1000"), file=file)
                return "started"
        KEPT = []
        def run(): KEPT.append(Starts())
    """
    assert "started" in {text for _, _, text in shown(bench, text)}
    started = (tmp_path / "pids").read_text().split()
    assert started
    assert [pid for pid in started if is_running(int(pid))] == []


def is_running(pid: int) -> bool:
    """Tell whether a process runs; one that was killed may wait a moment for whoever reaps it."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        if state == "Z":
            return False
        time.sleep(0.02)
    return True


def test_addresses_are_left_out_and_text_is_cut_before_it_is_made(bench: Bench) -> None:
    plain = "class Plain: pass\nKEPT = []\ndef run(): KEPT.append(Plain())\n"
    assert (3, "waste.Plain", "<waste.Plain object at 0x...>") in shown(bench, plain)
    big = "KEPT = []\ndef run(): KEPT.append('é' * 10**6)\n"
    assert shown(bench, big)[0] == (2, "builtins.str", "'" + "é" * 116 + "...")


def test_a_process_with_other_threads_is_not_forked(bench: Bench) -> None:
    text = """
        import threading, time
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        KEPT = []
        def run(): KEPT.append(bytearray(943))
    """
    observation = bench.observe(text, ("growth",), calls=15)
    outcome = measured(observation)
    assert outcome.metrics["growth"] in range(1000, 1020)
    assert profile(observation, "leak").survivors == ()
    assert outcome.notes == ("growth: no objects that stay alive are shown, because 1 other threads still run",)
    assert outcome.suspected == ()


def test_a_bounded_cache_is_not_kept_alive_by_the_sample(bench: Bench) -> None:
    text = (
        CALLS + "KEPT = {}\nclass Entry: pass\ndef run():\n    KEPT[next(calls)] = Entry()\n"
        "    if len(KEPT) > 74: del KEPT[next(iter(KEPT))]\n"
    )
    outcome = measured(bench.observe(text, ("growth",), calls=15))
    assert (outcome.metrics["growth"], list(outcome.profiles)) == (0, ["calls"])
