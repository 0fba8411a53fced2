"""What no honest client sends, and storeBase away: a clear answer in JSON, never a 500."""

import contextlib
import json
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from support.live import JOB_FIELDS, Api, LiveServer, make_zip, new_jid

from pfcon.testing.waiting import PATIENCE

COPY = {"input_dirs": "home/in", "output_dir": "home/out"}


def refused(answer: requests.Response, *statuses: int) -> str:
    assert answer.status_code in statuses, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json().keys() == {"message"}
    return str(answer.json()["message"])


@pytest.fixture(scope="module")
def linked() -> Iterator[LiveServer]:
    """A server whose users' files lie in storeBase, with some."""
    with tempfile.TemporaryDirectory(prefix="pfcon-api-", ignore_cleanup_errors=True) as name:
        storebase = Path(name, "storeBase")
        (storebase / "home" / "in").mkdir(parents=True)
        (storebase / "home" / "in" / "a.txt").write_text("alpha")
        with LiveServer(storebase, {"PFCON_INNETWORK": "true", "STORAGE_ENV": "filesystem"}) as live:
            yield live


@pytest.mark.parametrize(
    "body",
    [
        *(b"[" * 60_000, b'{"a":' * 10_000, b'{"pfcon_user": ' + b"9" * 10_000 + b"}", b"\xff\xfe[\x00"),
        *(b'{"pfcon_user": NaN}', b'"\\ud800"', b"[" * 32_000 + b"]" * 32_000),
    ],
    ids=["arrays", "objects", "digits", "UTF-16", "NaN", "half a pair", "closed arrays"],
)
def test_hostile_json_is_refused(server: LiveServer, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    refused(requests.post(server.url + "auth-token/", data=body, headers=headers, timeout=PATIENCE), 400)


def test_credentials_that_are_no_text_are_wrong_ones(server: LiveServer) -> None:
    body = json.dumps({"pfcon_user": "\ud800", "pfcon_password": "\udfff"})
    headers = {"Content-Type": "application/json"}
    answer = requests.post(server.url + "auth-token/", data=body, headers=headers, timeout=PATIENCE)
    assert refused(answer, 400) == "Unable to log in with provided credentials."


def test_credentials_that_are_too_long_are_not_read(server: LiveServer) -> None:
    headers = {"Content-Type": "application/json"}
    body = json.dumps({"pfcon_user": "x" * 70_000})
    refused(requests.post(server.url + "auth-token/", data=body, headers=headers, timeout=PATIENCE), 413)


def exchange(server: LiveServer, request: bytes) -> tuple[int, Any]:
    """Send bytes and read one answer: its status, and its body as JSON."""
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as connection:
        connection.sendall(request)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


@pytest.mark.parametrize("path", ["auth-token/", "copyjobs/"])
@pytest.mark.parametrize(
    "chunks",
    [
        b"zz\r\nabc\r\n0\r\n\r\n",
        b"-1\r\n\r\n",
        b"5\r\nabcdeXX0\r\n\r\n",
        b"3;\x01\r\nabc\r\n0\r\n\r\n",
        b"1\r\na\r\n0\r\n\x00: 1\r\n\r\n",
    ],
    ids=["no number", "negative", "no end", "extension", "trailer"],
)
def test_malformed_chunks_are_refused(server: LiveServer, api: Api, path: str, chunks: bytes) -> None:
    kind = b"application/json" if path == "auth-token/" else b"application/x-www-form-urlencoded"
    head = (
        f"POST /api/v1/{path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
        f"Authorization: {api.headers['Authorization']}\r\nContent-Type: "
    ).encode()
    status, body = exchange(server, head + kind + b"\r\n\r\n" + chunks)
    assert (status, body.keys()) == (400, {"message"})


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "jobs//x"), ("GET", "jobs"), ("POST", "copyjobs"), ("DELETE", "jobs//x//")]
)
def test_a_redirection_says_where_to_in_json_too(server: LiveServer, api: Api, method: str, path: str) -> None:
    answer = requests.request(method, server.url + path, headers=api.headers, timeout=PATIENCE, allow_redirects=False)
    target = answer.headers["Location"]
    assert target == server.url + path.replace("//", "/").rstrip("/") + "/"
    assert target in refused(answer, 308)


@pytest.mark.parametrize(("method", "path"), [("DELETE", "deletejobs//"), ("POST", "copyjobs//x//"), ("PUT", "jobs//")])
def test_a_method_that_is_not_there_is_told_before_a_redirection(
    server: LiveServer, api: Api, method: str, path: str
) -> None:
    answer = requests.request(method, server.url + path, headers=api.headers, timeout=PATIENCE, allow_redirects=False)
    refused(answer, 405)


@pytest.mark.parametrize("name", ["n" * 300, "n/" * 1500, "é" * 200, "a%00b", "%ff%fe", "%ed%a0%80", "a/../b", "%0a"])
def test_a_name_that_no_file_system_takes_is_refused(linked: LiveServer, name: str) -> None:
    api, jid = Api(linked.url), new_jid()
    fields = {**JOB_FIELDS, **COPY, "jid": jid, "entrypoint": ["true"]}
    assert api.post("jobs/", fields).status_code == 201
    api.wait(jid)
    refused(api.get(f"jobs/{jid}/file/?job_output_path=home/out/{name}"), 400, 404)
    assert api.get(f"jobs/{jid}/file/?job_output_path=home/out").status_code == 200
    refused(api.post("jobs/", {**fields, "jid": new_jid(), "output_dir": "home/" + "n" * 300}), 400)


STORAGES = {
    "zipfile": {},
    **{name: {"PFCON_INNETWORK": "true", "STORAGE_ENV": name} for name in ("filesystem", "fslink")},
}


@pytest.mark.parametrize("storage", STORAGES)
def test_while_storebase_is_away_everything_is_unreachable_and_nothing_is_lost(tmp_path: Path, storage: str) -> None:
    storebase = tmp_path / "storeBase"
    (storebase / "home" / "in").mkdir(parents=True)
    (storebase / "home" / "in" / "a.txt").write_text("alpha")
    fields = {**JOB_FIELDS, "jid": new_jid(), "entrypoint": ["true"], **(COPY if STORAGES[storage] else {})}
    upload = None if STORAGES[storage] else make_zip({"a.txt": "alpha"})
    done = fields["jid"]
    with LiveServer(storebase, STORAGES[storage]) as server:
        api = Api(server.url)
        for jid in (done, deleted := new_jid()):
            assert api.post("jobs/", {**fields, "jid": jid}, upload).status_code == 201
            api.wait(jid)
        storebase.rename(tmp_path / "elsewhere")
        answers = [api.post("jobs/", {**fields, "jid": new_jid()}, upload), api.delete(f"jobs/{deleted}/")]
        answers += [
            api.get(f"{kind}jobs/{name}/file/?job_output_path=home/out")
            for kind in ("", "plugin")
            for name in (done, new_jid())
        ]
        answers += [
            api.get(f"{kind}/{new_jid()}/") for kind in ("jobs", "copyjobs", "pluginjobs", "uploadjobs", "deletejobs")
        ]
        answers.append(api.post("deletejobs/", {"jid": done}))
        if storage == "fslink":
            answers.append(api.post("copyjobs/", {**COPY, "jid": new_jid()}))
        told = [
            (
                answer.request.method,
                answer.url.removeprefix(server.url),
                refused(answer, *range(400, 600)),
                answer.status_code,
            )
            for answer in answers
        ]
        assert [line for line in told if line[-1] != 503] == []
        assert not storebase.exists()
        (tmp_path / "elsewhere").rename(storebase)
        assert api.get(f"jobs/{done}/").json()["compute"]["status"] == "finishedSuccessfully"
        assert api.get(f"jobs/{done}/file/?job_output_path=home/out").status_code == 200
