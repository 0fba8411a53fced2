"""Requests of the commands for a service's users, to a small server that answers as it is told."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support.background import in_background
from support.ports import free_port

from pfcon.client.connection import Connection, Patience
from pfcon.client.errors import Answered, ServiceAway
from pfcon.client.login import Login

Answer = tuple[int, dict[str, str], bytes]
OK: Answer = (200, {}, b'{"done": true}')


def answer(status: int, message: object, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, named, json.dumps({"message": message}).encode()


@dataclass
class Script:
    """The answers to all requests but logins, one after the other; and what was asked."""

    answers: list[Answer] = field(default_factory=list)
    login: Answer = (200, {}, b'{"token": "t1"}')
    requests: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, Authorization
    url: str = ""


@pytest.fixture
def script() -> Iterator[Script]:
    told = Script()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            told.requests.append((self.command, self.path, self.headers.get("Authorization", "")))
            status, headers, body = told.login if self.path == "/api/v1/auth-token/" else told.answers.pop(0)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *words: object) -> None:
            pass

    with in_background(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        told.url = f"http://127.0.0.1:{server.server_address[1]}/api/v1/"
        yield told


@pytest.fixture
def slept() -> list[float]:
    """The pauses between attempts."""
    return []


@pytest.fixture
def connect(script: Script, slept: list[float]) -> Callable[[], Connection]:
    return lambda: Connection(Login(script.url, "anna", "secret"), slept.append)


def test_one_login_is_enough_for_several_requests(script: Script, connect: Callable[[], Connection]) -> None:
    script.answers = [OK, OK]
    connection = connect()
    assert connection.get("jobs/") == connection.get("jobs/") == {"done": True}
    assert [path for _, path, _ in script.requests].count("/api/v1/auth-token/") == 1
    assert script.requests[-1] == ("GET", "/api/v1/jobs/", "Bearer t1")


def test_a_busy_service_is_asked_again_after_the_time_that_it_says(
    script: Script, connect: Callable[[], Connection], slept: list[float]
) -> None:
    script.answers = [answer(503, "busy", Retry_After="3"), answer(503, "busy", Retry_After="900"), OK]
    assert connect().get("jobs/") == {"done": True}
    assert slept == [3.0, 10.0]


def test_a_service_that_stays_busy_is_given_up(script: Script, connect: Callable[[], Connection]) -> None:
    script.answers = [answer(503, "the engine does not answer", Retry_After="5")]
    with pytest.raises(ServiceAway, match="the engine does not answer"):
        connect().get("jobs/", Patience(busy=1.0))


@pytest.mark.parametrize("status", [400, 404, 409, 413, 429, 507])
def test_other_errors_are_told_at_once(script: Script, connect: Callable[[], Connection], status: int) -> None:
    script.answers = [answer(status, {"jid": "is wrong"})]
    with pytest.raises(Answered, match="jid: is wrong") as caught:
        connect().get("jobs/")
    assert caught.value.status == status


def test_a_token_that_has_expired_is_replaced_once(script: Script, connect: Callable[[], Connection]) -> None:
    script.answers = [answer(401, "expired"), OK, answer(401, "expired"), answer(401, "expired")]
    connection = connect()
    assert connection.get("jobs/") == {"done": True}
    with pytest.raises(Answered, match="expired"):
        connection.get("jobs/")


def test_a_refused_login_is_told_without_the_password(script: Script, connect: Callable[[], Connection]) -> None:
    script.login = answer(400, "Invalid username or password")
    with pytest.raises(Answered, match=r"refuses the login of 'anna': Invalid") as caught:
        connect().get("jobs/")
    assert "secret" not in str(caught.value)
    assert len(script.requests) == 1


def test_a_netrc_file_does_not_replace_the_token(
    script: Script, connect: Callable[[], Connection], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    script.answers = [OK]
    connect().get("jobs/")
    assert [authorization for _, _, authorization in script.requests] == ["", "Bearer t1"]


def test_a_redirect_is_told_and_not_followed(script: Script, connect: Callable[[], Connection]) -> None:
    script.login = (301, {"Location": "https://pfcon.example.org/"}, b"")
    with pytest.raises(Answered, match=r"redirects to https://pfcon.example.org/"):
        connect().get("jobs/")
    assert len(script.requests) == 1


def test_what_is_no_pfcon_is_told(script: Script, connect: Callable[[], Connection]) -> None:
    script.login = (200, {"Content-Type": "text/html"}, b"<html>")
    with pytest.raises(ServiceAway, match="is no pfcon: its answer is text/html"):
        connect().get("jobs/")


def test_a_service_that_is_away_is_told_at_once(slept: list[float]) -> None:
    connection = Connection(Login(f"http://127.0.0.1:{free_port()}/api/v1/", "anna", "secret"), slept.append)
    with pytest.raises(ServiceAway, match=r"does not answer at http://127\.0\.0\.1"):
        connection.get("jobs/")
    assert not slept


def test_a_body_is_made_again_for_each_attempt(script: Script, connect: Callable[[], Connection]) -> None:
    script.answers = [answer(503, "busy", Retry_After="1"), OK]
    made = []

    def body() -> Iterator[bytes]:
        made.append(1)
        yield b""

    assert connect().post("jobs/", body, "text/plain") == {"done": True}
    assert len(made) == 2


def test_an_upload_is_not_repeated_for_ever(
    script: Script, connect: Callable[[], Connection], slept: list[float]
) -> None:
    script.answers = [answer(503, "busy", Retry_After="1")] * 9
    with pytest.raises(ServiceAway, match="busy"):
        connect().post("jobs/", lambda: iter([b""]), "text/plain", Patience(1000.0, 1000.0))
    assert len(slept) == 4


def test_a_service_that_comes_back_is_waited_for(script: Script, connect: Callable[[], Connection]) -> None:
    """As over a restart: nobody answers at its port for some seconds."""
    connection = connect()
    script.answers = [OK, OK]
    assert connection.get("jobs/") == {"done": True}
    right = connection.login
    connection.login = Login(f"http://127.0.0.1:{free_port()}/api/v1/", "anna", "secret")
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            connection.login = right

    told: list[str] = []
    connection._sleep, connection.tell = sleep, told.append
    assert connection.get("jobs/", Patience(outage=1000.0)) == {"done": True}
    assert pauses == [1.0, 2.0, 4.0]
    away, back = told
    assert away.startswith("pfcon does not answer at http://127.0.0.1:")
    assert away.endswith("; waiting")
    assert back == "the service answers again"


def test_an_answer_that_is_cut_off_is_told(script: Script, connect: Callable[[], Connection]) -> None:
    script.answers = [(200, {"Content-Length": "100"}, b"half")]
    with pytest.raises(ServiceAway, match="was cut off"):
        list(connect().blocks("jobs/j/file/", 10))


def test_an_https_address_of_a_service_without_tls_is_told_as_such(script: Script) -> None:
    """It is one letter too many, and "no answer" would lead to the network."""
    login = Login(script.url.replace("http://", "https://"), "anna", "secret")
    with pytest.raises(ServiceAway, match=r"TLS failed \(.+\)"):
        Connection(login).get("jobs/")
