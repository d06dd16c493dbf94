"""What all pictures share, in processes of their own: equal values make equal files."""

import os
import subprocess
import sys
from pathlib import Path

SUPPORT = Path(__file__).parents[1] / "support"
SETTINGS = "font.size: 30\nfont.family: serif\nsvg.fonttype: path\naxes.facecolor: red\nlines.markeredgewidth: 9\n"
DRAW = """
import sys
from pathlib import Path
from drawings import STEP, trend
from memharness.pictures.small_trend import draw_small_trend
from memharness.pictures.trends import draw_trends
folder = Path(sys.argv[1])
folder.mkdir()
if sys.argv[2:]:
    draw_small_trend(trend([5, 9, 7], steps=(1, 2), limit=8))
for name in ("a.svg", "a.PNG", "a.pdf"):
    draw_trends([STEP], folder / name)
(folder / "small.svg").write_bytes(draw_small_trend(STEP))
assert "matplotlib.pyplot" not in sys.modules
"""


def test_equal_trends_make_equal_files_whatever_the_users_settings_and_what_was_drawn_before(tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text(SETTINGS)
    others = {"MATPLOTLIBRC": str(tmp_path), "TZ": "Asia/Tokyo", "SOURCE_DATE_EPOCH": "0", "PYTHONHASHSEED": "7"}
    found = []
    for arguments, variables in (([str(tmp_path / "one")], {}), ([str(tmp_path / "two"), "more"], others)):
        environment = {**os.environ, "PYTHONPATH": str(SUPPORT), **variables}
        subprocess.run([sys.executable, "-c", DRAW, *arguments], check=True, env=environment)
        found.append({file.name: file.read_bytes() for file in Path(arguments[0]).iterdir()})
    assert found[0] == found[1]
    starts = {"a.svg": b"<?xml", "a.PNG": b"\x89PNG", "a.pdf": b"%PDF", "small.svg": b"<?xml"}
    assert {name: content[: len(starts[name])] for name, content in found[0].items()} == starts
    assert b"<dc:date>" not in found[0]["small.svg"]
