"""One job on the page: it runs, fails, is cancelled, is deleted; its log, its outputs."""

import io
import json
import re
import zipfile
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect
from support.browser import Tab
from support.live import COPY_ALL, Api, make_zip, new_jid

from pfcon.testing.waiting import eventually

ZIP = make_zip({"a.txt": "alpha", "deep/b.bin": b"\0" * 2000})
LOG = re.compile(r".*/logs/\?.*follow=")


@pytest.fixture
def jid(api: Api) -> Iterator[str]:
    """Of a job that the test submits."""
    name = new_jid()
    yield name
    api.delete(f"jobs/{name}/")


def badge(page: Page) -> str:
    return page.locator(".title .badge").inner_text()


def test_a_job_is_seen_from_its_start_to_its_outputs(tab: Tab, api: Api, jid: str) -> None:
    """By a deep link, without a reload."""
    script = f'echo begins; while [ ! -e "$1"/go ]; do sleep 0.2; done; rm "$1"/go; {COPY_ALL}'
    assert api.submit(jid, script, ZIP, auid="anna", image="fnndsc/pl-a:1").status_code == 201
    tab.log_in(f"#/jobs/{jid}")
    page = tab.page
    expect(page.get_by_role("heading", name=jid)).to_be_focused()
    expect(page.locator(".title .badge")).to_have_text("Running")
    expect(page.locator(".log").get_by_text("begins")).to_be_visible()
    expect(page.get_by_role("definition").filter(has_text="anna")).to_be_visible()
    expect(page.locator(".command")).to_contain_text("echo begins")
    steps = page.locator(".timeline .step")
    expect(steps).to_have_text(["Staged", "Queued, image fetched", "Running"])
    (tab.server.storebase / f"key-{jid}" / "outgoing" / "go").touch()
    expect(page.locator(".title .badge")).to_have_text("Succeeded")
    expect(page.locator(".log").get_by_text("copied")).to_be_visible()
    expect(page.locator(".bar-of-log .state").first).to_have_text("complete")
    expect(steps).to_have_text(["Staged", "Queued, image fetched", "Ran"])
    items = page.locator(".timeline li")
    expect(items.nth(0)).to_contain_text("2 files, 2.00 kB")
    expect(items.nth(2)).to_contain_text("output: 2 files, 2.00 kB")
    rows = page.get_by_role("region", name="Output files").get_by_role("row")
    expect(rows).to_have_text(["FileSize", "a.txt5 B", "deep/b.bin2.00 kB"])
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download as zip").click()
    assert waiting.value.suggested_filename == f"{jid}.zip"
    with zipfile.ZipFile(io.BytesIO(waiting.value.path().read_bytes())) as archive:
        assert archive.read("a.txt") == b"alpha"


def test_a_failed_job_says_why_and_what_to_do(tab: Tab, api: Api, jid: str) -> None:
    assert api.submit(jid, "echo no DICOM files; exit 3", ZIP).status_code == 201
    api.wait(jid)
    tab.log_in(f"#/jobs/{jid}")
    why = tab.page.locator(".why")
    expect(why).to_contain_text("ExitCode")
    expect(why).to_contain_text("the program failed with exit code 3")
    expect(why).to_contain_text("What to do: Read the end of the job's log")
    expect(tab.page.locator(".title .badge")).to_have_text("Failed")
    expect(tab.page.locator(".log").get_by_text("no DICOM files")).to_be_visible()


def test_a_job_is_cancelled_by_keyboard_after_a_question(tab: Tab, api: Api, jid: str) -> None:
    assert api.submit(jid, "sleep 600", ZIP).status_code == 201
    tab.log_in(f"#/jobs/{jid}")
    page = tab.page
    cancel = page.get_by_role("button", name="Cancel…")
    cancel.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name=f"Cancel job {jid}?")
    expect(dialog.get_by_role("button", name="Let it run")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(cancel).to_be_focused()
    assert badge(page) in ("Waiting", "Running")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".title .badge")).to_have_text("Cancelled")
    expect(cancel).to_have_count(0)
    assert api.wait(jid)["reason"] == "Cancelled"


def test_a_job_is_deleted_with_its_data_after_a_question_that_names_it(tab: Tab, api: Api, jid: str) -> None:
    assert api.submit(jid, COPY_ALL, ZIP).status_code == 201
    api.wait(jid)
    tab.log_in(f"#/jobs/{jid}")
    page = tab.page
    page.get_by_role("button", name="Delete…").click()
    dialog = page.get_by_role("dialog", name=f"Delete job {jid}?")
    dialog.get_by_role("button", name="Keep it").click()
    assert api.get(f"jobs/{jid}/").status_code == 200
    page.get_by_role("button", name="Delete…").click()
    dialog.get_by_role("button", name="Delete the job").click()
    page.get_by_role("heading", name="Jobs", level=1).wait_for()
    expect(page.get_by_text(f"Job {jid} is deleted.")).to_be_visible()
    assert api.get(f"jobs/{jid}/").status_code == 404
    assert eventually(lambda: not (tab.server.storebase / f"key-{jid}").exists())


def test_the_timeline_has_all_jobs_of_an_id(tab: Tab, api: Api, jid: str) -> None:
    """Of the staged interface: the upload, and the deletion of the data, which the page shows when it begins."""
    limits = {"cpu_limit": 1000, "memory_limit": 200}
    assert api.submit(jid, COPY_ALL, ZIP).status_code == 201
    api.wait(jid)
    assert api.post("uploadjobs/", {"jid": jid, "job_output_path": "home/out", **limits}).status_code == 201
    tab.log_in(f"#/jobs/{jid}")
    steps = tab.page.locator(".timeline .step")
    expect(steps).to_have_text(["Staged", "Queued, image fetched", "Ran", "Uploaded"])
    others = tab.page.locator(".facts .other")
    expect(others).to_have_text([re.compile("Upload Succeeded")])
    assert api.post("deletejobs/", {"jid": jid, **limits}).status_code == 201
    expect(steps).to_have_text(["Staged", "Queued, image fetched", "Ran", "Uploaded", "Data deleted"])
    expect(others).to_have_count(2)
    api.delete(f"uploadjobs/{jid}/")
    api.delete(f"deletejobs/{jid}/")


@pytest.mark.parametrize("jid", ["there-is-none", "chris-jid-7, ", "%", "%3Cscript%3E"])
def test_a_job_that_there_is_not_is_told(tab: Tab, jid: str) -> None:
    """Also with an id that no job can have, as one that was copied with the comma after it."""
    tab.refusals |= {400}
    tab.log_in(f"#/jobs/{jid}")
    expect(tab.page.get_by_text("There is no job with this id.")).to_be_visible()
    expect(tab.page.get_by_role("heading", name="Timeline")).to_be_hidden()


HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"


def test_texts_of_a_job_are_never_markup(tab: Tab, api: Api, jid: str) -> None:
    """Image, owner, arguments, log, names of files; a change of the direction of writing does not leave its line."""
    echo = f"echo '{HOSTILE}' $(printf '\\342\\200\\256evil \\033[31mred')"
    script = f'{echo}; touch "$1/{HOSTILE.replace("/", "")}"; exit 3'
    image, owner = f"{HOSTILE}\u202eimage", f'"><b>{HOSTILE}'
    assert api.submit(jid, script, ZIP, image=image, auid=owner, args_path_flags=[HOSTILE]).status_code == 201
    api.wait(jid)
    dialogs: list[str] = []
    tab.page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    tab.at_home()
    page = tab.page
    expect(page.get_by_role("row").filter(has_text=jid)).to_contain_text(HOSTILE)
    page.get_by_role("link", name=jid).click()
    expect(page.locator(".log").get_by_text("<script>").first).to_be_visible()
    expect(page.locator(".facts")).to_contain_text(HOSTILE)
    expect(page.get_by_role("region", name="Output files")).to_contain_text("<script>")
    text = page.locator(".log").inner_text()
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert "evil red" in text
    page.get_by_label("Search the log").fill(HOSTILE)
    expect(page.locator("mark").first).to_have_text(HOSTILE)
    page.get_by_role("link", name=image).click()
    expect(page.get_by_text("1 job", exact=True)).to_be_visible()
    assert page.locator("main img, main script, main b").count() == 0
    assert dialogs == []


def answer_log(route: Route, *events: tuple[int, str, object]) -> None:
    """Answer a request for a log as the service does. events: id, name, data."""
    text = "".join(f"id: {number}\nevent: {name}\ndata: {json.dumps(data)}\n\n" for number, name, data in events)
    route.fulfill(status=200, content_type="text/event-stream", body=": heartbeat\n\n" + text)


def test_a_log_goes_on_after_a_lost_connection_where_it_was(tab: Tab, api: Api, jid: str) -> None:
    """Events of the interface: lines, a gap, the end; the second request has the id of the last event."""
    assert api.submit(jid, "true", ZIP).status_code == 201
    asked: list[str | None] = []
    status = {"status": "started", "reason": "", "message": ""}

    def serve(route: Route) -> None:
        asked.append(route.request.headers.get("last-event-id"))
        if len(asked) == 1:
            answer_log(route, (0, "status", status), (11, "log", {"text": "one\ntwo äé\n"}))
        else:
            answer_log(
                route,
                (11, "status", status),
                (2_000_011, "gap", {"bytes": 2_000_000}),
                (2_000_017, "log", {"text": "three\n"}),
                (2_000_017, "end", {**status, "exit_code": 0}),
            )

    tab.page.route(LOG, serve)
    tab.log_in(f"#/jobs/{jid}")
    lines = tab.page.locator(".log .text")
    expect(lines).to_have_text(["one", "two äé", "… 2.00 MB of the log are left out here …", "three"])
    expect(tab.page.locator(".bar-of-log .state").first).to_have_text("complete")
    assert asked == [None, "11"]


def test_without_the_stream_the_log_is_that_of_the_answers(tab: Tab, api: Api, jid: str) -> None:
    """As of a process of an earlier release, in a rolling restart."""
    tab.page.route(LOG, lambda route: route.fulfill(status=404, json={"message": "no such resource"}))
    wait = 'while [ ! -e "$1"/go ]; do sleep 0.2; done; echo ends'
    assert api.submit(jid, f"echo begins; {wait}", ZIP).status_code == 201
    tab.log_in(f"#/jobs/{jid}")
    lines = tab.page.locator(".log .text")
    expect(lines.first).to_have_text("begins")
    (tab.server.storebase / f"key-{jid}" / "outgoing" / "go").touch()
    expect(lines.nth(1)).to_have_text("ends")
    expect(tab.page.locator(".bar-of-log .state").first).to_have_text("complete")


def test_a_long_log_is_searched_and_has_few_elements(tab: Tab, api: Api, jid: str) -> None:
    assert api.submit(jid, "true", ZIP).status_code == 201
    text = "".join(f"line {number}{' needle' if number % 1000 == 7 else ''}\n" for number in range(60_000))
    tab.page.route(LOG, lambda route: answer_log(route, (1, "log", {"text": text}), (1, "end", {})))
    tab.log_in(f"#/jobs/{jid}")
    page = tab.page
    expect(page.locator(".log").get_by_text("line 59999")).to_be_visible()
    expect(page.get_by_text("The first 12,000 lines are not shown here")).to_be_visible()
    assert page.locator(".log .line").count() < 120
    search = page.get_by_label("Search the log")
    search.fill("NEEDLE")
    expect(page.get_by_text("1 of 48")).to_be_visible()
    expect(page.locator(".log .current")).to_contain_text("line 12007 needle")
    search.press("Enter")
    expect(page.locator(".log .current")).to_contain_text("line 13007 needle")
    search.press("Shift+Enter")
    search.press("Shift+Enter")
    expect(page.get_by_text("48 of 48")).to_be_visible()
    expect(page.locator(".log .current")).to_contain_text("line 59007 needle")
    page.get_by_label("only matches").check()
    assert page.evaluate("document.querySelector('.log [data-rows]').clientHeight") == 48 * 19
