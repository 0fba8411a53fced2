"""Requests to a service as a user that has logged in. Outages are waited for, as long as the caller wants."""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import requests
from requests.auth import AuthBase

from pfcon import __version__
from pfcon.client.errors import Answered, ClientError, ServiceAway
from pfcon.client.event_source import Message, read_messages
from pfcon.client.login import API, Login
from pfcon.client.output import say
from pfcon.network import explain

BUSY_SECONDS = 30.0  # how long a service that answers 503 is asked again
OUTAGE_SECONDS = 600.0  # how long a command that follows a job waits for a service that is away, as in a restart
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 90.0
SILENCE_SECONDS = 45.0  # without a byte of a stream of events, which has a heartbeat every 15 seconds
EVENTS_AT_ONCE = 65536  # bytes at most that are read of a stream at once; what has come is given at once
TRANSFER_SECONDS = 3600.0  # without a byte: the service may unpack a large upload before it answers
_LONGEST_PAUSE = 10.0  # seconds between two attempts
_MOST_UPLOADS = 5  # attempts: a proxy may break the connection of an upload that is too large for it, each time
_LONGEST_MESSAGE = 4000  # characters
_AWAY = (502, 503, 504)  # a proxy's, too

Body = Callable[[], Iterator[bytes]]


class Patience(NamedTuple):
    """How long a request is repeated, in seconds: while the service answers 503 (busy), does not answer (outage)."""

    busy: float = BUSY_SECONDS
    outage: float = 0.0


ONCE = Patience()
FOLLOWING = Patience(OUTAGE_SECONDS, OUTAGE_SECONDS)


@dataclass(frozen=True)
class _Token(AuthBase):
    """Adds the token. As an ``auth`` of requests, so that no ~/.netrc replaces it."""

    text: str

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.text}"
        return request


class _NoAuth(AuthBase):
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class Connection:
    """The requests of one user. Each raises ServiceAway, and Answered for an answer that is an error.

    It logs in with the first request, and again when the token has expired.

    tell: called with a text when a request begins to wait for a service that is away, and when that answers again.
    """

    def __init__(self, login: Login, sleep: Callable[[float], None] = time.sleep) -> None:
        self.login = login
        self._sleep = sleep
        self._session = requests.Session()
        self._session.headers["User-Agent"] = f"pfcon/{__version__}"
        self._token: _Token | None = None
        self._waits = False
        self.tell: Callable[[str], None] = lambda text: say(f"pfcon: {text}")

    def get(self, path: str, patience: Patience = ONCE, **parameters: Any) -> Any:
        """Return the JSON of ``path``, which is below ``/api/v1/``."""
        with self._request("GET", path, patience, params=parameters) as answer:
            return _json(answer)

    def post(
        self, path: str, body: Body | None = None, content_type: str | None = None, patience: Patience = ONCE
    ) -> Any:
        """Return the JSON of the answer to a POST. body: called for each attempt; its blocks are sent as they come."""
        headers = {"Content-Type": content_type} if content_type else {}
        with self._request("POST", path, patience, headers=headers, **({"make_body": body} if body else {})) as answer:
            return _json(answer)

    def delete(self, path: str, patience: Patience = ONCE) -> None:
        """Send a DELETE."""
        self._request("DELETE", path, patience).close()

    def blocks(self, path: str, size: int, patience: Patience = FOLLOWING) -> Iterator[bytes]:
        """Yield an answer in blocks of about ``size`` bytes; ServiceAway also when it is cut off."""
        with self._request("GET", path, patience, stream=True, seconds=TRANSFER_SECONDS) as answer:
            try:
                yield from answer.iter_content(size)
            except requests.RequestException as fault:
                raise ServiceAway(f"the download from {self.login.url} was cut off: {explain(fault).reason}") from fault

    def messages(self, path: str, last: str, patience: Patience = FOLLOWING) -> Iterator[Message]:
        """Yield the events of a stream after the one with the id ``last``, until it ends or is cut off.

        ServiceAway only if it does not begin.
        """
        headers = {"Last-Event-ID": last} if last else {}
        answer = self._request("GET", path, patience, stream=True, seconds=SILENCE_SECONDS, headers=headers)
        with answer, suppress(requests.RequestException, ValueError):
            yield from read_messages(answer.iter_lines(EVENTS_AT_ONCE))

    def text(self, path: str) -> str:
        """Return the text of a path that is not below ``/api/v1/``."""
        root = self.login.url.removesuffix(API)
        with self._request("GET", root + path, Patience(0.0)) as answer:
            return answer.text

    def parts(self) -> Mapping[str, Any]:
        """Return ``ready/``, also if a part does not work. No login is needed."""
        answer = self._send("GET", "ready/", auth=_NoAuth())
        parts = _json(answer)
        if answer.status_code not in (200, 503) or not isinstance(parts, dict) or "message" in parts:
            raise _refusal(answer)
        return parts

    def _request(self, method: str, path: str, patience: Patience, **options: Any) -> requests.Response:
        begun = time.monotonic()
        logged_in_again = False
        for attempt in itertools.count():
            pause, most = min(2.0**attempt, _LONGEST_PAUSE), patience.outage
            try:
                if self._token is None:
                    self._log_in()
                answer = self._send(method, path, auth=self._token, **options)
                if answer.status_code < 300:
                    self._tell_once(waits=False)
                    return answer
                with answer:
                    if answer.status_code == 401 and not logged_in_again:
                        self._token, logged_in_again = None, True
                        continue
                    raise _refusal(answer)
            except Answered as refusal:
                if refusal.status not in _AWAY:
                    raise
                pause, most = refusal.pause, patience.busy
                error: ClientError = ServiceAway(str(refusal))
            except ServiceAway as fault:
                error = fault
            given_up = attempt >= _MOST_UPLOADS - 1 and "make_body" in options
            if given_up or time.monotonic() - begun + pause > most:
                raise error
            if patience.outage:
                self._tell_once(f"{error}; waiting", waits=True)
            self._sleep(pause)
        raise AssertionError("an endless loop has ended")

    def _tell_once(self, text: str = "the service answers again", *, waits: bool) -> None:
        if waits != self._waits:
            self._waits = waits
            self.tell(text)

    def _log_in(self) -> None:
        words = {"pfcon_user": self.login.user, "pfcon_password": self.login.password}
        with self._send("POST", "auth-token/", auth=_NoAuth(), json=words) as answer:
            if answer.status_code >= 300:
                refusal = _refusal(answer)
                if refusal.status in (400, 401):
                    text = f"{self.login.url} refuses the login of {self.login.user!r}: {refusal}"
                    raise Answered(text, refusal.status)
                raise refusal
            token = _json(answer)
        if not isinstance(token, dict) or not isinstance(token.get("token"), str):
            raise ServiceAway(f"{self.login.url} is no pfcon: it has answered a login without a token")
        self._token = _Token(token["token"])

    def _send(
        self,
        method: str,
        path: str,
        make_body: Body | None = None,
        seconds: float = ANSWER_SECONDS,
        **options: Any,
    ) -> requests.Response:
        if make_body is not None:
            options["data"], seconds = make_body(), TRANSFER_SECONDS
        url = path if "://" in path else self.login.url + path
        try:
            return self._session.request(
                method, url, timeout=(CONNECT_SECONDS, seconds), allow_redirects=False, **options
            )
        except requests.RequestException as fault:
            raise ServiceAway(f"pfcon does not answer at {self.login.url}: {explain(fault).reason}") from fault


def _json(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        kind = answer.headers.get("Content-Type", "")
        raise ServiceAway(f"{answer.url} is no pfcon: its answer is {kind or 'no JSON'}") from None


def _refusal(answer: requests.Response) -> Answered:
    if location := answer.headers.get("Location"):
        return Answered(f"{answer.url} redirects to {location}: use that in PFCON_URL", answer.status_code)
    text = f"{answer.status_code} {answer.reason}"
    try:
        message = answer.json()["message"]
        text = message if isinstance(message, str) else "; ".join(f"{key}: {value}" for key, value in message.items())
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    seconds = answer.headers.get("Retry-After", "")
    pause = float(seconds) if seconds.isascii() and seconds.isdigit() else 1.0
    return Answered(text[:_LONGEST_MESSAGE], answer.status_code, min(max(pause, 0.2), _LONGEST_PAUSE))
