"""The list of jobs: live, filtered, long, by keyboard."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect
from sqlalchemy import delete, insert
from support.browser import Tab
from support.leader import records_of
from support.live import COPY_ALL, Api, LiveServer, make_zip, new_jid

from pfcon.records.schema import jobs
from pfcon.testing.waiting import eventually

ZIP = make_zip({"a.txt": "alpha"})
MANY = 10_000
BEGAN = 1.7e9  # before all other jobs
MOST_ROWS = 80  # of a window of 800 pixels, with those that are ready above and below it


def row_of(tab: Tab, jid: str) -> Locator:
    return tab.page.get_by_role("row").filter(has=tab.page.get_by_role("link", name=jid, exact=True))


def shown(tab: Tab) -> list[str]:
    """The jids in the rows, from the top."""
    return tab.page.evaluate(  # type: ignore[no-any-return]
        """[...document.querySelectorAll('.jobs [data-focus]')]
            .sort((one, other) => one.getBoundingClientRect().top - other.getBoundingClientRect().top)
            .map((one) => one.textContent)"""
    )


def test_jobs_come_change_and_go_while_one_looks(tab: Tab, api: Api) -> None:
    tab.at_home()
    expect(tab.page.get_by_text("Live", exact=True)).to_be_visible()
    jid = new_jid()
    assert api.submit(jid, "sleep 1; exit 3", ZIP).ok
    row = row_of(tab, jid)
    expect(row).to_contain_text("Failed")
    expect(row).to_contain_text("chris")
    expect(row).to_contain_text("exit code 3")
    api.delete(f"jobs/{jid}/")
    expect(row).to_have_count(0)


@pytest.fixture(scope="module")
def three(api: Api) -> Iterator[str]:
    """Three jobs that have ended, the second with an error: what their jids begin with."""
    name = new_jid()
    for number, script in enumerate((COPY_ALL, "exit 3", "true")):
        jid = f"{name}-{number}"
        fields = {"auid": f"{name} +&é{number % 2}", "image": f"{name}/image:{number}"}
        assert api.submit(jid, script, ZIP, **fields).status_code == 201
        api.wait(jid)
    yield name
    for number in range(3):
        api.delete(f"jobs/{name}-{number}/")


def test_filters_narrow_the_list_and_are_a_part_of_the_address(tab: Tab, three: str) -> None:
    tab.at_home()
    page = tab.page
    page.get_by_label("Text").fill(three.upper())
    expect(page.get_by_text("3 jobs", exact=True)).to_be_visible()
    page.get_by_role("checkbox", name="Failed").check()
    expect(page.get_by_text("1 job", exact=True)).to_be_visible()
    expect(row_of(tab, f"{three}-1")).to_be_visible()
    page.reload()
    expect(page.get_by_text("1 job", exact=True)).to_be_visible()
    expect(page.get_by_label("Text")).to_have_value(three.upper())
    expect(page.get_by_role("checkbox", name="Failed")).to_be_checked()
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Owner").fill(f"{three} +&é0")
    expect(page.get_by_text("2 jobs", exact=True)).to_be_visible()
    page.get_by_label("Image").fill(f"{three}/image:2")
    expect(page.get_by_text("1 job", exact=True)).to_be_visible()
    page.get_by_label("Kind").select_option("Copy")
    expect(page.get_by_text("No job has all of this.")).to_be_visible()
    page.get_by_label("Kind").select_option("All kinds")
    page.get_by_label("Created").select_option("Last hour")
    expect(page.get_by_text("1 job", exact=True)).to_be_visible()
    page.get_by_label("Created").select_option("Between")
    page.get_by_label("Until").fill("2020-01-01T00:00")
    page.get_by_label("Until").blur()
    expect(page.get_by_text("No job has all of this.")).to_be_visible()
    page.get_by_label("Until").fill("2099-01-01T00:00")
    page.get_by_label("Until").blur()
    page.get_by_role("link", name=f"{three}-2").click()
    page.get_by_role("heading", name=f"{three}-2").wait_for()
    page.get_by_role("link", name="← Jobs").click()
    expect(page.get_by_text("1 job", exact=True)).to_be_visible()
    expect(page.get_by_label("Image")).to_have_value(f"{three}/image:2")


@pytest.fixture(scope="module")
def many(server: LiveServer) -> Iterator[str]:
    """10,000 old jobs in the records: what their jids begin with."""
    name = new_jid()
    row = {"kind": "plugin", "claim": "c", "phase": "final", "request": "r", "auid": f"owner-of-{name}", "image": "i"}
    states = [
        ("finishedSuccessfully", "", ""),
        ("finishedWithError", "exit code 3", "ExitCode"),
    ]
    rows = [
        {
            **row,
            "jid": f"{name}-{number:05}",
            **dict(zip(("status", "message", "reason"), states[number % 2], strict=True)),
            "created_at": BEGAN + number,
            "staged_at": BEGAN + number + 1,
            "started_at": BEGAN + number + 2,
            "finished_at": BEGAN + number + 9,
            "changed_at": BEGAN + number + 9,
            "logs": "line\n" * 100,
        }
        for number in range(MANY)
    ]
    with records_of(server) as engine:
        with engine.begin() as connection:
            connection.execute(insert(jobs), rows)
        yield name
        with engine.begin() as connection:
            connection.execute(delete(jobs).where(jobs.c.jid.like(f"{name}-%")))


def test_ten_thousand_jobs_scroll_with_few_elements(tab: Tab, many: str) -> None:
    """To the end, by the wheel: every job is shown once, in order, and the page never has many rows."""
    tab.log_in(f"#/jobs?owner=owner-of-{many}")
    page = tab.page
    page.get_by_text("100+ jobs").wait_for()
    result = page.evaluate(
        """async () => {
            const list = document.querySelector(".jobs"), seen = [], frames = [];
            let rows = 0, last = performance.now();
            for (let turn = 0; turn < 3000; turn++) {
                await new Promise(requestAnimationFrame);
                frames.push(performance.now() - last);
                last = performance.now();
                const links = [...list.querySelectorAll("[data-focus]")];
                rows = Math.max(rows, links.length);
                for (const link of links) seen.push(link.textContent);
                const end = list.scrollTop + list.clientHeight >= list.scrollHeight - 1;
                if (end && !document.querySelector(".count").textContent.includes("+")) break;
                list.scrollTop += 600;
            }
            const known = new Set(seen);
            const text = document.querySelector(".count").textContent;
            return {rows, known: known.size, frames: frames.sort((a, b) => a - b), text};
        }"""
    )
    frames = result.pop("frames")
    print(
        f"{len(frames)} frames; median {frames[len(frames) // 2]:.1f} ms, 95% {frames[len(frames) * 95 // 100]:.1f} ms"
    )
    assert result["known"] == MANY
    assert result["text"] == "10,000 jobs"
    assert result["rows"] <= MOST_ROWS
    assert shown(tab)[-1] == f"{many}-00000"


def test_the_list_is_walked_with_the_keyboard(tab: Tab, many: str) -> None:
    tab.log_in(f"#/jobs?owner=owner-of-{many}")
    page = tab.page
    page.get_by_role("link", name=f"{many}-09999").wait_for()
    page.get_by_role("button", name="Clear").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name=f"{many}-09999")).to_be_focused()
    for key, number in (("ArrowDown", 9998), ("ArrowDown", 9997), ("ArrowUp", 9998), ("Home", 9999)):
        page.keyboard.press(key)
        expect(page.get_by_role("link", name=f"{many}-{number:05}")).to_be_focused()
    for _ in range(20):
        page.keyboard.press("PageDown")
    focused = page.evaluate("document.activeElement.textContent")
    assert re.fullmatch(rf"{many}-0[89]\d\d\d", focused)
    assert focused < f"{many}-09800"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=focused)).to_be_focused()
    assert page.title() == f"{focused} · pfcon"


def test_new_jobs_do_not_move_what_one_reads(tab: Tab, api: Api, many: str) -> None:
    tab.at_home()
    page = tab.page
    page.get_by_text("100+ jobs").or_(page.get_by_text(re.compile(r"\d+\+ jobs"))).first.wait_for()
    place = "document.querySelector('.jobs').scrollTop"
    page.evaluate(f"{place} = 34 * 30")
    link = page.get_by_role("link", name=shown(tab)[20], exact=True)
    before = link.bounding_box()
    jid = new_jid()
    assert api.submit(jid, "true", ZIP).ok
    assert eventually(lambda: page.evaluate(place) > 34 * 30)
    after = link.bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) < 2
    api.wait(jid)
    api.delete(f"jobs/{jid}/")
