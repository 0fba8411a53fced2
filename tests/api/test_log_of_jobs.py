"""A job's jid finds all lines of it in the log of a live service: also of requests that fail, or are cut off."""

import json
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.live import Api, LiveServer, make_zip, new_jid

from pfcon.testing.waiting import PATIENCE, eventually


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """A server that logs each request."""
    with tempfile.TemporaryDirectory(prefix="pfcon-api-", ignore_cleanup_errors=True) as name:
        storebase = Path(name, "storeBase")
        storebase.mkdir()
        with LiveServer(storebase, {"PFCON_LOG_FORMAT": "json", "PFCON_LOG_LEVEL": "debug"}) as live:
            yield live


def lines(server: LiveServer, text: str) -> list[dict[str, Any]]:
    """The lines that have a text anywhere."""
    return [json.loads(line) for line in server.log_path.read_text().splitlines() if text in line]


def of_request(server: LiveServer, request_id: str) -> dict[str, Any]:
    """The line of a request."""
    found = [line for line in lines(server, request_id) if line["message"].startswith("request")]
    assert len(found) == 1
    return found[0]


ABSENT = [
    ("GET", "jobs/{}/", "plugin"),
    ("DELETE", "jobs/{}/", "plugin"),
    ("GET", "jobs/{}/file/", "plugin"),
    ("GET", "jobs/{}/logs/", "plugin"),
    ("GET", "copyjobs/{}/logs/?follow", "copy"),
    ("POST", "uploadjobs/{}/cancel/", "upload"),
    ("GET", "deletejobs/{}/", "delete"),
    ("DELETE", "copyjobs/{}/", "copy"),
    ("GET", "pluginjobs/{}/file/", "plugin"),
    ("GET", "pluginjobs/{}/outputs/", "plugin"),
    ("GET", "records/{}/", None),
]


@pytest.mark.parametrize(("method", "path", "kind"), ABSENT)
def test_the_line_of_a_request_for_a_job_has_its_jid_and_kind(
    server: LiveServer, method: str, path: str, kind: str | None
) -> None:
    api, jid = Api(server.url), new_jid()
    path = path.format(jid)
    answer = api.post(path, {}) if method == "POST" else api.delete(path) if method == "DELETE" else api.get(path)
    line = of_request(server, answer.headers["X-Request-ID"])
    assert (line["jid"], line.get("kind")) == (jid, kind)


@pytest.mark.parametrize("fields", [{}, {"cpu_limit": "-1", "output_dir": ""}], ids=["good", "refused"])
@pytest.mark.parametrize("kind", ["plugin", "copy", "upload", "delete"])
def test_the_line_of_a_post_has_the_jid_of_its_form(server: LiveServer, kind: str, fields: dict[str, str]) -> None:
    api, jid = Api(server.url), new_jid()
    paths = {"copy": {"input_dirs": "a", "output_dir": "b"}, "upload": {"job_output_path": "b"}}
    if kind == "plugin":
        answer = api.submit(jid, "true", make_zip({"a": b"x"}), **fields)
    else:
        answer = api.post(f"{kind}jobs/", {"jid": jid, **paths.get(kind, {}), **fields})
    assert answer.status_code == 400 if fields else answer.status_code in (201, 404)
    line = of_request(server, answer.headers["X-Request-ID"])
    assert (line["jid"], line["kind"]) == (jid, kind)


def test_all_lines_of_a_job_are_found_by_its_jid(server: LiveServer) -> None:
    """From its POST to its removal."""
    api, jid = Api(server.url), new_jid()
    assert api.submit(jid, "echo hello; exit 3", make_zip({"a": b"x"})).ok
    assert "event: end" in api.get(f"pluginjobs/{jid}/logs/?follow").text
    assert api.get(f"jobs/{jid}/file/").ok
    assert api.post(f"jobs/{jid}/cancel/", {}).ok
    assert api.delete(f"jobs/{jid}/").ok
    assert eventually(lambda: any(line.get("status") == "removed" for line in lines(server, jid)))
    assert [line for line in lines(server, jid) if line.get("jid") != jid] == []


def test_a_download_that_is_cut_off_is_found_by_the_jid(server: LiveServer) -> None:
    """The server has no part of the job in its words then: only the address of the client."""
    api, jid = Api(server.url), new_jid()
    assert api.submit(jid, 'head -c 30000000 /dev/urandom > "$1"/a', make_zip({"a": b"x"})).ok
    assert api.wait(jid)["status"] == "finishedSuccessfully"
    head = f"GET /api/v1/jobs/{jid}/file/ HTTP/1.1\r\nHost: x\r\nAuthorization: {api.headers['Authorization']}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as connection:
        connection.sendall(head.encode())
        assert connection.recv(1000)
    assert eventually(
        lambda: [line for line in lines(server, jid) if "ended early" in line["message"] and (line["kind"] == "plugin")]
    )
