"""Every view in light and dark, wide and narrow: pictures, accessibility, and what the service's state looks like."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Route, expect
from support.browser import Tab, opened_tab
from support.live import COPY_ALL, Api, LiveServer, make_zip, new_jid

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PREFIX = "chris-jid-10"
SLICES = 'for i in $(seq 300); do echo "INFO slice $i of 300: registered in 3 iterations"; done; sleep 2'
JOBS = [  # owner, image, script
    ("anna", "fnndsc/pl-brainreg:3.2.0", f"{SLICES}; {COPY_ALL}"),
    ("ben", "fnndsc/pl-dcm2niix:1.0.1", "echo INFO reading; echo 'ValueError: no DICOM files' >&2; exit 3"),
    ("anna", "fnndsc/pl-fastsurfer:2.0", "n=0; while sleep 1; do n=$((n+1)); echo epoch $n; done; sleep 600"),
    ("carla", "fnndsc/pl-fastsurfer:2.0", "sleep 600"),
    ("dora", "fnndsc/pl-mricrogl:1.0", "kill -SEGV $$"),
    ("ben", "fnndsc/pl-simpledsapp:2.1.0", COPY_ALL),
    ("carla", "fnndsc/pl-mricrogl:1.0", "no-such-program"),
]
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def prefix(api: Api) -> Iterator[str]:
    """What the jids of some jobs begin with: -1 has succeeded, -2 has failed, -3 runs, ..."""
    zipped = make_zip({"scan/series-1.dcm": b"\1" * 200_000, "notes.txt": "alpha"})
    for number, (owner, image, script) in enumerate(JOBS, 1):
        assert api.submit(f"{PREFIX}-{number}", script, zipped, image=image, auid=owner).status_code == 201
        if "sleep 600" not in script:
            api.wait(f"{PREFIX}-{number}")
    assert api.post(f"jobs/{PREFIX}-4/cancel/", {}).status_code == 200
    api.wait(f"{PREFIX}-4")
    yield PREFIX
    for number in range(1, len(JOBS) + 1):
        api.delete(f"jobs/{PREFIX}-{number}/")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_every_view_is_accessible_and_fits(
    *, browser: "Browser", server: LiveServer, prefix: str, tmp_path: Path, scheme: str, size: dict[str, int]
) -> None:
    """No rule of axe-core for WCAG 2.2 AA is broken, and nothing has to be scrolled sideways."""
    with opened_tab(browser, server, color_scheme=scheme, viewport=size) as tab:
        tab.open()
        look_at(tab, tmp_path / "login.png")
        tab.at_home()
        expect(tab.page.get_by_role("link", name=f"{prefix}-3")).to_be_visible()
        look_at(tab, tmp_path / "jobs.png")
        for number, word in enumerate(("Succeeded", "Failed", "Running"), 1):
            tab.open(f"#/jobs/{prefix}-{number}")
            expect(tab.page.locator(".title .badge")).to_have_text(word)
            tab.page.locator(".log .line").or_(tab.page.locator(".log.none")).first.wait_for()
            tab.page.get_by_role("heading", name="Outputs").wait_for()
            look_at(tab, tmp_path / f"job-{word}.png")
        tab.page.get_by_role("button", name="Delete…").click()
        look_at(tab, tmp_path / "dialog.png")
        tab.page.keyboard.press("Escape")
        tab.open("#/service")
        tab.page.get_by_role("cell").first.wait_for()
        look_at(tab, tmp_path / "service.png")
        background = tab.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (background == "rgb(16, 21, 27)") is (scheme == "dark")


def look_at(tab: Tab, picture: Path) -> None:
    tab.picture(picture)
    found = Axe().run(tab.page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]})
    broken = [
        (rule["id"], [node["html"] for node in rule["nodes"]], rule["help"]) for rule in found.response["violations"]
    ]
    assert broken == [], picture.name
    sideways = "document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"
    assert tab.page.evaluate(sideways) <= 0, picture.name


def test_the_service_view_has_parts_figures_and_a_way_to_the_jobs(tab: Tab, prefix: str) -> None:
    tab.log_in("#/service")
    page = tab.page
    lights = page.locator(".lights li")
    expect(lights.filter(has_text="engine")).to_contain_text("works")
    expect(lights).to_have_count(5)
    expect(page.locator(".reasons li").filter(has_text="ExitCode")).to_be_visible()
    page.get_by_role("link", name="Plugin jobs: Failed").click()
    expect(page.get_by_role("link", name=f"{prefix}-2")).to_be_visible()
    expect(page.get_by_role("link", name=f"{prefix}-1")).to_have_count(0)


def test_a_part_that_does_not_work_is_seen_in_every_view(tab: Tab) -> None:
    """As the service tells of it with a 503."""
    tab.refusals |= {503}
    gone = {"ok": False, "ms": 4000, "message": "<b>gone</b>"}
    parts = {"records": {"ok": True, "ms": 1, "message": "ok"}, "engine": gone}
    tab.page.route("**/ready/", lambda route: route.fulfill(status=503, json=parts))
    tab.at_home()
    expect(tab.page.get_by_text("Not working: engine")).to_be_visible()
    tab.page.get_by_text("Not working: engine").click()
    fault = tab.page.locator(".lights .fault")
    expect(fault).to_contain_text("does not work")
    expect(fault).to_contain_text("<b>gone</b>")


def test_without_events_the_page_asks_instead(tab: Tab, api: Api) -> None:
    """As when all streams of the service are taken."""
    tab.refusals |= {503}

    def refuse(route: Route) -> None:
        route.fulfill(status=503, json={"message": "too many streams"}, headers={"Retry-After": "2"})

    tab.page.route("**/events/", refuse)
    tab.at_home()
    expect(tab.page.get_by_text("Not live")).to_be_visible()
    jid = new_jid()
    assert api.submit(jid, "true", make_zip({"a": "b"})).status_code == 201
    expect(tab.page.get_by_role("link", name=jid)).to_be_visible()
    api.wait(jid)
    api.delete(f"jobs/{jid}/")


def test_the_content_is_reached_past_the_head_with_one_key(tab: Tab) -> None:
    tab.at_home()
    tab.page.reload()
    tab.page.get_by_role("heading", name="Jobs", level=1).wait_for()
    tab.page.locator("#skip").focus()
    expect(tab.page.locator("#skip")).to_be_in_viewport()
    tab.page.keyboard.press("Enter")
    expect(tab.page.get_by_role("heading", name="Jobs", level=1)).to_be_focused()
