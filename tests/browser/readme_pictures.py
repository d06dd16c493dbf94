"""Make the pictures that README shows, from a finished `memharness demo FOLDER`.

usage: python tests/browser/readme_pictures.py FOLDER
"""

import os
import shutil
import sys
from pathlib import Path
from typing import Final

from playwright.sync_api import sync_playwright

from memharness.cli import main

_IMAGES: Final = Path(__file__).parents[2] / ".github" / "images"
_WIDTH, _HEIGHT = 1100, 1330


def draw(demo: Path) -> None:
    """Draw the trend with `memharness plot`, and the page of the scenario as Chromium shows it."""
    os.chdir(demo)
    assert main(["plot", "-m", "peak", "-m", "growth", "-o", str(_IMAGES / "trend.svg"), "--width", "10"]) == 0
    (page,) = (demo / "site" / "scenario").glob("*.html")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": _WIDTH, "height": _HEIGHT})
        tab.goto(page.as_uri())
        tab.wait_for_selector(".bk-Canvas, canvas")
        tab.wait_for_timeout(1000)
        tab.screenshot(path=_IMAGES / "scenario.png")
        browser.close()


if __name__ == "__main__":
    draw(Path(sys.argv[1]).resolve())
