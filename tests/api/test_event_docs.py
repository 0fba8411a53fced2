"""The programs of docs/events.md, as they are there."""

import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from support.background import in_background
from support.documentation import ROOT
from support.live import Api, make_zip, new_jid
from support.markdown import Page

from pfcon.events.signature import sign

PAGE = Page(ROOT / "docs" / "events.md")


def program(marker: str) -> Any:
    """The function that a block of the page defines."""
    [block] = [block for block in PAGE.blocks if block.marker == marker]
    names: dict[str, Any] = {}
    exec(block.text, names)
    return names[marker]


def test_the_receiver_accepts_what_pfcon_has_signed_and_nothing_else() -> None:
    verify, body, now = program("verify"), b'{"id": 1}', str(int(time.time()))
    headers = {"X-Pfcon-Timestamp": now, "X-Pfcon-Signature": sign("the key", now, body)}
    assert verify(headers, body, "the key")
    assert not verify(headers, body + b" ", "the key")
    assert not verify(headers, body, "another key")
    assert not verify(headers | {"X-Pfcon-Timestamp": str(int(now) + 1)}, body, "the key")
    assert not verify({}, body, "the key")
    assert not verify({"X-Pfcon-Timestamp": now, "X-Pfcon-Signature": "é"}, body, "the key")
    signed = {"X-Pfcon-Timestamp": "now", "X-Pfcon-Signature": sign("the key", "now", body)}
    assert not verify(signed, body, "the key")
    old = str(int(now) - 301)
    assert not verify({"X-Pfcon-Timestamp": old, "X-Pfcon-Signature": sign("the key", old, body)}, body, "the key")


class Interrupted(BaseHTTPRequestHandler):
    """A stream that breaks in the middle of its only event, once."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[str | None]] = []  # the Last-Event-ID of each request

    def do_GET(self) -> None:
        self.asked.append(self.headers["Last-Event-ID"])
        whole = b'id: 7\n\nid: 8\nevent: job\ndata: {"id": 8}\n\n'
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        part = whole if len(self.asked) > 1 else whole[:-1]
        self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


def test_the_client_gets_an_event_again_during_which_the_connection_broke() -> None:
    with in_background(ThreadingHTTPServer(("127.0.0.1", 0), Interrupted)) as server:
        events = program("follow")(f"http://127.0.0.1:{server.server_port}/", "a token", last=6)
        assert next(events) == ("job", {"id": 8})
        events.close()
    assert Interrupted.asked == ["6", "7"]


def test_the_client_follows_the_events(api: Api) -> None:
    jid = new_jid()
    api.submit(jid, "true", make_zip({"a": "b"}))
    api.wait(jid)
    token = api.headers["Authorization"].removeprefix("Bearer ")
    found = []
    for name, event in program("follow")(api.url + "events/", token, last=0):
        assert name == "job"
        found += [event["status"]] if event["jid"] == jid else []
        if event["status"] == "finishedSuccessfully" and event["jid"] == jid:
            break
    assert found[0] == "notStarted"
    api.delete(f"jobs/{jid}/")
