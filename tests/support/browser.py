"""A headless Chromium, and tabs of it that notice what a page must not do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pfcon.testing.waiting import PATIENCE, checks

from .live import PASSWORD, USER, LiveServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request

MILLISECONDS = 1000 * PATIENCE
_REFUSED = re.compile(r"Failed to load resource: the server responded with a status of (\d+)")
_VIOLATIONS = """document.addEventListener("securitypolicyviolation",
    (event) => console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));"""


@contextmanager
def chromium_browser(program: str) -> Iterator[Browser]:
    """A browser. program: its path."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=MILLISECONDS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, timeout=MILLISECONDS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Tab:
    """A tab with a storage of its own.

    faults: what the page has done and must not do. refusals: statuses that it may be answered. allowed: words of errors
    that are none.
    """

    page: Page
    server: LiveServer
    faults: list[str] = field(default_factory=list)
    refusals: set[int] = field(default_factory=lambda: {404})  # jobs that are gone, outputs that are not there yet
    allowed: tuple[str, ...] = ("net::ERR_NETWORK_CHANGED",)  # as when containers start or end on the machine

    @property
    def root(self) -> str:
        """The address of the page."""
        return f"http://127.0.0.1:{self.server.port}/"

    def watch(self) -> None:
        """Note errors, violations of the policy, and requests to elsewhere."""
        self.page.add_init_script(_VIOLATIONS)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        found = _REFUSED.match(message.text)
        refused = found is not None and int(found[1]) in self.refusals
        allowed = refused or any(words in message.text for words in self.allowed)
        if message.type in ("error", "warning") and not allowed:
            self.faults.append(f"{message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.root, f"blob:{self.root}")):
            self.faults.append(f"request: {request.url}")

    def open(self, view: str = "") -> None:
        """Go to a view, such as ``#/service``."""
        self.page.goto(self.root + view)
        for number in checks():
            if self.page.evaluate("document.querySelector('main:not([hidden])') !== null"):
                return
            if number % 10 == 9:  # a script was not loaded: see ``allowed``
                self.page.reload()
        raise AssertionError("the page does not start")

    def log_in(self, view: str = "", password: str = PASSWORD) -> None:
        """Open a view, and log in as a user does."""
        self.open(view)
        self.page.get_by_label("User").fill(USER)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Log in").click()

    def at_home(self) -> None:
        """Be logged in, at the list of jobs."""
        self.log_in()
        self.page.get_by_role("heading", name="Jobs", level=1).wait_for()

    def token(self) -> str | None:
        """What the page keeps."""
        found: str | None = self.page.evaluate("sessionStorage.getItem('pfcon.token')")
        return found

    def picture(self, path: Path) -> None:
        """Save what the window shows."""
        self.page.screenshot(path=path, animations="disabled")


@contextmanager
def opened_tab(browser: Browser, server: LiveServer, **options: Any) -> Iterator[Tab]:
    """A tab of its own. At the end it must have no faults. options: of the browser's context."""
    options = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", "timezone_id": "Europe/Zurich", **options}
    context = browser.new_context(**options)
    try:
        context.set_default_timeout(MILLISECONDS)
        tab = Tab(context.new_page(), server)
        tab.watch()
        yield tab
        assert tab.faults == [], tab.faults
    finally:
        context.close()
