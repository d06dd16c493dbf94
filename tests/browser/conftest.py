"""Fixtures of tests that look at pages as a browser shows them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

import site_values
from browsing import CHROMIUM, Tab, chromium, tab
from missing import skip_for_want_of


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        skip_for_want_of("Chromium")
    with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def site_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small but complete site, see `site_values`."""
    return site_values.write_site(tmp_path_factory.mktemp("site"))


@pytest.fixture
def open_tab(browser: Browser, site_folder: Path) -> Iterator[Callable[..., Tab]]:
    """Return what opens a tab, at the site in a folder unless another root is given.

    When the test ends well, no tab may have complained.
    """
    tabs: list[Tab] = []
    with ExitStack() as stack:

        def open_one(root: str = f"file://{site_folder}/", **options: Any) -> Tab:
            tabs.append(stack.enter_context(tab(browser, root, **options)))
            return tabs[-1]

        yield open_one
        assert [complaint for opened in tabs for complaint in opened.complaints] == []
