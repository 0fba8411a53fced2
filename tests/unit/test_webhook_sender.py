"""The requests of the webhook: endpoints that hold them, what they send besides, and their connections."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.webhooks import SECRET, Endpoint, endpoint

from pfcon.events import sender as sending
from pfcon.events.sender import NotAccepted, Sender
from pfcon.models import JobId, JobKind
from pfcon.records.events import Event

EVENT = Event(1, JobId("j"), JobKind.PLUGIN, "finishedSuccessfully", "", "", 0, None, None, None, None, None)


@contextlib.contextmanager
def dripping(first: bytes) -> Iterator[int]:
    """The port of an endpoint that sends some bytes and then another one every tenth of a second, for 20 seconds."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            connection, _ = listening.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(1 << 16)
                connection.sendall(first)
                for _ in range(200):
                    time.sleep(0.1)
                    connection.sendall(b"X")

        thread = threading.Thread(target=drip)
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


@pytest.mark.parametrize(
    ("scheme", "first"),
    [
        ("http", b"HTTP/1.1 200 OK\r\n"),
        ("http", b""),
        ("https", b"\x16\x03\x03\x40\x00"),  # the head of a record of 16 KiB: TLS' handshake
    ],
)
def test_an_endpoint_that_sends_byte_by_byte_has_no_more_time_than_others(
    monkeypatch: pytest.MonkeyPatch, scheme: str, first: bytes
) -> None:
    monkeypatch.setattr(sending, "TIMEOUT", 0.5)
    with dripping(first) as port, Sender(f"{scheme}://127.0.0.1:{port}/", SECRET) as sender:
        begun = time.monotonic()
        with pytest.raises(NotAccepted, match=r"^no answer in time$") as caught:
            sender.send(EVENT)
        assert time.monotonic() - begun < 5
    assert caught.value.is_down


def test_the_body_of_a_response_is_not_waited_for_longer_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "TIMEOUT", 0.5)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    with dripping(head) as port, Sender(f"http://127.0.0.1:{port}/", SECRET) as sender:
        begun = time.monotonic()
        sender.send(EVENT)  # it is accepted
        assert time.monotonic() - begun < 5


@pytest.fixture
def hook() -> Iterator[Endpoint]:
    with endpoint() as listening:
        yield listening


@pytest.mark.parametrize("status", [200, 204, 404])
def test_several_events_take_one_connection(hook: Endpoint, status: int) -> None:
    hook.answer = lambda _: status
    with Sender(hook.url, SECRET) as sender:
        for _ in range(3):
            with contextlib.nullcontext() if status < 300 else pytest.raises(NotAccepted, match="status 404"):
                sender.send(EVENT)
    assert len(hook.calls) == 3
    assert hook.connections == 1


def test_no_password_of_the_user_is_sent(hook: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password mine\n", encoding="ascii")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with Sender(hook.url, SECRET) as sender:
        sender.send(EVENT)
    assert "Authorization" not in hook.calls[0].headers
