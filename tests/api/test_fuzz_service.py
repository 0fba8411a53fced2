"""Fuzzing over a socket: heads, framing and bodies as only a broken or hostile client sends them, to a real service."""

import contextlib
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from support.fuzzed_texts import rarely, raw
from support.fuzzing import REQUESTS, Fuzzed, Header, check_answer, requests
from support.live import Api, LiveServer

from pfcon.app import create_app
from pfcon.configuration import load
from pfcon.files.removal import remove_tree
from pfcon.testing.waiting import PATIENCE

EACH = REQUESTS // 4
IDLE = 5.0  # seconds for an answer to begin, before the request is ended from this side
MOST = 4 * 2**20  # bytes of an answer


@pytest.fixture(scope="module")
def target() -> Iterator[LiveServer]:
    """A service of its own: wrong logins, and jobs of any name, are not for other tests to meet."""
    with tempfile.TemporaryDirectory(prefix="pfcon-fuzz-", ignore_cleanup_errors=True) as name:
        storebase = Path(name, "storeBase")
        (storebase / "home" / "in").mkdir(parents=True)
        (storebase / "home" / "in" / "a.txt").write_text("alpha")
        settings_ = {"PFCON_INNETWORK": "true", "STORAGE_ENV": "filesystem", "PFCON_MAX_FORM_BYTES": "100KiB"}
        with LiveServer(storebase, settings_) as live:
            yield live
        remove_tree(storebase)


def framings(body: bytes) -> st.SearchStrategy[tuple[tuple[Header, ...], bytes]]:
    """How the body's length is told, rightly or not, and the bytes that are sent for it."""
    size = str(len(body)).encode()
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    coding = (b"Transfer-Encoding", b"chunked")
    lengths = st.one_of(
        st.sampled_from(
            [b"-1", b"abc", b"", b"0x10", b"9" * 30, b"+5", b"5 5", b"1e3", b"\xb2", size + b", " + size, b" 0 "]
        ),
        st.integers(0, 2 * len(body) + 3).map(lambda number: str(number).encode()),
    )
    right = st.sampled_from([(((b"Content-Length", size),), body), ((coding,), chunked)])
    wrong = st.one_of(
        lengths.map(lambda value: (((b"Content-Length", value),), body)),
        st.just((((b"Content-Length", size), coding), chunked)),
        st.just((((b"Content-Length", size), (b"Content-Length", size + b"0")), body)),
        st.sampled_from([b"gzip, chunked", b"chunked, chunked", b"identity", b"xchunked", b"chunked\x0b", b""]).map(
            lambda value: (((b"Transfer-Encoding", value),), chunked)
        ),
        st.one_of(
            raw,
            st.sampled_from(
                [b"zz\r\n", b"-1\r\n", b"5;\x00\r\nabcde\r\n0\r\n\r\n", b"f" * 40 + b"\r\n", b"0\r\nA: b\x00\r\n\r\n"]
            ),
        ).map(lambda value: ((coding,), value)),
        st.just(((), body)),
        st.just((((b"Expect", b"100-continue"), (b"Content-Length", size)), body)),
        st.just((((b"Expect", b"nonsense"), (b"Content-Length", size)), body)),
    )
    return rarely(right, wrong, times=3)


LINE = b"{method} {target} HTTP/1.1\r\n"
heads = st.sampled_from(
    [
        *[LINE] * 24,
        *(
            b"{method} {target} HTTP/1.0\r\n",
            b"{method} {target} HTTP/9.9\r\n",
            b"{method} {target}\r\n",
            b"{method}\r\n",
        ),
        *(b"\r\n" + LINE, b"{method}  {target} HTTP/1.1\r\n", b"{method} {target} http/1.1\n", b"PRI * HTTP/2.0\r\n"),
        *(
            b"{method} http://other:1{target} HTTP/1.1\r\n",
            b"{method} * HTTP/1.1\r\n",
            b"GE\x00T {target} HTTP/1.1\r\n",
        ),
        *(LINE + b"Bad Name: x\r\n", LINE + b": x\r\n", LINE + b" folded: x\r\n", LINE + b"A: b\x00c\r\n"),
        *(LINE + b"A: " + b"a" * 9000 + b"\r\n", LINE + b"A: b\r\n" * 120, b"\x16\x03\x01\x02"),
        b"{method} {target}?" + b"q" * 9000 + b" HTTP/1.1\r\n",
        LINE + b"Upgrade: h2c\r\nConnection: Upgrade\r\n",
    ]
)


def on_the_wire(request: Fuzzed, head: bytes, framing: tuple[tuple[Header, ...], bytes]) -> bytes:
    """The request's bytes; the connection is to be closed after it."""
    first = head.replace(b"{method}", request.method.encode()).replace(b"{target}", request.target)
    headers = (
        request.headers if any(name == b"Host" for name, _ in request.headers) else ((b"Host", b"x"), *request.headers)
    )
    lines = b"".join(b"%b: %b\r\n" % header for header in (*headers, *framing[0], (b"Connection", b"close")))
    return first + lines + b"\r\n" + framing[1]


def answers(server: LiveServer, sent: bytes) -> list[bytes]:
    """What came back, up to the end of the connection. Nothing that is sent keeps it open for ever."""
    with (
        socket.create_connection(("127.0.0.1", server.port), PATIENCE) as connection,
        contextlib.suppress(ConnectionError),
    ):
        received = b""
        try:
            connection.settimeout(IDLE)
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
        except (ConnectionError, TimeoutError):
            pass  # it has heard enough
        connection.settimeout(PATIENCE)
        with contextlib.suppress(ConnectionError):
            while len(received) < MOST and (piece := connection.recv(65536)):
                received += piece
    return [received] if received else []


def dechunk(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        count = int(size, 16)
        if not count:
            break
        whole += body[:count]
        body = body[count + 2 :]
    return whole


def check(request: Fuzzed, received: bytes) -> None:
    """Fail for the first answer that is a server's fault or no JSON; one without a status line is HTTP/0.9's."""
    while received.startswith(b"HTTP/1.1 100"):
        received = received.partition(b"\r\n\r\n")[2]
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
    assert first.startswith(b"HTTP/1."), received[:300]
    if headers.get(b"transfer-encoding") == b"chunked":
        body = dechunk(body)
    elif b"content-length" in headers:
        body = body[: int(headers[b"content-length"])]
    kind = headers.get(b"content-type", b"").decode("latin-1")
    # RFC 9112, 6.1: 501 is the answer to a transfer coding that is not known.
    check_answer(request, int(first.split()[1]), kind, lambda: body, also=(501,))


@pytest.mark.timeout(900 + EACH)
def test_fuzzed_bytes_get_no_server_error_and_the_service_stays_well(target: LiveServer) -> None:
    token = Api(target.url).headers["Authorization"].removeprefix("Bearer ")
    environ = {"APPLICATION_MODE": "development", "CONTAINER_ENV": "process", "STOREBASE_MOUNT": str(target.storebase)}
    app = create_app(load(environ))  # for its routes alone
    drawn = requests(app, token).flatmap(lambda request: st.tuples(st.just(request), heads, framings(request.body)))

    @settings(max_examples=EACH, phases=(Phase.generate,), suppress_health_check=list(HealthCheck), database=None)
    @given(drawn)
    def fuzz(parts: tuple[Fuzzed, bytes, tuple[tuple[Header, ...], bytes]]) -> None:
        sent = on_the_wire(*parts)
        note(repr(sent[:2000]))
        method = "HEAD" if sent.lstrip().startswith(b"HEAD ") else "GET"
        for received in answers(target, sent):
            check(Fuzzed(method, b"", (), b""), received)

    fuzz()
    deadline = time.monotonic() + PATIENCE
    while not target.answers():
        assert time.monotonic() < deadline
    assert "Traceback" not in target.log_path.read_text()
