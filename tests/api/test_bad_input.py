"""Bad input gets a clear 4xx, and leaves nothing on disk and nothing scheduled."""

import io
import socket
import stat
import struct
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from support.live import COPY_ALL, JOB_FIELDS, Api, LiveServer, make_zip, new_jid

from pfcon.testing.waiting import PATIENCE, eventually

GOOD = make_zip({"a.txt": "alpha"})


@pytest.fixture
def untouched(server: LiveServer) -> Iterator[None]:
    """Fails when the test leaves anything on disk or a job on the engine."""
    before = _left(server.storebase)
    yield
    # Discarded data is out of storeBase at once, and off the disk soon.
    assert eventually(lambda: not _left(server.storebase) - before), _left(server.storebase) - before


def _left(storebase: Path) -> set[str]:
    jobs = {str(path) for path in storebase.glob("key-*/**/*")} | {str(path) for path in storebase.glob("key-*")}
    own = {str(path) for name in ("spool", "trash", "process") for path in (storebase / ".pfcon" / name).glob("*")}
    return jobs | own


def refused(answer: requests.Response, status: int, *texts: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json().keys() == {"message"}
    for text in texts:
        assert text in answer.text
    assert "Traceback" not in answer.text


def raw_zip(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    """A zip with members exactly as given."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for info, content in members:
            archive.writestr(info, content)
    return buffer.getvalue()


def special(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info


def duplicate() -> bytes:
    one = raw_zip(("x1", b"one"), ("x2", b"two"))
    return one.replace(b"x2", b"x1")


def bad_utf8() -> bytes:
    return raw_zip(("né.txt", b"x")).replace("né.txt".encode(), b"n\xff\xfe.txt")


EVIL = {
    "truncated": (GOOD[:-30], 400, "Bad zip file"),
    "no zip": (b"hello", 400, "Bad zip file"),
    "empty": (b"", 400, "Bad zip file"),
    "damaged data": (
        GOOD.replace(b"alpha", b"alphb") if b"alpha" in GOOD else GOOD[:40] + b"\0\0" + GOOD[42:],
        400,
        "",
    ),
    "bomb": (make_zip({"zeros": b"\0" * 300 * 1024 * 1024}), 413, "PFCON_MAX_RATIO"),
    "too much": (make_zip({f"z{n}": b"\0" * 1024 * 1024 * 60 for n in range(7)}), 413, "PFCON_MAX_UNPACKED_BYTES"),
    "too many": (make_zip({f"f{n}": "" for n in range(1001)}), 413, "1001"),
    "parent": (raw_zip(("../evil", b"x")), 400, "../evil"),
    "hidden parent": (raw_zip(("a/../../evil", b"x")), 400, "evil"),
    "absolute": (raw_zip(("/etc/evil", b"x")), 400, "/etc/evil"),
    "symlink": (raw_zip((special("link", stat.S_IFLNK | 0o777), b"/etc/passwd")), 400, "link"),
    "device": (raw_zip((special("dev", stat.S_IFCHR | 0o666), b"")), 400, "dev"),
    "duplicate": (duplicate(), 400, "x1"),
    "file and directory": (raw_zip(("a", b"x"), ("a/b", b"y")), 400, "a"),
    "non-UTF-8 name": (bad_utf8(), 400, "UTF-8"),
    "long name": (raw_zip(("n" * 300, b"x")), 400, "255"),
    "link out of the zip": (raw_zip(("l.chrislink", b"../../etc")), 400, "../../etc"),
    "absolute link": (raw_zip(("l.chrislink", b"/etc")), 400, "/etc"),
}


@pytest.mark.parametrize("name", EVIL)
@pytest.mark.usefixtures("untouched")
def test_an_evil_zip_is_refused(api: Api, name: str) -> None:
    content, status, text = EVIL[name]
    jid = new_jid()
    refused(api.submit(jid, COPY_ALL, content), status, text)
    assert api.get(f"jobs/{jid}/").status_code == 404


@pytest.mark.parametrize(
    "jid", ["a/b", "..", "../x", "a..b", "x" * 300, "", "-x", ".x", "a b", "é", "a\nb", "a\x00b", "//x"]
)
@pytest.mark.usefixtures("untouched")
def test_a_bad_jid_is_refused(api: Api, jid: str) -> None:
    refused(api.submit(jid, COPY_ALL, GOOD), 400, "jid")


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("cpu_limit", "many", "integer"),
        ("cpu_limit", "-1", "integer"),
        ("cpu_limit", "0", "integer"),
        ("memory_limit", "1e3", "integer"),
        ("memory_limit", "99999999999999999999", "integer"),
        ("gpu_limit", "", "cannot be empty"),
        ("number_of_workers", "0", "integer"),
        ("time_limit", "", "cannot be empty"),
        ("time_limit", "an hour", "integer"),
        ("time_limit", "0", "integer from 1 to 60 minutes (TIMELIMIT_MINUTES)"),
        ("time_limit", "61", "integer from 1 to 60 minutes (TIMELIMIT_MINUTES)"),
        ("type", "xs", "must be one of"),
        ("entrypoint", "", "entrypoint: cannot be empty"),
        ("env", "novalue", 'env: must be a list of \\"key=value\\" strings'),
        ("env", "=x", "key=value"),
        ("auid", "", "cannot be empty"),
        ("image", "", "cannot be empty"),
        ("args", "a\x00b", "NUL"),
        ("args", b"\xff\xfe", "UTF-8"),
    ],
)
@pytest.mark.usefixtures("untouched")
def test_a_malformed_field_is_named(api: Api, field: str, value: Any, text: str) -> None:
    refused(api.post("jobs/", {**JOB_FIELDS, "jid": new_jid(), field: value}, GOOD), 400, field, text)


@pytest.mark.usefixtures("untouched")
def test_all_faulty_fields_are_told_at_once(api: Api) -> None:
    answer = api.post("jobs/", {"cpu_limit": "x"}, GOOD)
    refused(answer, 400)
    required = {"jid", "image", "entrypoint", "type", "auid", "number_of_workers", "memory_limit", "gpu_limit"}
    assert answer.json()["message"].keys() == required | {"cpu_limit"}


@pytest.mark.usefixtures("untouched")
def test_a_missing_zip_is_told(api: Api) -> None:
    refused(api.submit(new_jid(), COPY_ALL, None), 400, "data_file: field is required")
    answer = api.post("jobs/", {"jid": "x"}, None)
    assert answer.json()["message"]["data_file"] == "field is required"


@pytest.mark.usefixtures("untouched")
def test_two_zips_are_one_too_many(api: Api, server: LiveServer) -> None:
    files = [("data_file", GOOD), ("data_file", GOOD)]
    answer = requests.post(server.url + "jobs/", data=JOB_FIELDS, files=files, headers=api.headers, timeout=PATIENCE)
    refused(answer, 400, "data_file", "once")


@pytest.mark.usefixtures("untouched")
def test_a_wrong_content_type_is_unsupported(api: Api, server: LiveServer) -> None:
    answer = requests.post(server.url + "jobs/", json=JOB_FIELDS, headers=api.headers, timeout=PATIENCE)
    refused(answer, 415, "multipart/form-data", "application/json")


@pytest.mark.parametrize("boundary", ["", "; boundary=", "; boundary=zzz"])
@pytest.mark.usefixtures("untouched")
def test_a_malformed_multipart_body_is_refused(api: Api, server: LiveServer, boundary: str) -> None:
    headers = {**api.headers, "Content-Type": "multipart/form-data" + boundary}
    refused(requests.post(server.url + "jobs/", data=b"--x\r\n", headers=headers, timeout=PATIENCE), 400, "multipart")


@pytest.mark.usefixtures("untouched")
def test_a_form_with_too_much_text_is_too_large(api: Api) -> None:
    fields = {"args": ["x" * 210 * 1024]}
    refused(api.post("jobs/", fields, GOOD), 413, "PFCON_MAX_FORM_BYTES")
    refused(api.post("jobs/", fields), 413, "PFCON_MAX_FORM_BYTES")


@pytest.mark.usefixtures("untouched")
def test_an_upload_above_the_limit_is_refused_with_the_number(api: Api) -> None:
    refused(api.submit(new_jid(), COPY_ALL, b"x" * 22 * 1024 * 1024), 413, "PFCON_MAX_UPLOAD_BYTES", "20971520")


@pytest.mark.usefixtures("untouched")
def test_what_the_engine_can_t_give_is_refused(api: Api) -> None:
    refused(api.submit(new_jid(), COPY_ALL, GOOD, gpu_limit=1), 400, "gpu_limit")


def _post_cut_off(server: LiveServer, api: Api, keep: float, announce: int) -> bytes:
    request = requests.Request(
        "POST", server.url + "jobs/", data={**JOB_FIELDS, "jid": new_jid()}, files={"data_file": GOOD * 10}
    ).prepare()
    body = request.body
    assert isinstance(body, bytes)
    head = (
        f"POST /api/v1/jobs/ HTTP/1.1\r\nHost: x\r\nAuthorization: {api.headers['Authorization']}\r\n"
        f"Content-Type: {request.headers['Content-Type']}\r\nContent-Length: {len(body) + announce}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.sendall(head.encode() + body[: int(len(body) * keep)])
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answer:
            return answer.read()


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
@pytest.mark.usefixtures("untouched")
def test_a_body_that_is_cut_off_is_refused(server: LiveServer, api: Api, keep: float) -> None:
    answer = _post_cut_off(server, api, keep, 0)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"message"' in answer


@pytest.mark.usefixtures("untouched")
def test_a_client_that_vanishes_in_the_middle_leaves_nothing(server: LiveServer, api: Api) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        head = (
            f"POST /api/v1/jobs/ HTTP/1.1\r\nHost: x\r\nAuthorization: {api.headers['Authorization']}\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n"
            '--b\r\nContent-Disposition: form-data; name="data_file"; filename="d"\r\n\r\n' + "x" * 100_000
        )
        connection.sendall(head.encode())
        time.sleep(0.2)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset on close
    assert requests.get(server.url + "health/", timeout=PATIENCE).status_code == 200
