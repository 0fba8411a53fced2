"""The page that shows the OpenAPI document: all of it, without scripts, and with nothing from elsewhere."""

import json
import re
from html.parser import HTMLParser

import pytest
from flask.testing import FlaskClient
from support.described import blank_app

from pfcon.api.openapi.document import document_text
from pfcon.app import create_app
from pfcon.configuration import load

VOID = {"meta", "link"}


class Seen(HTMLParser):
    """What a page has. Fails for elements that are not closed in their order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See HTMLParser."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """See HTMLParser."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """See HTMLParser."""
        self.texts += data

    def values(self, name: str) -> list[str]:
        """All values of an attribute."""
        return [value for _, attributes in self.tags if (value := attributes.get(name)) is not None]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    """A client of an application that has not started anything."""
    storebase = str(tmp_path_factory.mktemp("storeBase"))
    environ = {"APPLICATION_MODE": "development", "CONTAINER_ENV": "process", "STOREBASE_MOUNT": storebase}
    return create_app(load(environ)).test_client()


@pytest.fixture(scope="module")
def page(client: FlaskClient) -> Seen:
    """The page."""
    return Seen(client.get("/api/v1/docs/").text)


DOCUMENT = json.loads(document_text(blank_app()))


def test_it_has_every_operation_field_status_and_object(page: Seen) -> None:
    ids = set(page.values("id"))
    for path, item in DOCUMENT["paths"].items():
        assert path in page.texts
        for method, operation in item.items():
            if method != "parameters":
                assert operation["operationId"] in ids
                assert operation["summary"] in page.texts
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert f"schema-{name}" in ids
        for key, value in schema["properties"].items():
            assert key in page.texts
            assert value.get("description", "") in page.texts
    form = DOCUMENT["paths"]["/api/v1/jobs/"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    for value in form["properties"].values():
        assert value["description"] in page.texts
    assert "integer, 1 to 2147483647, default 1000" in page.texts
    assert "409" in page.texts


def test_it_runs_nothing_and_loads_nothing_but_its_style(page: Seen, client: FlaskClient) -> None:
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "iframe", "img", "object", "embed", "form", "style", "base"}
    assert page.values("style") == []
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    loaded = [attributes["href"] for tag, attributes in page.tags if tag == "link"]
    assert loaded == ["style.css"]
    assert [link for link in page.values("href") if not link.startswith("#")] == ["style.css", "../openapi.json"]
    css = client.get("/api/v1/docs/style.css").text
    assert not re.search(r"url\(|@import|expression", css)


def test_every_link_within_it_leads_somewhere(page: Seen) -> None:
    ids = page.values("id")
    assert len(ids) > 50
    assert len(set(ids)) == len(ids)
    assert {link[1:] for link in page.values("href") if link.startswith("#")} <= set(ids)


def test_it_can_be_read_with_a_screen_reader(page: Seen) -> None:
    """A language, one heading of the first level, landmarks, tables whose headers have a scope and that have a name."""
    names = [tag for tag, _ in page.tags]
    assert dict(page.tags)["html"] == {"lang": "en"}
    assert [names.count(tag) for tag in ("h1", "main", "nav", "header", "title")] == [1] * 5
    assert names.count("caption") == names.count("table")
    assert all("scope" in attributes for tag, attributes in page.tags if tag == "th")
    assert all(attributes.get("aria-label") for _, attributes in page.tags if attributes.get("role") == "region")


@pytest.mark.parametrize("path", ["docs/", "docs/style.css"])
def test_its_policy_lets_browsers_run_and_load_nothing_else(client: FlaskClient, path: str) -> None:
    headers = client.get(f"/api/v1/{path}").headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";"))
    assert policy.pop("style-src") == "'self'"
    assert policy == dict.fromkeys(("default-src", "base-uri", "form-action", "frame-ancestors"), "'none'")
    assert headers["X-Content-Type-Options"] == "nosniff"


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_all_texts_have_enough_contrast_in_light_and_dark(client: FlaskClient) -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1."""
    css = client.get("/api/v1/docs/style.css").text
    schemes = [dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", part)) for part in css.split("@media", 1)]
    assert len(schemes) == 2
    for scheme in schemes:
        for text in ("text", "soft", "link", "mark"):
            for ground in ("back", "panel"):
                low, high = sorted(_luminance(scheme[name]) for name in (text, ground))
                assert (high + 0.05) / (low + 0.05) >= 4.5, (text, ground, scheme)
