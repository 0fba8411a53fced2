"""The list of jobs after events that it has missed: no holes, and no states of earlier."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Route, expect
from sqlalchemy import Engine, delete, insert, update
from support.browser import Tab
from support.leader import records_of
from support.live import LiveServer, new_jid

from pfcon.records.schema import jobs

BEGAN = 1.6e9  # before all other jobs
JIDS = """async () => {
    const list = document.querySelector(".jobs"), seen = new Map();
    list.scrollTop = 0;
    for (let end = false; !end; list.scrollTop += 600) {
        for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
        for (const row of list.querySelectorAll(".rows > *")) {
            seen.set(row.querySelector("a").textContent, row.querySelector(".badge").textContent);
        }
        end = list.scrollTop + list.clientHeight >= list.scrollHeight - 1;
    }
    return Object.fromEntries(seen);
}"""


@dataclass
class Recorded:
    """Jobs that are written to the records without events, as if these were missed."""

    name: str
    engine: Engine

    def add(self, first: int, end: int, status: str) -> None:
        """Add jobs of these numbers, each newer than the one before."""
        row = {"kind": "plugin", "claim": "c", "phase": "final", "request": "r", "auid": self.name, "image": "i"}
        row |= {"message": "", "reason": "", "logs": "", "status": status}
        times = ({"created_at": BEGAN + number, "changed_at": BEGAN + number} for number in range(first, end))
        rows = [{**row, **both, "jid": self.jid(first + place)} for place, both in enumerate(times)]
        with self.engine.begin() as connection:
            connection.execute(insert(jobs), rows)

    def jid(self, number: int) -> str:
        return f"{self.name}-{number:05}"

    def change(self, status: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(update(jobs).where(jobs.c.auid == self.name).values(status=status))

    def delete(self, end: int) -> None:
        """Delete those below this number."""
        with self.engine.begin() as connection:
            connection.execute(delete(jobs).where(jobs.c.auid == self.name, jobs.c.jid < self.jid(end)))


@pytest.fixture
def recorded(server: LiveServer) -> Iterator[Recorded]:
    with records_of(server) as engine:
        made = Recorded(new_jid(), engine)
        yield made
        made.delete(99_999)


@dataclass
class Stream:
    """Of events, of the test's own. refused: what it answers instead of them."""

    reset: bool = False
    refused: bool = False

    def serve(self, route: Route) -> None:
        if self.refused:
            route.fulfill(status=503, json={"message": "no stream is left"})
            return
        event = "id: 2\nevent: reset\ndata: {}\n\n" if self.reset else ""
        route.fulfill(status=200, content_type="text/event-stream", body=f"retry: 2000\nid: 1\n\n{event}")


def test_after_a_reset_all_rows_are_those_of_the_service(tab: Tab, recorded: Recorded) -> None:
    """Of 300 rows that are shown, 50 are deleted, all others have ended, and 400 are new."""
    recorded.add(0, 300, "started")
    stream = Stream()
    tab.page.route("**/events/", stream.serve)
    tab.log_in(f"#/jobs?owner={recorded.name}")
    tab.page.get_by_text(re.compile(r"300 jobs|100\+ jobs")).wait_for()
    assert len(tab.page.evaluate(JIDS)) == 300
    recorded.change("finishedSuccessfully")
    recorded.delete(50)
    recorded.add(300, 700, "finishedSuccessfully")
    stream.reset = True
    expect(tab.page.get_by_text("650 jobs", exact=True)).to_be_visible()
    assert tab.page.evaluate(JIDS) == {recorded.jid(number): "Succeeded" for number in range(50, 700)}


def test_without_events_many_new_jobs_leave_no_hole(tab: Tab, recorded: Recorded) -> None:
    tab.refusals |= {503}
    tab.page.route("**/events/", Stream(refused=True).serve)
    recorded.add(0, 50, "started")
    tab.log_in(f"#/jobs?owner={recorded.name}")
    tab.page.get_by_text("50 jobs", exact=True).wait_for()
    recorded.change("finishedWithError")
    recorded.add(50, 250, "finishedWithError")
    tab.page.get_by_text("250 jobs", exact=True).wait_for()
    assert tab.page.evaluate(JIDS) == {recorded.jid(number): "Failed" for number in range(250)}
