"""An HTTP endpoint that receives what the webhook sends, and answers as a test wants."""

import hashlib
import hmac
import json
import socketserver
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from pfcon.events.webhook import Webhook
from pfcon.models import JobId, JobKind, JobStatus
from pfcon.records import Claimed, Journal, Phase
from pfcon.records.outbox import Outbox
from pfcon.testing.waiting import eventually

from .background import in_background
from .ports import free_port

SECRET = "9f86d081884c7d659a2feaa0c55ad015"


class Call(NamedTuple):
    """One request."""

    headers: dict[str, str]
    body: bytes
    status: int | None

    @property
    def event(self) -> dict[str, Any]:
        """What it is about."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    def is_signed(self, secret: str = SECRET) -> bool:
        """Whether the signature is right: as a receiver computes it, without pfcon's code."""
        signed = self.headers["X-Pfcon-Timestamp"].encode() + b"." + self.body
        expected = "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected, self.headers["X-Pfcon-Signature"])


class Endpoint:
    """calls: all requests. answer: from an event to a status; None closes the connection without a response.

    connections: how many were opened.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.calls: list[Call] = []
        self.connections = 0
        self.answer: Callable[[dict[str, Any]], int | None] = lambda _: 204

    @property
    def url(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def accepted(self) -> list[tuple[str, str, str]]:
        """The jid, the kind and the status of each accepted event."""
        events = [call.event for call in self.calls if call.status == 204]
        return [(event["jid"], event["kind"], event["status"]) for event in events]

    @property
    def jids(self) -> list[str]:
        """The jids of the requests in their order, accepted or not."""
        return [str(call.event["jid"]) for call in self.calls]

    def has(self, *jids: str) -> bool:
        """Whether an event of each of the jobs is accepted."""
        return set(jids) <= {jid for jid, _, _ in self.accepted}

    def receives(self, *jids: str) -> bool:
        """Whether an event of each of the jobs is accepted in time."""
        return eventually(lambda: self.has(*jids))

    @contextmanager
    def listening(self) -> Iterator["Endpoint"]:
        """A context in which it listens; outside connections are refused."""
        with in_background(ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self))):
            yield self


def _handler(endpoint: Endpoint) -> type[socketserver.BaseRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # connections are kept

        def setup(self) -> None:
            super().setup()
            endpoint.connections += 1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = endpoint.answer(json.loads(body))
            endpoint.calls.append(Call(dict(self.headers), body, status))
            if status is None:
                self.close_connection = True
                return
            answer = b"noted" if status == 200 else b""
            self.send_response(status)
            self.send_header("Location", endpoint.url)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    """An endpoint that listens."""
    with ExitStack() as stack:
        yield stack.enter_context(Endpoint().listening())


def webhook_of(journal: Journal, hook: Endpoint, since: float = 0.0) -> Webhook:
    """The webhook of a process that was started at a moment."""
    return Webhook(hook.url, SECRET, Outbox(journal, since))


def end_job(
    journal: Journal, jid: str, status: JobStatus = JobStatus.SUCCEEDED, kind: JobKind = JobKind.PLUGIN, **values: Any
) -> None:
    """Run a job to its end."""
    found = journal.claim(JobId(jid), kind, "r")
    assert isinstance(found, Claimed)
    journal.move(found.record, Phase.SCHEDULED, status=JobStatus.STARTED.value)
    journal.move(found.record, Phase.FINAL, status=status.value, **values)


def runs_until(sender: Webhook, condition: Callable[[], bool]) -> bool:
    """Whether something happens while the webhook runs."""

    def happens() -> bool:
        sender.run_once()
        return condition()

    return eventually(happens)
