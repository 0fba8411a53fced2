"""A live service, and a browser that opens its page."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from support.browser import Tab, chromium_browser, opened_tab
from support.engines import chromium
from support.live import Api, LiveServer

from pfcon.testing.waiting import PATIENCE, eventually

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests beside this file need the browser."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.engine("chromium"))


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    """One browser for all tests."""
    with chromium_browser(chromium()) as found:
        yield found


@pytest.fixture(scope="session")
def server() -> Iterator[LiveServer]:
    """A service with the process engine."""
    with tempfile.TemporaryDirectory(prefix="pfcon-page-", ignore_cleanup_errors=True) as name:
        storebase = Path(name, "storeBase")
        storebase.mkdir()
        with LiveServer(storebase) as live:
            assert eventually(lambda: requests.get(live.url + "ready/", timeout=PATIENCE).ok)
            yield live


@pytest.fixture(scope="session")
def api(server: LiveServer) -> Api:
    """A logged-in client of the HTTP interface."""
    return Api(server.url)


@pytest.fixture
def tab(browser: "Browser", server: LiveServer) -> Iterator[Tab]:
    """A tab of its own."""
    with opened_tab(browser, server) as opened:
        yield opened
