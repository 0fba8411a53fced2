"""What the page says of a job whose state is unknown, that comes back after its deletion, and of odd texts."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Route, expect
from support.browser import Tab
from support.live import Api, make_zip, new_jid

from pfcon.testing.waiting import PATIENCE

ZIP = make_zip({"a.txt": "alpha"})
RECORDS = re.compile(r".*/records/[^?]")
Record = dict[str, Any]


@pytest.fixture
def jid(api: Api) -> Iterator[str]:
    name = new_jid()
    yield name
    api.delete(f"jobs/{name}/")


def change_records(tab: Tab, change: Callable[[Record], Record]) -> None:
    """Have the page told other records of a job than there are: an engine that does not know a state is rare."""

    def serve(route: Route) -> None:
        answer = route.fetch(timeout=PATIENCE * 1000)
        found = answer.json()
        route.fulfill(response=answer, json={**found, "records": [change(record) for record in found["records"]]})

    tab.page.route(RECORDS, serve)


def test_a_job_of_an_unknown_state_has_not_ended(tab: Tab, api: Api, jid: str) -> None:
    """As of a container that Docker reports in a state of its own: it can be cancelled."""
    assert api.submit(jid, "sleep 600", ZIP).status_code == 201
    change_records(tab, lambda record: {**record, "status": "undefined", "started": record["created"]})
    tab.log_in(f"#/jobs/{jid}")
    expect(tab.page.locator(".title .badge")).to_have_text("Unknown")
    expect(tab.page.locator(".timeline .step").last).to_have_text("Running")
    expect(tab.page.get_by_role("button", name="Cancel…")).to_be_visible()
    tab.page.unroute_all()


def test_waiting_and_fetching_the_image_are_steps_of_their_own(tab: Tab, api: Api, jid: str) -> None:
    """Where the engine tells when it had a place for the job. That is no event: the page asks while the job waits."""
    assert api.submit(jid, "sleep 600", ZIP).status_code == 201
    shown = {"status": "notStarted", "placed": "", "started": ""}
    change_records(tab, lambda record: {**record, **shown})
    tab.log_in(f"#/jobs/{jid}")
    steps = tab.page.locator(".timeline .step")
    expect(tab.page.get_by_text("Live", exact=True)).to_be_visible()
    expect(steps).to_have_text(["Staged", "Queued"])
    now = datetime.now(UTC)
    shown["placed"] = now.isoformat()
    expect(steps).to_have_text(["Staged", "Queued", "Image being fetched"])
    shown |= {"status": "started", "started": (now + timedelta(seconds=65)).isoformat()}
    expect(steps).to_have_text(["Staged", "Queued", "Image fetched, container made", "Running"])
    expect(tab.page.locator(".timeline li").nth(2)).to_contain_text("1 min 5 s")
    shown |= {"status": "finishedWithError", "started": "", "finished": (now + timedelta(seconds=7)).isoformat()}
    assert api.post(f"jobs/{jid}/cancel/", {}).status_code == 200  # an event, so the page asks again
    expect(steps).to_have_text(["Staged", "Queued", "Placed, until its end"])
    tab.page.unroute_all(behavior="wait")


def test_an_unknown_end_is_an_end(tab: Tab, api: Api, jid: str) -> None:
    """As of an upload that was interrupted too often."""
    assert api.submit(jid, "true", ZIP).status_code == 201
    api.wait(jid)
    change_records(tab, lambda record: {**record, "status": "undefined", "started": record["created"]})
    tab.log_in(f"#/jobs/{jid}")
    expect(tab.page.locator(".timeline .step").last).to_have_text("Ran")
    expect(tab.page.get_by_role("button", name="Delete…")).to_be_visible()
    expect(tab.page.get_by_role("button", name="Cancel…")).to_have_count(0)
    tab.page.unroute_all()


def test_a_job_that_comes_back_has_its_own_command_and_buttons(tab: Tab, api: Api, jid: str) -> None:
    """After its deletion, while one looks."""
    assert api.submit(jid, "echo first; sleep 600", ZIP).status_code == 201
    tab.log_in(f"#/jobs/{jid}")
    page = tab.page
    expect(page.locator(".command")).to_contain_text("echo first")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    api.delete(f"jobs/{jid}/")
    expect(page.get_by_text("This job is deleted.")).to_be_visible()
    expect(page.get_by_role("button", name="Delete…")).to_have_count(0)
    assert api.submit(jid, "echo second; sleep 600", ZIP).status_code == 201
    expect(page.locator(".command")).to_contain_text("echo second")
    expect(page.get_by_role("button", name="Cancel…")).to_be_visible()
    expect(page.get_by_role("button", name="Delete…")).to_be_visible()
    expect(page.locator(".log .text")).to_have_text(["second"])


def test_names_of_files_show_what_would_change_their_line(tab: Tab, api: Api, jid: str) -> None:
    script = r"""touch "$1/$(printf 'a\nb')" "$1/$(printf 'c\342\200\256gpj.exe')" """
    assert api.submit(jid, script, ZIP).status_code == 201
    api.wait(jid)
    tab.log_in(f"#/jobs/{jid}")
    names = tab.page.get_by_role("region", name="Output files").locator("td bdi")
    expect(names).to_have_text(["a\ufffdb", "c\ufffdgpj.exe"])


def test_a_filter_may_have_question_marks(tab: Tab) -> None:
    tab.log_in("#/jobs?text=why?what")
    expect(tab.page.get_by_label("Text")).to_have_value("why?what")


def test_a_filter_that_the_service_refuses_is_told_as_long_as_it_is_there(tab: Tab) -> None:
    """The address may be an old bookmark, or cut off."""
    tab.refusals |= {400}
    tab.log_in("#/jobs?status=done")
    told = tab.page.locator(".empty").get_by_text("must be one or several of")
    expect(told).to_be_visible()
    tab.page.get_by_role("button", name="Clear").click()
    expect(told).to_be_hidden()


def test_a_screen_reader_is_told_of_changes_alone(tab: Tab) -> None:
    """Not each time that the service is asked whether it works."""
    tab.page.clock.install()
    tab.at_home()
    expect(tab.page.locator("#ready")).to_have_text("All parts work")
    tab.page.evaluate(
        """() => { window.told = 0; new MutationObserver(() => window.told++)
            .observe(document.getElementById("ready"), {childList: true, characterData: true, subtree: true}); }"""
    )
    for _ in range(3):
        with tab.page.expect_response("**/ready/"):
            tab.page.clock.run_for(16_000)
    tab.page.wait_for_timeout(300)
    assert tab.page.evaluate("window.told") == 0
