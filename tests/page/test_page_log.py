"""The log on the page: its lines, and where they come from when the stream does not come."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Route, expect
from support.browser import Tab
from support.live import Api, make_zip, new_jid

from pfcon.testing.waiting import eventually

if TYPE_CHECKING:
    from playwright.sync_api import Page

ZIP = make_zip({"a.txt": "alpha"})
LOG = "**/logs/?follow=1"
STATUS = {"status": "started", "reason": "", "message": ""}
ENDED = {"status": "finishedSuccessfully", "reason": "", "message": "", "exit_code": 0}
TOP = "document.querySelector('.log').scrollTop"


@pytest.fixture
def jid(api: Api) -> Iterator[str]:
    """Of a job that has ended with one line."""
    name = new_jid()
    assert api.submit(name, "echo by an answer", ZIP).status_code == 201
    api.wait(name)
    yield name
    api.delete(f"jobs/{name}/")


class Answers:
    """To requests for the stream, in turn: lists of events (name, data), or statuses; the last one again."""

    def __init__(self, page: "Page", *answers: list[tuple[str, object]] | int) -> None:
        self._answers = list(answers)
        self.asked: list[str | None] = []
        page.route(LOG, self._serve)

    def _serve(self, route: Route) -> None:
        answer = self._answers[min(len(self.asked), len(self._answers) - 1)]
        self.asked.append(route.request.headers.get("last-event-id"))
        if isinstance(answer, int):
            route.fulfill(status=answer, json={"message": "the disk of the logs is full"})
            return
        events = [f"id: {len(self.asked)}\nevent: {name}\ndata: {json.dumps(data)}\n\n" for name, data in answer]
        route.fulfill(status=200, content_type="text/event-stream", body=": heartbeat\n\n" + "".join(events))


def lines(first: int, last: int) -> str:
    return "".join(f"line {number}\n" for number in range(first, last + 1))


def first_shown(page: "Page") -> str:
    """The line at the top of the window."""
    found: str = page.evaluate(
        """() => {
            const top = document.querySelector(".log").getBoundingClientRect().top + 12;
            const below = [...document.querySelectorAll(".log .line")].filter((line) => {
                const box = line.getBoundingClientRect();
                return box.top <= top && top < box.bottom;
            });
            return below[0]?.innerText ?? "";
        }"""
    )
    return found


def test_a_reader_is_not_moved_when_old_lines_are_dropped(tab: Tab, jid: str) -> None:
    Answers(tab.page, [("log", {"text": lines(1, 50_000)})], [], [("log", {"text": "one more\n"}), ("end", ENDED)])
    tab.log_in(f"#/jobs/{jid}")
    page = tab.page
    page.locator(".log").get_by_text("line 50000").wait_for()
    page.get_by_label("follow", exact=True).uncheck()
    page.evaluate(f"{TOP} = 19 * 30_000")
    assert eventually(lambda: "line 3000" in first_shown(page))
    before = first_shown(page)
    page.get_by_text("The first 10,001 lines are not shown here").wait_for()
    assert first_shown(page) == before


def test_numbers_are_those_of_lines(tab: Tab, jid: str) -> None:
    """What is left out has none; the pieces of a line are one line."""
    Answers(
        tab.page,
        [
            ("log", {"text": "one\n"}),
            ("gap", {"bytes": 5}),
            ("log", {"text": "two"}),
            ("log", {"text": " goes "}),
            ("log", {"text": "on\nthree\n"}),
            ("log", {"text": "x" * 70_000}),
            ("log", {"text": "x" * 70_000 + "\nfive"}),
            ("end", ENDED),
        ],
    )
    tab.log_in(f"#/jobs/{jid}")
    tab.page.locator(".bar-of-log .state").first.get_by_text("complete").wait_for()
    shown = tab.page.locator(".log .line")
    expect(shown).to_have_count(6)
    assert shown.locator(".number").all_inner_texts() == ["1", "", "2", "3", "4", "5"]
    texts = [text[:20] for text in shown.locator(".text").all_inner_texts()]
    assert texts == ["one", "… 5 B of the log are", "two goes on", "three", "x" * 20, "five"]


def test_without_a_stream_the_reason_is_told_and_the_log_comes_all_the_same(tab: Tab, api: Api) -> None:
    """As when the disk is full, or no stream is left."""
    tab.refusals |= {507}
    jid = new_jid()
    wait = 'while [ ! -e "$1"/go ]; do sleep 0.2; done; echo ends'
    assert api.submit(jid, f"echo begins; {wait}", ZIP).status_code == 201
    Answers(tab.page, 507)
    tab.log_in(f"#/jobs/{jid}")
    state = tab.page.locator(".bar-of-log .state").first
    expect(state).to_have_text("not live: the disk of the logs is full")
    shown = tab.page.locator(".log .text")
    expect(shown.first).to_have_text("begins")
    (tab.server.storebase / f"key-{jid}" / "outgoing" / "go").touch()
    expect(shown.nth(1)).to_have_text("ends")
    expect(state).to_have_text("complete")
    api.delete(f"jobs/{jid}/")


def test_a_stream_that_comes_again_begins_anew(tab: Tab, api: Api) -> None:
    """After answers: no line is shown twice."""
    tab.refusals |= {503}
    jid = new_jid()
    assert api.submit(jid, "echo begins; sleep 600", ZIP).status_code == 201
    answers = Answers(
        tab.page, 503, 503, [("status", STATUS), ("log", {"text": "begins\nand goes on\n"}), ("end", ENDED)]
    )
    tab.log_in(f"#/jobs/{jid}")
    expect(tab.page.locator(".log .text")).to_have_text(["begins", "and goes on"])
    expect(tab.page.locator(".bar-of-log .state").first).to_have_text("complete")
    assert answers.asked == [None, None, None]
    api.delete(f"jobs/{jid}/")


def test_a_stream_that_is_held_back_is_told(tab: Tab, jid: str) -> None:
    """By a proxy: the request is not answered. The log of the answers is shown."""
    tab.page.route(LOG, lambda _: None)
    tab.page.clock.install()
    tab.log_in(f"#/jobs/{jid}")
    state = tab.page.locator(".bar-of-log .state").first
    expect(state).to_have_text("connecting…")
    tab.page.clock.run_for(11_000)
    expect(state).to_have_text("not live: Nothing comes: a proxy may hold the stream back.")

    def is_complete() -> bool:
        tab.page.clock.run_for(5_000)
        return state.inner_text() == "complete"

    assert eventually(is_complete)
    expect(tab.page.locator(".log .text").first).to_have_text("by an answer")


def test_the_log_of_a_deleted_job_is_not_called_complete(tab: Tab, jid: str) -> None:
    removed = {**STATUS, "status": "removed", "message": "the job was removed"}
    Answers(tab.page, [("log", {"text": "some\n"}), ("end", {**removed, "exit_code": None})])
    tab.log_in(f"#/jobs/{jid}")
    expect(tab.page.locator(".bar-of-log .state").first).to_have_text("the job was deleted")
