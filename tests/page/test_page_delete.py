"""What is deleted on the page: what the question says, and nothing else."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Locator, expect
from support.browser import Tab, opened_tab
from support.live import COPY_ALL, Api, LiveServer, make_zip, new_jid
from support.staged import INNETWORK

from pfcon.testing.waiting import eventually

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ZIP = make_zip({"a.txt": "alpha"})
LIMITS = {"cpu_limit": 1000, "memory_limit": 200}


@pytest.fixture
def jid(api: Api) -> Iterator[str]:
    name = new_jid()
    yield name
    api.delete(f"jobs/{name}/")


def asked(tab: Tab, jid: str) -> Locator:
    """The dialog that opens."""
    tab.page.get_by_role("button", name="Delete…").click()
    return tab.page.get_by_role("dialog", name=f"Delete job {jid}?")


def confirm(dialog: Locator) -> None:
    dialog.get_by_role("button", name="Delete the job").click()


def records(api: Api, jid: str) -> list[dict[str, Any]]:
    answer = api.get(f"records/{jid}/")
    return answer.json()["records"] if answer.ok else []


def test_the_records_of_all_jobs_of_the_id_are_deleted(tab: Tab, api: Api, jid: str) -> None:
    assert api.submit(jid, COPY_ALL, ZIP).status_code == 201
    api.wait(jid)
    assert api.post("uploadjobs/", {"jid": jid, "job_output_path": "home/out", **LIMITS}).status_code == 201
    assert eventually(lambda: len(records(api, jid)) == 2)
    tab.log_in(f"#/jobs/{jid}")
    dialog = asked(tab, jid)
    expect(dialog).to_contain_text("Its inputs, outputs, log and record are deleted.")
    expect(dialog).to_contain_text("What was uploaded to the users' files stays there.")
    confirm(dialog)
    expect(tab.page.get_by_text(f"Job {jid} is deleted.")).to_be_visible()
    assert records(api, jid) == []
    assert eventually(lambda: not (tab.server.storebase / f"key-{jid}").exists())


def test_a_running_job_is_stopped_as_the_question_says(tab: Tab, api: Api, jid: str) -> None:
    assert api.submit(jid, "sleep 600", ZIP).status_code == 201
    tab.log_in(f"#/jobs/{jid}")
    dialog = asked(tab, jid)
    expect(dialog).to_contain_text("It still runs and is stopped (plugin).")
    confirm(dialog)
    tab.page.get_by_role("heading", name="Jobs", level=1).wait_for()
    assert records(api, jid) == []


def test_a_job_that_was_posted_again_while_one_is_asked_is_kept(tab: Tab, api: Api, jid: str) -> None:
    assert api.submit(jid, "exit 3", ZIP).status_code == 201
    api.wait(jid)
    tab.log_in(f"#/jobs/{jid}")
    dialog = asked(tab, jid)
    api.delete(f"jobs/{jid}/")
    assert api.submit(jid, "sleep 600", ZIP).status_code == 201
    confirm(dialog)
    expect(tab.page.get_by_text("was submitted again meanwhile. Nothing is deleted.")).to_be_visible()
    assert [record["status"] for record in records(api, jid)] in (["started"], ["notStarted"])


def test_a_job_that_was_posted_again_while_one_is_asked_is_not_cancelled(tab: Tab, api: Api, jid: str) -> None:
    assert api.submit(jid, "sleep 600", ZIP).status_code == 201
    tab.log_in(f"#/jobs/{jid}")
    tab.page.get_by_role("button", name="Cancel…").click()
    api.delete(f"jobs/{jid}/")
    assert api.submit(jid, "sleep 601", ZIP).status_code == 201
    tab.page.get_by_role("button", name="Cancel the job").click()
    expect(tab.page.get_by_text("submitted again meanwhile. Nothing is cancelled.")).to_be_visible()
    assert [record["reason"] for record in records(api, jid)] == [""]


@pytest.mark.parametrize("leave", ["history.back()", "document.getElementById('logout').click()"])
def test_a_question_goes_with_its_view(tab: Tab, api: Api, jid: str, leave: str) -> None:
    """Over another view, or the login, it would hold the whole page; a session may end while it is there."""
    assert api.submit(jid, "true", ZIP).status_code == 201
    api.wait(jid)
    tab.at_home()
    tab.page.get_by_role("link", name=jid).click()
    dialog = asked(tab, jid)
    expect(dialog).to_be_visible()
    tab.page.evaluate(leave)
    expect(dialog).to_be_hidden()
    assert records(api, jid)


def test_a_deletion_leaves_the_view_of_another_job(tab: Tab, api: Api, jid: str) -> None:
    """Whose id begins with that of the deleted one: while the service is slow, the user has gone to it."""
    other = f"{jid}0"
    for name in (jid, other):
        assert api.submit(name, "true", ZIP).status_code == 201
        api.wait(name)
    tab.log_in(f"#/jobs/{jid}")

    def slow(route: Any) -> None:
        if route.request.method == "DELETE":
            tab.page.evaluate("hash => { location.hash = hash; }", f"#/jobs/{other}")
        route.continue_()

    tab.page.route(f"**/jobs/{jid}/", slow)
    confirm(asked(tab, jid))
    expect(tab.page.get_by_text(f"Job {jid} is deleted.")).to_be_visible()
    expect(tab.page.get_by_role("heading", name=other)).to_be_visible()
    assert tab.page.url.endswith(f"#/jobs/{other}")
    api.delete(f"jobs/{other}/")


def test_outputs_among_users_files_are_kept_and_the_question_says_so(browser: "Browser") -> None:
    with tempfile.TemporaryDirectory(prefix="pfcon-page-", ignore_cleanup_errors=True) as name:
        storebase = Path(name, "storeBase")
        (storebase / "home" / "anna" / "in").mkdir(parents=True)
        (storebase / "home" / "anna" / "out").mkdir()
        (storebase / "home" / "anna" / "in" / "a.txt").write_text("alpha")
        with LiveServer(storebase, INNETWORK) as server, opened_tab(browser, server) as tab:
            tab.refusals |= {503}  # before a process watches the jobs
            api, jid = Api(server.url), new_jid()
            fields = {"input_dirs": ["home/anna/in"], "output_dir": "home/anna/out"}
            assert api.submit(jid, COPY_ALL, None, **fields).status_code == 201
            assert eventually(lambda: api.get(f"jobs/{jid}/").json()["compute"]["status"].startswith("finished"))
            tab.log_in(f"#/jobs/{jid}")
            dialog = asked(tab, jid)
            expect(dialog).to_contain_text("Its outputs stay in home/anna/out of the users' files.")
            expect(dialog).not_to_contain_text(re.compile("outputs, log"))
            confirm(dialog)
            expect(tab.page.get_by_text(f"Job {jid} is deleted.")).to_be_visible()
            assert (storebase / "home" / "anna" / "out" / "a.txt").read_text() == "alpha"
