"""The page's stream of events: over a restart of the service, and while nobody looks."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import expect
from support.browser import Tab, opened_tab
from support.live import Api, LiveServer, make_zip, new_jid

from pfcon.testing.waiting import eventually

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HIDE = """hidden => {
    Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
    document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_the_list_goes_on_after_a_restart_of_the_service(browser: "Browser") -> None:
    """Also with what has happened meanwhile; nobody logs in again."""
    with tempfile.TemporaryDirectory(prefix="pfcon-page-", ignore_cleanup_errors=True) as name:
        storebase = Path(name, "storeBase")
        storebase.mkdir()
        with LiveServer(storebase) as server, opened_tab(browser, server) as tab:
            tab.refusals |= {503}  # before a process watches the jobs
            tab.allowed = ("net::ERR_",)
            api, jid = Api(server.url), new_jid()
            tab.at_home()
            expect(tab.page.get_by_text("Live", exact=True)).to_be_visible()
            assert api.submit(jid, "sleep 3", make_zip({"a": "b"})).ok
            expect(tab.page.get_by_role("row").filter(has_text=jid)).to_contain_text("Running")
            server.kill()
            expect(tab.page.get_by_text("Not live")).to_be_visible()
            server.start()
            assert eventually(lambda: api.get(f"jobs/{jid}/").json()["compute"]["status"].startswith("finished"))
            expect(tab.page.get_by_text("Live", exact=True)).to_be_visible()
            expect(tab.page.get_by_role("row").filter(has_text=jid)).to_contain_text("Succeeded")
            tab.page.get_by_role("link", name=jid).click()
            expect(tab.page.get_by_role("heading", name=jid)).to_be_visible()
            api.delete(f"jobs/{jid}/")


def test_a_tab_that_nobody_sees_gives_its_stream_back(tab: Tab) -> None:
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.url) if "/events/" in request.url else None)
    tab.page.clock.install()
    tab.at_home()
    expect(tab.page.get_by_text("Live", exact=True)).to_be_visible()
    tab.page.evaluate(HIDE, True)
    tab.page.clock.fast_forward(150_000)
    expect(tab.page.get_by_text("Not live")).to_be_visible()
    asked.clear()
    tab.page.clock.fast_forward(60_000)
    tab.page.wait_for_timeout(1000)
    assert asked == []
    tab.page.evaluate(HIDE, False)
    expect(tab.page.get_by_text("Live", exact=True)).to_be_visible()
    assert len(asked) == 1
