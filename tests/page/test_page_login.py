"""Logging in to the page, and out of it."""

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from support.browser import Tab, opened_tab
from support.live import COPY_ALL, Api, LiveServer, make_zip, new_jid

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_a_user_logs_in_and_out(tab: Tab) -> None:
    tab.open()
    assert tab.token() is None
    assert tab.page.title() == "Log in · pfcon"
    expect(tab.page.get_by_label("User")).to_be_focused()
    tab.log_in()
    expect(tab.page.get_by_role("heading", name="Jobs", level=1)).to_be_focused()
    assert tab.token()
    assert tab.page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
    tab.page.reload()
    tab.page.get_by_role("heading", name="Jobs", level=1).wait_for()
    tab.page.get_by_role("button", name="Log out").click()
    expect(tab.page.get_by_text("You have logged out.")).to_be_visible()
    assert tab.token() is None
    assert tab.page.get_by_role("navigation").count() == 0


def test_wrong_credentials_are_told_and_can_be_mended(tab: Tab) -> None:
    tab.refusals |= {400}
    tab.log_in(password="wrong")
    expect(tab.page.get_by_role("alert")).to_have_text("Unable to log in with provided credentials.")
    assert tab.token() is None
    expect(tab.page.get_by_label("Password")).to_be_focused()
    tab.log_in()
    tab.page.get_by_role("heading", name="Jobs", level=1).wait_for()


@pytest.mark.parametrize("invalid", ["expired", "of another key"])
def test_a_session_that_has_ended_leads_to_the_login_and_back(tab: Tab, api: Api, invalid: str) -> None:
    """A valid token, then one that the service refuses: as after two days, and after a change of the password."""
    jid = new_jid()
    assert api.submit(jid, COPY_ALL, make_zip({"a": "b"})).status_code == 201
    tab.refusals |= {401}
    tab.log_in(f"#/jobs/{jid}")
    tab.page.get_by_role("heading", name=jid).wait_for()
    replace = "token => { sessionStorage.setItem('pfcon.token', token); location.reload(); }"
    tab.page.evaluate(replace, invalid.replace(" ", "."))
    expect(tab.page.get_by_text("Your session has ended.")).to_be_visible()
    assert tab.token() is None
    tab.page.get_by_label("User").fill("pfcon")
    tab.page.get_by_label("Password").fill("pfcon1234")
    tab.page.keyboard.press("Enter")
    expect(tab.page.get_by_role("heading", name=jid)).to_be_visible()
    assert tab.page.url.endswith(f"#/jobs/{jid}")
    api.delete(f"jobs/{jid}/")


def test_another_tab_has_no_session(browser: "Browser", server: LiveServer, tab: Tab) -> None:
    tab.at_home()
    with opened_tab(browser, server) as other:
        other.open("#/service")
        expect(other.page.get_by_role("heading", name="Log in")).to_be_visible()


def test_a_login_needs_the_keyboard_alone(tab: Tab) -> None:
    tab.open()
    tab.page.keyboard.type("pfcon")
    tab.page.keyboard.press("Tab")
    tab.page.keyboard.type("pfcon1234")
    tab.page.keyboard.press("Enter")
    expect(tab.page.get_by_role("heading", name="Jobs", level=1)).to_be_focused()
    tab.page.keyboard.press("Shift+Tab")
    expect(tab.page.get_by_role("button", name="Log out")).to_be_focused()
    tab.page.keyboard.press("Enter")
    expect(tab.page.get_by_label("User")).to_be_focused()
