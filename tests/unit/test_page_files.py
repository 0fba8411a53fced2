"""The page for people, as it is served: what browsers let it do, and that nothing in it can be markup of a job."""

import configparser
import json
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

import pfcon.api.page
from pfcon.api.page.resources import page_files
from pfcon.app import create_app
from pfcon.configuration import load
from pfcon.reasons import Reason

FILES = Path(pfcon.api.page.__file__).parent / "files"
SCRIPTS = sorted(FILES.glob("*.js"))
NAMES = sorted(path.name for path in FILES.iterdir())


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    """A client of an application that has not started anything."""
    storebase = str(tmp_path_factory.mktemp("storeBase"))
    environ = {"APPLICATION_MODE": "development", "CONTAINER_ENV": "process", "STOREBASE_MOUNT": storebase}
    return create_app(load(environ)).test_client()


def addresses() -> list[str]:
    """Of the page and all of its files."""
    return ["/", *(f"/page/{name}" for name in [*NAMES, "reasons.json"] if name != "index.html")]


@pytest.mark.parametrize("address", addresses())
def test_a_browser_lets_it_load_and_run_only_its_own_files(client: FlaskClient, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 200
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
    own = ("script-src", "style-src", "connect-src", "img-src", "form-action")
    assert {name: policy.pop(name) for name in own} == dict.fromkeys(own, "'self'")
    none = ("default-src", "base-uri", "frame-ancestors", "trusted-types")
    assert policy == {**dict.fromkeys(none, "'none'"), "require-trusted-types-for": "'script'"}
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/page/main.js", "text/javascript; charset=utf-8"),
        ("/page/base.css", "text/css; charset=utf-8"),
        ("/page/icon.svg", "image/svg+xml"),
        ("/page/reasons.json", "application/json"),
    ],
)
def test_a_file_has_its_type_and_is_sent_once(client: FlaskClient, address: str, kind: str) -> None:
    first = client.get(address)
    assert first.headers["Content-Type"] == kind
    assert first.headers["Cache-Control"] == "no-cache"
    again = client.get(address, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    path = address if address == "/" else "/page/{name}"
    document = json.loads(client.get("/api/v1/openapi.json").data)
    assert "304" in document["paths"][path]["get"]["responses"]
    assert client.get(address, headers={"If-None-Match": '"other"'}).data == first.data
    head = client.head(address)
    assert (head.status_code, head.data, head.headers["ETag"]) == (200, b"", first.headers["ETag"])
    assert client.post(address).status_code == 405


@pytest.mark.parametrize("address", ["/page/none.js", "/page/index.html", "/page/../app.py", "/page/", "/other"])
def test_what_it_does_not_have_is_a_404_as_everywhere(client: FlaskClient, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 404
    assert answer.json is not None
    assert answer.json["message"]


def test_all_files_are_installed_and_linked() -> None:
    setup = configparser.ConfigParser()
    setup.read(Path(pfcon.__file__).parents[1] / "setup.cfg")
    assert setup["options.package_data"]["pfcon.api.page"] == "files/*"
    assert set(page_files()) == {*NAMES, "reasons.json"}
    texts = "".join(path.read_text() for path in FILES.iterdir())
    for name in NAMES:
        assert name == "index.html" or f'"./{name}"' in texts or f'"page/{name}"' in texts, f"{name} is not used"


def test_there_is_advice_for_every_reason(client: FlaskClient) -> None:
    advice = json.loads(client.get("/page/reasons.json").data)
    assert set(advice) == {reason.value for reason in Reason}
    assert not [text for text in advice.values() if not text or "](" in text]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_makes_no_markup_of_texts_and_names_no_other_place(path: Path) -> None:
    text = path.read_text()
    dangerous = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|setHTML|localStorage|cookie"
    )
    assert not re.findall(dangerous, text)
    assert not re.findall(r"https?://", text)
    assert len(text.splitlines()) <= 300


def test_the_page_itself_has_no_script_or_style_in_it() -> None:
    text = (FILES / "index.html").read_text()
    assert re.findall(r"<script[^>]*>([^<]*)", text) == [""]
    assert not re.findall(r"<style|\sstyle=|\son[a-z]+=|https?://", text)
    for path in FILES.glob("*.css"):
        assert not re.findall(r"url\(|@import", path.read_text())


GROUNDS = {
    "text": ("back", "panel", "wait-back", "run-back", "good-back", "bad-back", "line"),
    "soft": ("back", "panel"),
    "link": ("back", "panel"),
    "wait": ("wait-back", "back"),
    "run": ("run-back",),
    "good": ("good-back", "panel"),
    "bad": ("bad-back", "panel"),
    "on-mark": ("mark",),
    "on-button": ("button",),
}


def test_all_texts_have_enough_contrast_in_light_and_dark() -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1."""
    css = (FILES / "base.css").read_text().partition("*, ::before")[0]
    schemes = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", part)) for part in css.split("@media", 1)]
    assert len(schemes) == 2
    for scheme in schemes:
        for text, grounds in GROUNDS.items():
            for ground in grounds:
                low, high = sorted(_luminance(scheme[name]) for name in (text, ground))
                assert (high + 0.05) / (low + 0.05) >= 4.5, (text, ground, scheme)


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
