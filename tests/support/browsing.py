"""A browser for tests of pages: Debian's chromium, offline, and what it has to complain about."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Request, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start chromium; whoever asks has made sure that there is one."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Tab:
    """One page at the root of a site, "file:///folder/" or "http://host:port/", and what went wrong in it.

    `complaints` are errors of scripts, dialogs, errors and warnings on the console (a violation of the content policy
    is one), and requests that left the site.
    """

    context: BrowserContext
    root: str
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page: Page = self.context.new_page()
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("dialog", self._on_dialog)
        self.page.on("request", self._on_request)
        self.page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url}"))

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text}")

    def _on_dialog(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith((self.root, "data:")):
            self.complaints.append(f"left the site: {request.url}")

    def open(self, path: str) -> Page:
        """Open a page of the site; one with a chart or a comparison is waited for until it is drawn."""
        self.page.goto(self.root + path)
        if path.startswith(("scenario/", "compare.html")):
            self.page.wait_for_selector("[data-ready]", state="attached")
        return self.page

    def wait(self, expression: str) -> None:
        """Wait until an expression is true. `wait_for_function` would use eval, which the pages forbid."""
        for _ in range(200):
            if self.page.evaluate(expression):
                return
            self.page.wait_for_timeout(25)
        raise AssertionError(f"never true: {expression}")

    def query(self) -> dict[str, str]:
        """Return what the address of the page keeps."""
        found: dict[str, str] = self.page.evaluate("Object.fromEntries(new URLSearchParams(location.search))")
        return found


def point(page: Page, position: int) -> tuple[float, float]:
    """Return where on the screen the value of a commit is drawn."""
    page.locator("#chart").scroll_into_view_if_needed()
    page.wait_for_timeout(150)
    found = page.evaluate(
        """at => {
            const plot = Bokeh.documents[0].roots()[0], view = Bokeh.index.get_by_id(plot.id);
            const {data} = plot.document.get_model_by_name('line_source');
            const box = view.canvas_view.el.getBoundingClientRect();
            return [box.x + view.frame.x_scale.compute(at), box.y + view.frame.y_scale.compute(data.y[at])];
        }""",
        position,
    )
    return found[0], found[1]


@contextmanager
def tab(browser: Browser, root: str, **options: Any) -> Iterator[Tab]:
    """Open a tab in a fresh context; `options` are those of `new_context`."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
    try:
        yield Tab(context, root)
    finally:
        context.close()
