"""Clients that send or read too slowly: they hold no thread, and are closed after a bounded time."""

import os
import resource
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest
import requests
from support.live import Api, LiveServer, StartServer, make_zip, new_jid
from support.raw import Raw

from pfcon.testing.waiting import PATIENCE, eventually

THREADS = 8  # of the one process
MANY = 5 * THREADS
SHORT = "3"  # seconds of PFCON_HEADER_TIMEOUT
LOGIN = "POST /api/v1/auth-token/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60\r\n\r\n"
FORM = "Host: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 60\r\n"
ZIP = "Host: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000000\r\n"
HEALTH = "GET /api/v1/health/ HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def small(start_server: StartServer) -> LiveServer:
    """One process with few threads, and a long header timeout: it must answer while slow clients are there."""
    return start_server(PFCON_WORKERS="1", PFCON_THREADS=str(THREADS), PFCON_HEADER_TIMEOUT="600")


@pytest.fixture
def short(start_server: StartServer) -> LiveServer:
    """One process that soon loses its patience."""
    return start_server(PFCON_WORKERS="1", PFCON_THREADS=str(THREADS), PFCON_HEADER_TIMEOUT=SHORT)


@pytest.fixture
def crowd() -> Iterator[Callable[[LiveServer, str | bytes, int], list[Raw]]]:
    """A function that opens connections which send the same and stay."""
    with ExitStack() as stack:
        yield lambda server, sent, number: [stack.enter_context(Raw(server.port)).send(sent) for _ in range(number)]


Crowd = Callable[[LiveServer, str | bytes, int], list[Raw]]


def answers(server: LiveServer, api: Api, jid: str) -> bool:
    """Whether health and a status are answered, several times."""
    for _ in range(5):
        assert requests.get(server.url + "health/", timeout=PATIENCE / 2).status_code == 200
        assert requests.get(f"{server.url}jobs/{jid}/", headers=api.headers, timeout=PATIENCE / 2).status_code == 200
    return True


def fill(connection: Raw) -> None:
    """Send requests until no more go, and read no answer."""
    connection.socket.settimeout(0.5)
    with suppress(TimeoutError):
        while True:
            connection.socket.send(HEALTH.encode() * 1000)


def some_job(api: Api) -> str:
    jid = new_jid()
    assert api.submit(jid, "true", make_zip({"a": "b"})).status_code == 201
    return jid


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "G",
        "GET /api/v1/health/ HTTP/1.1\r\nHost: x",
        LOGIN + '{"pf',
        f"POST /api/v1/copyjobs/ HTTP/1.1\r\n{FORM}\r\njid=",
        f"POST /api/v1/jobs/ HTTP/1.1\r\n{ZIP}\r\n--b\r\n",
    ],
    ids=["nothing", "one byte", "half a head", "half a login", "half a form", "half an upload"],
)
def test_clients_without_a_token_that_do_not_go_on_hold_no_thread(small: LiveServer, crowd: Crowd, sent: str) -> None:
    api = Api(small.url)
    jid = some_job(api)
    crowd(small, sent, MANY)
    assert answers(small, api, jid)


def test_forms_with_a_token_that_do_not_go_on_hold_no_thread(small: LiveServer, crowd: Crowd) -> None:
    api = Api(small.url)
    jid = some_job(api)
    form = f"{FORM}Authorization: {api.headers['Authorization']}\r\n\r\njid="
    crowd(small, f"POST /api/v1/copyjobs/ HTTP/1.1\r\n{form}", MANY)
    assert answers(small, api, jid)


@pytest.mark.parametrize("resource", ["jobs", "copyjobs", "deletejobs"])
def test_uploads_with_a_token_that_do_not_go_on_leave_threads_to_others(
    small: LiveServer, crowd: Crowd, resource: str
) -> None:
    api = Api(small.url)
    jid = some_job(api)
    head = f"POST /api/v1/{resource}/ HTTP/1.1\r\n{ZIP}Authorization: {api.headers['Authorization']}\r\n\r\n--b\r\n"
    stalled = crowd(small, head, MANY)
    assert answers(small, api, jid)
    assert stalled[-1].answer().status == 503


def test_clients_that_do_not_read_their_answers_hold_no_thread(small: LiveServer, crowd: Crowd) -> None:
    api = Api(small.url)
    jid = some_job(api)
    for connection in crowd(small, "", THREADS + 2):
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        fill(connection)
    assert answers(small, api, jid)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("", None),
        ("GET /api/v1/health/ HTTP/1.1\r\nHost: x", 408),
        (LOGIN, 408),
        (LOGIN + '{"pf', 408),
        (LOGIN.replace("Content-Length: 60", "Transfer-Encoding: chunked") + "5\r\n{", 408),
    ],
    ids=["nothing", "half a head", "no body", "half a body", "half a chunk"],
)
def test_a_request_that_does_not_go_on_is_closed_after_a_time(short: LiveServer, sent: str, status: int | None) -> None:
    with Raw(short.port) as connection:
        connection.send(sent)
        if status is not None:
            answer = connection.answer()
            assert answer.status == status
            assert "PFCON_HEADER_TIMEOUT" in answer.message()
        assert connection.is_closed()


def test_a_byte_now_and_then_does_not_keep_a_request_alive(short: LiveServer) -> None:
    with Raw(short.port) as head, Raw(short.port) as body:
        body.send(LOGIN)
        head.send("GET /api/v1/health/ HTTP/1.1\r\nX: ")

        def is_refused(connection: Raw) -> bool:
            connection.socket.settimeout(0.2)
            try:
                connection.send("x")
                return connection.answer().status == 408
            except TimeoutError:
                return False
            except ConnectionError:  # closed between two bytes
                return True

        assert eventually(lambda: is_refused(head))
        assert eventually(lambda: is_refused(body))


def test_a_form_with_a_token_that_does_not_go_on_is_closed_after_a_time(short: LiveServer) -> None:
    token = Api(short.url).headers["Authorization"]
    form = f"{FORM}Authorization: {token}\r\n\r\njid="
    with Raw(short.port).send(f"POST /api/v1/copyjobs/ HTTP/1.1\r\n{form}") as connection:
        assert connection.answer().status == 408
        assert connection.is_closed()


def test_a_service_stops_in_time_with_half_open_connections(small: LiveServer, crowd: Crowd) -> None:
    crowd(small, "", MANY)
    crowd(small, "GET / HT", MANY)
    crowd(small, LOGIN, MANY)
    assert small.stop() == 0  # raises after PATIENCE; PFCON_HEADER_TIMEOUT is ten minutes


def test_where_there_is_no_place_the_oldest_unfinished_request_goes(small: LiveServer, crowd: Crowd) -> None:
    small.stop()
    small.python = ("prlimit", "--nofile=256:", sys.executable)  # the soft limit, which leaves 128 to connections
    small.start()
    api = Api(small.url)
    jid = some_job(api)
    first = crowd(small, "GET / HT", 1)[0]
    crowd(small, "GET / HT", 300)
    assert answers(small, api, jid)
    assert first.answer().status == 503


def test_a_process_that_may_open_no_further_file_goes_on(small: LiveServer, crowd: Crowd) -> None:
    api = Api(small.url)
    jid = some_job(api)
    [worker] = small.worker_pids
    opened = max(int(name) for name in os.listdir(f"/proc/{worker}/fd"))
    hard = resource.prlimit(worker, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (opened + 50, hard))
    crowd(small, "GET / HT", 100)
    assert requests.get(small.url + "health/", timeout=PATIENCE / 2).status_code == 200
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (hard, hard))
    assert answers(small, api, jid)
    assert worker in small.worker_pids
