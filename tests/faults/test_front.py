"""Requests as they come over a connection: in pieces, several at once, malformed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.live import JOB_FIELDS, PASSWORD, USER, Api, LiveServer, make_zip, new_jid
from support.raw import Raw

LOGIN = json.dumps({"pfcon_user": USER, "pfcon_password": PASSWORD}).encode()
POST_LOGIN = b"POST /api/v1/auth-token/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
HEALTH = b"GET /api/v1/health/ HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """One for all of them."""
    storebase: Path = tmp_path_factory.mktemp("front") / "storeBase"
    storebase.mkdir()
    with LiveServer(storebase, {"PFCON_WORKERS": "1", "PFCON_THREADS": "8"}) as live:
        yield live


@pytest.fixture(scope="module")
def api(server: LiveServer) -> Api:
    """A logged-in client."""
    return Api(server.url)


@pytest.fixture
def raw(server: LiveServer) -> Iterator[Raw]:
    """A connection."""
    with Raw(server.port) as connection:
        yield connection


def chunks(body: bytes, size: int) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def with_length(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


@pytest.mark.parametrize(
    "body", [with_length(LOGIN), CHUNKED + chunks(LOGIN, 1), CHUNKED + chunks(LOGIN, 7)[:-2] + b"X-After: 1\r\n\r\n"]
)
@pytest.mark.parametrize("size", [1, 3, 10_000])
def test_a_request_in_pieces_arrives_whole(raw: Raw, body: bytes, size: int) -> None:
    raw.send_in_pieces(POST_LOGIN + body, size, 0.001)
    assert raw.answer().json()["token"]


def test_requests_on_a_kept_connection_are_answered_one_after_the_other(raw: Raw) -> None:
    for _ in range(5):
        assert raw.send(HEALTH).answer().json() == {"health": "OK"}
        assert raw.send(POST_LOGIN + with_length(LOGIN)).answer().json()["token"]


def test_requests_that_are_sent_at_once_are_answered_in_order(raw: Raw) -> None:
    login, chunked = POST_LOGIN + with_length(LOGIN), POST_LOGIN + CHUNKED + chunks(LOGIN, 5)
    missing = HEALTH.replace(b"health", b"nothing")
    raw.send((HEALTH + login + missing + chunked) * 20)
    for _ in range(20):
        assert raw.answer().json() == {"health": "OK"}
        assert raw.answer().json()["token"]
        assert raw.answer().status == 404
        assert raw.answer().json()["token"]


def test_what_was_sent_after_a_request_that_ends_the_connection_is_not_answered(raw: Raw) -> None:
    raw.send(HEALTH.replace(b"Host", b"Connection: close\r\nHost") + HEALTH)
    assert raw.answer().status == 200
    assert raw.is_closed()


def test_a_client_that_waits_for_leave_to_send_its_body_gets_it_once(raw: Raw) -> None:
    raw.send(POST_LOGIN + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(LOGIN))
    assert raw.head()[0] == 100
    raw.send(LOGIN)
    assert raw.answer().json()["token"]


def test_an_upload_that_waits_for_leave_gets_it_only_with_a_token(raw: Raw, server: LiveServer, api: Api) -> None:
    head = b"POST /api/v1/jobs/ HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    head += b"Expect: 100-continue\r\nContent-Length: 50000000\r\n"
    assert raw.send(head + b"\r\n").answer().message() == "Missing authorization header."
    assert raw.is_closed()
    with Raw(server.port) as other:
        other.send(head + f"Authorization: {api.headers['Authorization']}\r\n\r\n".encode())
        assert other.head()[0] == 100


@pytest.mark.parametrize("resource", ["jobs", "copyjobs", "pluginjobs", "uploadjobs", "deletejobs"])
@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("", "Missing authorization header."),
        ("Authorization: Bearer initial_token\r\n", "Invalid authorization token."),
        ("Authorization: Basic eA==\r\n", "Invalid authorization header."),
    ],
)
def test_a_body_without_a_valid_token_is_refused_unread(raw: Raw, resource: str, field: str, message: str) -> None:
    raw.send(f"POST /api/v1/{resource}/ HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n")
    answer = raw.send(f"{field}Content-Length: 1000000000\r\n\r\n--b\r\n").answer()
    assert (answer.status, answer.message(), answer.headers["connection"]) == (401, message, "close")


def test_a_refused_upload_gets_its_answer_though_it_sends_on(raw: Raw) -> None:
    raw.send(b"POST /api/v1/jobs/ HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n")
    raw.send(b"Content-Length: 30000000\r\n\r\n" + b"x" * 30_000_000)
    assert raw.answer().status == 401


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"GET / HTTP/1.1\n\n", 400),
        (b"\x16\x03\x01\x02\x00\n", 400),
        (b"\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA b: c\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400),
        (b"GET /" + b"x" * 5000, 414),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * 9000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"A%d: x\r\n" % n for n in range(200)) + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000, 431),
        (b"GET / HTTP/1.1\r\nExpect: a miracle\r\n\r\n", 417),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: brotli\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", 400),
        (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (POST_LOGIN + CHUNKED + b"x\r\n", 400),
        (POST_LOGIN + CHUNKED + b"-1\r\n\r\n", 400),
        (POST_LOGIN + CHUNKED + b"0x5\r\nhello\r\n", 400),
        (POST_LOGIN + CHUNKED + b"5\r\nhello!\r\n", 400),
        (POST_LOGIN + CHUNKED + b"5;a=\x00\r\nhello\r\n", 400),
        (POST_LOGIN + CHUNKED + b"0" * 300, 400),
        (POST_LOGIN + CHUNKED + b"ffffff\r\n", 413),
        (POST_LOGIN + b"Content-Length: 65537\r\n\r\n", 413),
    ],
)
def test_what_never_reaches_the_application_is_answered_as_json(raw: Raw, sent: bytes, status: int) -> None:
    answer = raw.send(sent).answer()
    assert (answer.status, bool(answer.message())) == (status, True)
    assert raw.is_closed()


@pytest.mark.parametrize("framing", [b"Content-Length: 500\r\n\r\n", CHUNKED + b"1f4\r\n"])
def test_a_login_that_is_cut_off_is_refused(raw: Raw, framing: bytes) -> None:
    raw.send(POST_LOGIN + framing + LOGIN).socket.shutdown(1)
    answer = raw.answer()
    assert (answer.status, "cut off" in answer.message()) == (400, True)


@pytest.mark.parametrize("size", [1000, 3_000_000])  # read before a thread is taken; read by a thread
@pytest.mark.parametrize("chunked", [False, True])
def test_an_upload_arrives_intact_and_its_connection_is_kept(raw: Raw, api: Api, size: int, chunked: bool) -> None:
    content = bytes(n * n % 251 for n in range(size))
    fields = {**JOB_FIELDS, "jid": new_jid(), "args": 'cat "$0/a" > "$1/b"'}
    values = [(name, v) for name, value in fields.items() for v in (value if isinstance(value, list) else [value])]
    parts = [f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{v}\r\n' for name, v in values]
    body = "".join(parts).encode() + b'--b\r\nContent-Disposition: form-data; name="data_file"; filename="d"\r\n\r\n'
    body += make_zip({"a": content, "noise": bytes(hash((size, n)) % 256 for n in range(size))}) + b"\r\n--b--\r\n"
    raw.send(f"POST /api/v1/jobs/ HTTP/1.1\r\nHost: x\r\nAuthorization: {api.headers['Authorization']}\r\n")
    raw.send(b"Content-Type: multipart/form-data; boundary=b\r\n")
    raw.send(CHUNKED + chunks(body, 50_000) if chunked else with_length(body))
    answer = raw.answer()
    assert answer.status == 201, answer
    assert raw.send(HEALTH).answer().status == 200
    assert api.wait(str(fields["jid"]))["status"] == "finishedSuccessfully"
    assert api.unzip(str(fields["jid"]))["b"] == content


def test_a_malformed_chunk_of_an_upload_is_refused(raw: Raw, api: Api) -> None:
    raw.send(f"POST /api/v1/jobs/ HTTP/1.1\r\nHost: x\r\nAuthorization: {api.headers['Authorization']}\r\n")
    raw.send(b"Content-Type: multipart/form-data; boundary=b\r\n" + CHUNKED + b"5\r\n--b\r\n\r\nzzz\r\n")
    answer = raw.answer()
    assert (answer.status, "malformed" in answer.message()) == (400, True)
    assert raw.is_closed()


def test_a_form_with_a_token_may_be_chunked(raw: Raw, api: Api) -> None:
    raw.send(f"POST /api/v1/deletejobs/ HTTP/1.1\r\nHost: x\r\nAuthorization: {api.headers['Authorization']}\r\n")
    raw.send(b"Content-Type: application/x-www-form-urlencoded\r\n" + CHUNKED)
    answer = raw.send_in_pieces(chunks(f"jid={new_jid()}".encode(), 2), 3).answer()
    assert (answer.status, answer.json()["compute"]["message"]) == (201, "deleteSkipped")
