"""Supervision: what a command started is ended with it and counted with it, also when somebody is killed."""

import os
import select
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from memharness.errors import MemharnessError
from memharness.processes.supervision import Cancelled, Ending, Limits, run_supervised

_WAIT_SECONDS = 60


def run(
    folder: Path,
    text: str,
    *,
    cpu_seconds: float | None = None,
    wall_seconds: float = _WAIT_SECONDS,
    memory_bytes: int | None = None,
    cancel: threading.Event | None = None,
) -> Ending:
    """Run a Python text in `folder`."""
    return run_supervised(
        [sys.executable, "-S", "-c", textwrap.dedent(text)],
        environment={"PATH": os.environ["PATH"]},
        folder=folder,
        limits=Limits(cpu_seconds=cpu_seconds, wall_seconds=wall_seconds, memory_bytes=memory_bytes, cancel=cancel),
    )


def gone(pid: int) -> bool:
    """Wait until a process has ended; tell whether it has."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], _WAIT_SECONDS)[0])
    finally:
        os.close(handle)


# What a process may do to get away: each starts one that sleeps and whose id is in the file `pid`.
ESCAPES = {
    "a session": "os.setsid()",
    "a session and no environment": "os.setsid(); env = {}",
    "a daemon": "os.setsid(); os.fork() and os._exit(0)",
    "a daemon that ignores signals": "signal.signal(15, signal.SIG_IGN); os.fork() and os._exit(0)",
    "a group": "os.setpgid(0, 0)",
}
_MURDER = "os.kill(os.getppid(), 9); time.sleep(1000)"
SLEEPER = """
    import os, signal, sys, time
    if os.fork() == 0:
        env = dict(os.environ)
        {escape}
        open("pid.part", "w").write(str(os.getpid()))
        os.rename("pid.part", "pid")
        os.execve(sys.executable, [sys.executable, "-S", "-c", "import time; time.sleep(1000)"], env)
    while not os.path.exists("pid"): time.sleep(0.01)
    {ending}
"""


@pytest.mark.parametrize(
    ("escape", "ending"),
    [
        *[(escape, "pass") for escape in ESCAPES],
        *[(escape, _MURDER) for escape in ESCAPES if "no environment" not in escape],  # which alone tells whose it is
    ],
)
def test_nothing_that_a_command_started_outlives_it(tmp_path: Path, escape: str, ending: str) -> None:
    result = run(tmp_path, SLEEPER.format(escape=ESCAPES[escape], ending=ending))
    assert result.cause == ("lost" if "kill" in ending else "exit")
    assert gone(int((tmp_path / "pid").read_text()))


def test_input_can_be_read_once(tmp_path: Path) -> None:
    given = "secret\n" * 20_000  # more than a pipe holds by default
    ending = run_supervised(
        [sys.executable, "-S", "-c", "print(*(len(open('/dev/stdin').read()) for _ in range(2)))"],
        environment={},
        folder=tmp_path,
        limits=Limits(wall_seconds=_WAIT_SECONDS),
        input=given,
    )
    assert ending.output == f"{len(given)} 0\n"


def test_memory_of_the_command_alone_can_be_limited(tmp_path: Path) -> None:
    grow = "b = bytearray(200 << 20)\ntime.sleep({})"
    own = f"import time\n{grow.format(1000)}"
    others = f"import os, time\nif os.fork(): os.wait()\nelse:\n {grow.format(0.3)}".replace("\ntime", "\n time")
    endings = [
        run_supervised(
            [sys.executable, "-S", "-c", text],
            environment={},
            folder=tmp_path,
            limits=Limits(wall_seconds=_WAIT_SECONDS, own_bytes=100 << 20),
        )
        for text in (own, others)
    ]
    assert [ending.cause for ending in endings] == ["memory", "exit"]


def test_a_supervisor_that_is_stopped_goes_on(tmp_path: Path) -> None:
    ending = run(tmp_path, "import os, signal\nos.kill(os.getppid(), signal.SIGSTOP)\nprint('the end')")
    assert (ending.cause, ending.output) == ("exit", "the end\n")


def test_nothing_outlives_a_killed_controller(tmp_path: Path) -> None:
    text = textwrap.dedent(SLEEPER).format(
        escape="os.setsid(); env = {}", ending="open('own', 'w').write(str(os.getpid())); time.sleep(1000)"
    )
    controller = f"""
        import sys
        from pathlib import Path
        from memharness.processes.supervision import Limits, run_supervised
        command = [sys.executable, "-S", "-c", {text!r}]
        run_supervised(command, environment={{}}, folder=Path({str(tmp_path)!r}), limits=Limits(wall_seconds=1000))
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(controller)])
    for _ in range(1000):
        if (tmp_path / "own").exists() and (tmp_path / "own").read_text():
            break
        time.sleep(0.05)
    process.kill()
    process.wait(_WAIT_SECONDS)
    assert gone(int((tmp_path / "own").read_text()))
    assert gone(int((tmp_path / "pid").read_text()))


def test_orphans_are_reaped_while_the_command_runs(tmp_path: Path) -> None:
    text = """
        import os, time
        supervisor = os.getppid()
        for _ in range(100):
            if os.fork() == 0:
                os.setsid()
                os.fork()
                os._exit(0)
            os.wait()
        def zombies():
            children = open(f"/proc/{supervisor}/task/{supervisor}/children").read().split()
            return len(children) - 1
        while zombies(): time.sleep(0.01)
    """
    assert run(tmp_path, text).status == 0


def test_the_status_of_other_children_is_not_taken(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-S", "-c", "raise SystemExit(7)"], start_new_session=True)
    run(tmp_path, "import os\nfor _ in range(5): os.fork()")
    assert other.wait(_WAIT_SECONDS) == 7


def test_a_controller_that_ignores_the_end_of_children_hears_the_status(tmp_path: Path) -> None:
    controller = f"""
        import signal, sys
        from pathlib import Path
        from memharness.processes.supervision import Limits, run_supervised
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        command = [sys.executable, "-S", "-c", "raise SystemExit(7)"]
        limits = Limits(wall_seconds={_WAIT_SECONDS})
        print(run_supervised(command, environment={{}}, folder=Path({str(tmp_path)!r}), limits=limits).status)
    """
    command = [sys.executable, "-c", textwrap.dedent(controller)]
    assert subprocess.run(command, capture_output=True, check=True, timeout=_WAIT_SECONDS).stdout == b"7\n"


# What uses CPU time: each goes on until it is ended.
BURNERS = {
    "itself": "while True: pass",
    "a group of two": "os.fork()\nwhile True: pass",
    "a child": "if os.fork() == 0:\n while True: pass\nos.wait()",
    "many children": "while True:\n if os.fork() == 0:\n  sum(range(10**6))\n  os._exit(0)\n os.wait()",
    "a daemon": "if os.fork() == 0:\n os.setsid()\n os.fork() and os._exit(0)\n while True: pass\ntime.sleep(1000)",
}


@pytest.mark.parametrize("burner", BURNERS)
def test_cpu_time_is_that_of_all_processes(tmp_path: Path, burner: str) -> None:
    result = run(tmp_path, f"import os, time\n{BURNERS[burner]}", cpu_seconds=0.3)
    assert result.cause == "cpu"
    assert result.cpu_seconds >= 0.3


def test_a_command_that_sleeps_ends_with_the_wall_limit(tmp_path: Path) -> None:
    assert run(tmp_path, "import time; time.sleep(1000)", cpu_seconds=500, wall_seconds=0.3).cause == "wall"


def test_memory_is_that_of_all_processes_but_shared_pages_count_once(tmp_path: Path) -> None:
    held = "import os, time\nheld = b'x' * (40 << 20)\nfor _ in range(4):\n if os.fork() == 0: break\n"
    shared = f"{held}time.sleep(0.5)"
    assert run(tmp_path, shared, memory_bytes=120 << 20).cause == "exit"
    own = f"{held}own = b'y' * (40 << 20)\ntime.sleep(1000)"
    assert run(tmp_path, own, memory_bytes=120 << 20).cause == "memory"


def test_processes_beside_the_command_are_seen_with_their_highest_size(tmp_path: Path) -> None:
    text = """
        import subprocess, sys
        child = "held = b'x' * (50 << 20); del held; import time; time.sleep(0.5)"
        subprocess.run([sys.executable, "-S", "-c", child])
    """
    result = run(tmp_path, text)
    assert result.others == 1
    assert 50 << 20 < result.others_peak_bytes < 80 << 20


def test_signals_have_their_default_meaning_in_a_command(tmp_path: Path) -> None:
    limits = Limits(wall_seconds=_WAIT_SECONDS)
    result = run_supervised(["cat", "/proc/self/status"], environment={"PATH": "/bin"}, folder=tmp_path, limits=limits)
    masks = dict(line.split(":\t") for line in result.output.splitlines() if line.startswith("Sig"))
    assert (int(masks["SigIgn"], 16), int(masks["SigBlk"], 16)) == (0, 0)


def test_only_the_end_of_a_flood_is_kept(tmp_path: Path) -> None:
    text = "import os\nfor n in range(2000): os.write(1, b'x' * 9999 + b'\\n')\nos.write(2, b'the end \\xff')"
    output = run(tmp_path, text).output
    assert output.endswith("x\nthe end \ufffd")
    assert len(output) == 1 << 16


def test_cancelling_ends_all(tmp_path: Path) -> None:
    cancel = threading.Event()
    threading.Timer(0.2, cancel.set).start()
    with pytest.raises(Cancelled):
        run(tmp_path, "import time; time.sleep(1000)", cancel=cancel)
    assert run(tmp_path, "print('next')").output == "next\n"


def test_a_signal_that_all_of_a_job_get_is_no_end_of_the_command_alone(tmp_path: Path) -> None:
    cancel = threading.Event()
    threading.Timer(0.3, cancel.set).start()
    with pytest.raises(Cancelled):
        run(tmp_path, "import os; os.kill(os.getpid(), 15)", cancel=cancel)
    assert run(tmp_path, "import os; os.kill(os.getpid(), 15)", cancel=threading.Event()).status == -signal.SIGTERM


def test_what_cannot_be_started_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MemharnessError, match="gone cannot be started: No such file or directory"):
        run_supervised([f"{tmp_path}/gone"], environment={}, folder=tmp_path, limits=Limits(wall_seconds=_WAIT_SECONDS))
