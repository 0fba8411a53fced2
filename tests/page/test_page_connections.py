"""The connections of a browser: with HTTP/1.1 it has about six to a service, for all tabs together."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from support.browser import Tab, opened_tab
from support.live import Api, LiveServer, make_zip, new_jid

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MANY = 7  # tabs
HIDE = """hidden => {
    Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
    document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture
def jid(api: Api) -> Iterator[str]:
    """Of a job that runs."""
    name = new_jid()
    assert api.submit(name, "echo begins; sleep 600", make_zip({"a": "b"})).status_code == 201
    yield name
    api.delete(f"jobs/{name}/")


def test_tabs_that_nobody_sees_leave_connections_to_the_one_that_is_seen(
    browser: "Browser", server: LiveServer, jid: str
) -> None:
    with opened_tab(browser, server) as tab:
        for _ in range(MANY):
            page = tab.page.context.new_page()
            page.add_init_script("Object.defineProperty(document, 'hidden', {value: true})")
            hidden = Tab(page, server)
            hidden.log_in(f"#/jobs/{jid}")
            expect(page.get_by_role("heading", name=jid)).to_be_visible()
        tab.log_in(f"#/jobs/{jid}")
        expect(tab.page.locator(".log").get_by_text("begins")).to_be_visible()
        expect(tab.page.get_by_text("Live", exact=True)).to_be_visible()


def test_a_log_stops_while_nobody_sees_it_and_goes_on_where_it_was(tab: Tab, api: Api) -> None:
    jid = new_jid()
    wait = 'while [ ! -e "$1"/go ]; do sleep 0.2; done; echo ends'
    assert api.submit(jid, f"echo begins; {wait}", make_zip({"a": "b"})).status_code == 201
    tab.log_in(f"#/jobs/{jid}")
    lines = tab.page.locator(".log .text")
    expect(lines).to_have_text(["begins"])
    with tab.page.expect_event("requestfailed", lambda request: "/logs/" in request.url):
        tab.page.evaluate(HIDE, True)
    (tab.server.storebase / f"key-{jid}" / "outgoing" / "go").touch()
    api.wait(jid)
    with tab.page.expect_request(lambda request: "/logs/" in request.url) as again:
        tab.page.evaluate(HIDE, False)
    assert again.value.headers["last-event-id"] == "7"
    expect(lines).to_have_text(["begins", "ends"])
    expect(tab.page.locator(".bar-of-log .state").first).to_have_text("complete")
    api.delete(f"jobs/{jid}/")
