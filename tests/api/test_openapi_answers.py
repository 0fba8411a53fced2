"""Answers of a live service are as the OpenAPI document says: of each kind of resource, right ones and errors."""

import json
from typing import Any

import pytest
import requests
from support.described import Described
from support.live import COPY_ALL, JOB_FIELDS, PASSWORD, USER, Api, LiveServer, make_zip, new_jid

from pfcon.api.answers import EVENTS, LOG_EVENTS
from pfcon.api.openapi.schemas import Schemas
from pfcon.testing.waiting import PATIENCE, eventually

OPERATION = {"cpu_limit": 1000, "memory_limit": 200}


class Checked:
    """Requests, each of whose answers is checked. ``seen``: methods, paths of the document and statuses."""

    def __init__(self, server: LiveServer, token: dict[str, str]) -> None:
        self.described = Described()
        self._base = f"http://127.0.0.1:{server.port}"
        self._token = token

    def __call__(self, method: str, path: str, status: int, **options: Any) -> requests.Response:
        """One request below /api/v1/, or of an absolute path, and its status."""
        whole = path if path.startswith("/") else f"/api/v1/{path}"
        headers = {**self._token, **options.pop("headers", {})}
        answer = requests.request(method, self._base + whole, headers=headers, timeout=PATIENCE, **options)
        assert answer.status_code == status, answer.text
        self.described.check_answer(
            method, whole.partition("?")[0], status, answer.headers, b"" if method == "HEAD" else answer.content
        )
        return answer


@pytest.fixture(scope="module")
def request_(server: LiveServer, api: Api) -> Checked:
    """Requests with a token."""
    return Checked(server, api.headers)


def _job(jid: str, **fields: Any) -> dict[str, Any]:
    return {"data": {**JOB_FIELDS, "args": [COPY_ALL], "jid": jid, **fields}}


def test_the_service_itself(request_: Checked, server: LiveServer) -> None:
    def is_ready() -> bool:
        return requests.get(server.url + "ready/", timeout=PATIENCE).status_code == 200

    assert eventually(lambda: all(is_ready() for _ in range(10)))  # also the process that has started last
    paths = ("health/", "ready/", "ready/traffic/", "openapi.json", "docs/", "docs/style.css", "/metrics", "/")
    for path in (*paths, "/page/main.js"):
        request_("GET", path, 200, headers={})
        request_("HEAD", path, 200)
    assert request_("GET", "openapi.json", 200).json() == request_.described.document


def test_logins(request_: Checked, server: LiveServer) -> None:
    request_("POST", "auth-token/", 200, json={"pfcon_user": USER, "pfcon_password": PASSWORD})
    request_("POST", "auth-token/", 400, json={"pfcon_user": USER, "pfcon_password": "wrong"})
    request_("POST", "auth-token/", 400, json={})
    request_("POST", "auth-token/", 415, data={"pfcon_user": USER})
    request_("POST", "auth-token/", 413, headers={"Content-Type": "application/json"}, data=" " * 70_000)


def test_every_list_and_job_without_a_token(server: LiveServer) -> None:
    described = Described()
    nobody = Checked(server, {})
    for path, item in described.document["paths"].items():
        for method in item.keys() - {"parameters"}:
            if item[method]["security"]:
                nobody(method.upper(), path.replace("{jid}", "j"), 401)


def test_a_job_of_the_synchronous_interface(request_: Checked, api: Api) -> None:
    jid = new_jid()
    upload = {"files": {"data_file": make_zip({"a": b"1"})}}
    request_("GET", "jobs/", 200)
    request_("POST", "jobs/", 201, **_job(jid), **upload)
    request_("POST", "jobs/", 409, **_job(jid, image="another"), **upload)
    request_("GET", f"jobs/{jid}/", 200)
    api.wait(jid)
    assert request_("GET", f"jobs/{jid}/", 200).json()["compute"]["exit_code"] == 0
    request_("POST", f"jobs/{jid}/cancel/", 200)
    assert request_("GET", f"jobs/{jid}/file/", 200).content[:2] == b"PK"
    request_("DELETE", f"jobs/{jid}/", 204)
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "file/"), ("POST", "cancel/")):
        request_(method, f"jobs/{jid}/{path}", 404)
        request_(method, f"jobs/a..b/{path}", 400)


def test_refused_forms(request_: Checked) -> None:
    for path in ("jobs/", "copyjobs/", "pluginjobs/", "uploadjobs/", "deletejobs/"):
        request_("POST", path, 400, data={"jid": "../x"})  # many faults: an object
        request_("POST", path, 415, json={})
    request_("POST", "jobs/", 413, **_job("j", env="A=" + "x" * 300_000), files={"data_file": b"x"})
    request_(
        "POST", "jobs/", 400, **_job("j", type="xy"), files={"data_file": b"x"}
    )  # a single fault: a text or an object


def test_jobs_of_the_staged_interface(request_: Checked, api: Api) -> None:
    jid = new_jid()
    for kind in ("copy", "plugin", "upload", "delete"):
        assert request_("GET", f"{kind}jobs/", 200).json()["requires_copy_job"] is False
        request_("GET", f"{kind}jobs/{jid}/", 404)
        request_("DELETE", f"{kind}jobs/{jid}/", 204)
    copy = {"jid": jid, "input_dirs": ["home/in"], "output_dir": "home/out", **OPERATION}
    request_("POST", "copyjobs/", 201, data=copy)
    request_("POST", "pluginjobs/", 201, **_job(jid), files={"data_file": make_zip({"a": b"1"})})
    api.wait(jid)
    request_("GET", f"pluginjobs/{jid}/", 200)
    assert request_("GET", f"pluginjobs/{jid}/outputs/", 200).json()["files"]
    request_("GET", f"pluginjobs/{new_jid()}/outputs/", 404)
    request_("GET", "counts/", 200)
    request_("POST", "uploadjobs/", 201, data={"jid": jid, "job_output_path": "home/out", **OPERATION})
    assert request_("GET", f"pluginjobs/{jid}/file/", 200).headers["Content-Type"] == "application/zip"
    request_("POST", "deletejobs/", 201, data={"jid": jid, **OPERATION})
    request_("GET", f"deletejobs/{jid}/", 200)
    records = request_("GET", "records/?limit=2", 200).json()
    assert len(records["records"]) == 2
    assert {one["kind"] for one in request_("GET", f"records/{jid}/", 200).json()["records"]} >= {"plugin", "upload"}
    request_("GET", "records/?limit=0&owner=", 400)
    request_("GET", f"records/{new_jid()}/", 404)


def test_events(request_: Checked, api: Api) -> None:
    """Each event of a stream has the keys of its type."""
    jid = new_jid()
    assert api.submit(jid, "true", make_zip({"a": b"1"})).ok
    api.wait(jid)
    request_("GET", "events/?jid=a..b", 400)
    schemas = Schemas()
    found = {name: schemas.of(kind) for name, kind in EVENTS.items()}
    names = set()
    with api.get("events/", params={"last_event_id": 0}, stream=True) as stream:
        name = ""
        for line in stream.iter_lines(decode_unicode=True):
            key, _, value = line.partition(": ")
            if key == "event":
                name = value
            elif key == "data":
                names.add(name)
                request_.described.check_value(found[name], json.loads(value))
                if f'"{jid}"' in value and "finished" in value:
                    break
    assert "job" in names


def test_events_of_a_log(request_: Checked, api: Api) -> None:
    """Each event of a log has the keys of its type, and all of it is described."""
    jid = new_jid()
    assert api.submit(jid, "echo one; exit 3", make_zip({"a": b"1"})).ok
    api.wait(jid)
    lines = request_("GET", f"jobs/{jid}/logs/?follow", 200).text.splitlines()
    request_("GET", f"jobs/{jid}/logs/?follow=maybe", 400)
    request_("GET", f"jobs/{jid}/logs/", 200)
    schemas = Schemas()
    found = {name: schemas.of(kind) for name, kind in LOG_EVENTS.items()}
    names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    assert names == ["status", "log", "end"]
    for name, value in zip(names, data, strict=True):
        request_.described.check_value(found[name], json.loads(value))
    request_("DELETE", f"jobs/{jid}/", 204)


def test_an_answer_that_is_not_described_is_found(request_: Checked) -> None:
    """The checks of this module find a missing key, a further one, another type, status and media type."""
    described, headers = request_.described, {"X-Request-ID": "1", "Content-Type": "application/json"}
    described.check_answer("GET", "/api/v1/health/", 200, headers, b'{"health": "OK"}')
    for status, body in ((200, b"{}"), (200, b'{"health": "OK", "more": 1}'), (200, b'{"health": 1}'), (418, b"{}")):
        with pytest.raises(AssertionError):
            described.check_answer("GET", "/api/v1/health/", status, headers, body)
    with pytest.raises(AssertionError):
        described.check_answer("GET", "/api/v1/health/", 200, {**headers, "Content-Type": "text/html"}, b"OK")
    with pytest.raises(AssertionError):
        described.check_answer("GET", "/api/v1/health/", 200, {"Content-Type": "application/json"}, b'{"health": "OK"}')
