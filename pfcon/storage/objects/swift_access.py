"""Requests to one Swift account: one token for all threads, a connection for each request under way.

They call the functions of python-swiftclient rather than its Connection, which logs every thread in on its own, sleeps,
and tries again by itself.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from json import JSONDecodeError
from threading import Lock
from typing import Any, TypeVar

from requests import PreparedRequest, Request
from requests.adapters import HTTPAdapter
from swiftclient import client as swiftclient
from swiftclient.exceptions import ClientException
from swiftclient.requests_compat import SwiftClientRequestsSession

from pfcon.errors import Refused
from pfcon.storage.objects.http import Timeouts, not_utf8
from pfcon.storage.objects.source import SourceFault
from pfcon.storage.objects.swift_faults import NETWORK_FAULTS, Asked, answered, unanswered

T = TypeVar("T")
UNAUTHORIZED = 401
BLOCK = 64 << 10  # bytes
MAX_IDLE = 64  # connections kept for the next request


@dataclass(frozen=True)
class Access:
    """Where an account is, and the token for it."""

    url: str
    token: str = field(repr=False)


class Tokens:
    """The token that all threads share. ``authenticate`` raises Transient or Refused."""

    def __init__(self, authenticate: Callable[[], Access]) -> None:
        self._authenticate = authenticate
        self._lock = Lock()
        self._access: Access | None = None
        self._failure: tuple[float, Exception] | None = None

    def current(self) -> Access:
        """The token; the first who asks logs in."""
        return self._access or self.renew(None)

    @property
    def known(self) -> str:
        """The token itself, ``""`` before there is one."""
        access = self._access
        return access.token if access else ""

    def renew(self, stale: Access | None) -> Access:
        """Another token than the stale one. Of many who ask at once, one logs in; its failure is everybody's."""
        asked = time.monotonic()
        with self._lock:
            if self._access is not None and self._access is not stale:
                return self._access
            if self._failure is not None and self._failure[0] > asked:
                raise self._failure[1]
            try:
                self._access = self._authenticate()
            except Exception as failure:
                self._failure = time.monotonic(), failure
                raise
            return self._access


class _LargeBlocks(HTTPAdapter):
    """Reads and sends 64 KiB of a body at a time, where urllib3 takes 16: an eighth less of the CPU for an upload."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, blocksize=BLOCK, **kwargs)


class _ExactSession(SwiftClientRequestsSession):  # type: ignore[misc] # python-swiftclient has no types
    """Sends URLs as they are: requests would take ``.`` and ``..`` in an object's name for steps of a path."""

    def __init__(self) -> None:
        super().__init__()
        for scheme in ("http://", "https://"):
            self.mount(scheme, _LargeBlocks())

    def prepare_request(self, request: Request) -> PreparedRequest:
        prepared: PreparedRequest = super().prepare_request(request)
        prepared.url = str(request.url)
        return prepared


class _Connection:
    """python-swiftclient's pair of a parsed URL and an HTTPConnection, for one request at a time."""

    def __init__(self, url: str, timeouts: Timeouts) -> None:
        self.url = url
        self.pair = swiftclient.http_connection(url, timeout=tuple(timeouts))
        self.pair[1].request_session = _ExactSession()
        self.pair[1].request_session.headers = None  # python-swiftclient sends its own

    def close(self) -> None:
        """Break it, also in the middle of an answer."""
        with suppress(*NETWORK_FAULTS):
            self.pair[1].close()


class SwiftAccess:
    """The requests. Their functions are python-swiftclient's, which take a URL, a token and an ``http_conn``."""

    def __init__(self, tokens: Tokens, timeouts: Timeouts) -> None:
        self._tokens = tokens
        self._timeouts = timeouts
        self._idle: deque[_Connection] = deque(maxlen=MAX_IDLE)

    def call(self, asked: Asked, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Make one request; a second one where the token has expired. Raises the seam's errors."""
        with self.holding(asked, function, *args, **kwargs) as result:
            return result

    @contextmanager
    def holding(self, asked: Asked, function: Callable[..., T], *args: Any, **kwargs: Any) -> Iterator[T]:
        """Make a request, as ``call``, and keep its connection, over which its body comes, to the end of the block."""
        with self._answers(asked):
            connection, result = self._authorised(function, args, kwargs)
        try:
            yield result
        except BaseException:  # whatever ends the block, the body may be half read
            connection.close()
            raise
        self._idle.append(connection)

    def _authorised(self, function: Callable[..., T], args: Any, kwargs: Any) -> tuple["_Connection", T]:
        access = self._tokens.current()
        try:
            return self._request(access, function, args, kwargs)
        except ClientException as error:
            if error.http_status != UNAUTHORIZED:
                raise
        return self._request(self._tokens.renew(access), function, args, kwargs)

    def _request(self, access: Access, function: Callable[..., T], args: Any, kwargs: Any) -> tuple["_Connection", T]:
        connection = self._connection(access.url)
        try:
            result = function(access.url, access.token, *args, http_conn=connection.pair, **kwargs)
        except ClientException:
            self._idle.append(connection)  # the answer was read
            raise
        except BaseException:  # whatever ends it, the answer may be half read
            connection.close()
            raise
        return connection, result

    def _connection(self, url: str) -> "_Connection":
        """A connection that nobody uses."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return _Connection(url, self._timeouts)
            if connection.url == url:
                return connection
            connection.close()

    @contextmanager
    def _answers(self, asked: Asked) -> Iterator[None]:
        try:
            yield
        except SourceFault as fault:
            raise fault.error from None
        except ClientException as error:
            raise answered(error, asked._replace(secrets=(*asked.secrets, self._tokens.known))) from None
        except NETWORK_FAULTS as fault:
            raise unanswered(fault, asked.place) from None
        except UnicodeEncodeError:
            raise not_utf8(asked.name, asked.place) from None
        except JSONDecodeError:
            raise Refused(f"{asked.place} does not answer as Swift does; is SWIFT_AUTH_URL right?") from None
