"""The files between host and child: what a workload puts in their place does no harm."""

import os
from pathlib import Path

import pytest

from children import BLOCK, Bench, failed, measured, without_power_over_files
from memharness.errors import MemharnessError

DEEP = "import os\nfor _ in range(3000): os.mkdir('d'); os.chdir('d')"


@pytest.mark.parametrize(
    "statement",
    [
        "os.makedirs('a/b'); open('a/b/c', 'w').close()",
        "os.makedirs('a/b'); open('a/b/c', 'w').close(); os.chmod('a/b', 0); os.chmod('a', 0)",
        "os.chmod('.', 0)",
        "os.chmod('..', 0o500)",
        "os.symlink(ELSEWHERE, 'elsewhere')",
        "os.makedirs('/'.join(['deep'] * 200))",
        "subprocess.run([sys.executable, '-S', '-c', DEEP])",
        "os.chmod('../..', 0o500)",
        "os.rename('../../work', '../../moved'); os.symlink(ELSEWHERE, '../../work')",
    ],
)
def test_what_a_child_left_is_gone_before_the_next(bench: Bench, tmp_path: Path, statement: str) -> None:
    kept = tmp_path / "elsewhere/kept"
    kept.parent.mkdir()
    kept.parent.chmod(0o755)
    kept.touch()
    cwd = bench.work / "cwd"
    prelude = f"import os, subprocess, sys\nELSEWHERE, DEEP = {str(kept.parent)!r}, {DEEP!r}\n"
    leaves = f"{prelude}def run():\n    {statement}\n    os._exit(7)\n"
    finds = f"import os\ndef run(): assert (os.getcwd(), os.listdir()) == ({str(cwd)!r}, [])\n"
    with without_power_over_files():
        assert failed(bench.observe(leaves)).exit_code == 7
        assert measured(bench.observe(finds))
    assert sorted(entry.name for entry in cwd.iterdir()) == []
    assert kept.exists()
    assert kept.parent.stat().st_mode & 0o777 == 0o755


def test_a_folder_that_cannot_be_emptied_is_an_error_with_a_way_out(bench: Bench, tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can give a folder away")
    os.chown(tmp_path, 12345, 12345)
    tmp_path.chmod(0o755)
    with without_power_over_files(), pytest.raises(MemharnessError, match=r"work: cannot be emptied") as raised:
        bench.observe("def run(): pass\n")
    os.chown(tmp_path, 0, 0)
    assert raised.value.hint


def test_a_response_that_is_not_the_childs_own_does_not_count(bench: Bench) -> None:
    text = """
        import os
        forged = '{"status": "measured", "format": 1, "method": 1, "token": "0", "pid": %d, "metrics": {}}'
        def run():
            with open("../response.json", "w") as file:
                file.write(forged % os.getpid())
            os._exit(0)
    """
    assert failed(bench.observe(text)).reason == "exited with status 0 in run before delivering a result"


FOREIGN = {
    "a FIFO": "os.mkfifo(path)",
    "a folder": "os.makedirs(path + '/below')",
    "a link to a device": "os.symlink('/dev/zero', path)",
    "a link to a file": "os.symlink(__file__, path)",
    "a link to itself": "os.symlink(path, path)",
    "a socket": "import socket; socket.socket(socket.AF_UNIX).bind(path)",
    "a huge file": "open(path, 'w').truncate(1 << 40)",
}


LINK, OTHER = "it is a symbolic link, which is not followed", "it is a pipe, a socket or a device"


LEFT = [OTHER, "it is a folder", LINK, LINK, LINK, OTHER, "it has more than 64 MiB"]


@pytest.mark.parametrize(("name", "what"), [*zip(FOREIGN, LEFT, strict=True)])
def test_what_lies_in_place_of_a_response_is_neither_followed_nor_waited_for(
    bench: Bench, name: str, what: str
) -> None:
    text = f"""
        import os
        path = "../response.json"
        def run():
            {FOREIGN[name]}
            os._exit(0)
    """
    reason = "exited with status 0 in run without a result that can be read"
    assert failed(bench.observe(text)).reason == f"{reason}: {what}"
    assert measured(bench.observe(text.replace("os._exit(0)", "pass")))
    assert measured(bench.observe("def run(): pass\n"))


@pytest.mark.parametrize("name", FOREIGN)
def test_what_lies_in_place_of_other_files_of_the_exchange_hinders_nothing(bench: Bench, name: str) -> None:
    text = f"""
        import os
        def run():
            for path in "../phase", "../request.json", "../response.json.part":
                if os.path.exists(path): os.unlink(path)
                {FOREIGN[name]}
            return bytearray(1000)
        def teardown(): pass
    """
    outcome = measured(bench.observe(bench.case(text, teardown=True)))
    assert outcome.metrics["result"] == 1000 + BLOCK


@pytest.mark.parametrize(
    "fields",
    [
        '"metrics": {"peak": 1' + "0" * 400 + "}",
        '"metrics": {"peak": 1' + "0" * 5000 + "}",
        '"metrics": {"peak": 1e400}',
        '"metrics": {"peak": NaN}',
        '"metrics": {}, "notes": ["\\ud800"]',
        '"metrics": {}, "notes": ' + "[" * 100_000 + "]" * 100_000,
        '"metrics": {}, "more": ' + "[" * 100_000 + "]" * 100_000,
        '"metrics": {}, "profiles": {"alive": {"lines": ' + "[" * 900 + "]" * 900 + "}}",
    ],
    ids=["big", "bigger", "infinite", "no number", "surrogate", "deep", "deep and unknown", "deep lines"],
)
def test_a_forged_response_with_odd_values_is_none(bench: Bench, fields: str) -> None:
    text = f"""
        import os
        FORGED = '{{"status": "measured", "format": 1, "method": 1, "token": "%s", "pid": %d, FIELDS}}'
        def run():
            with open("../response.json", "w") as file:
                forged = FORGED % (os.environ["MEMHARNESS_TOKEN"], os.getpid())
                file.write(forged.replace("FIELDS", {fields!r}))
            os._exit(0)
    """
    assert failed(bench.observe(text)).reason == "exited with status 0 in run before delivering a result"
