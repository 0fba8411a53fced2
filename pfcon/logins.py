"""How many wrong logins are looked at: so few that nobody finds a password by trying.

An attempt that is over the limit is not compared with the password at all: its answer says nothing. So that a guesser
does not lock out the right user, who may come from the same address (behind the same proxy, say):

- a login that is right costs nothing;
- each source has an allowance of its own; sources that have logged in well before do without the one that all
  other sources share;
- an attempt that was put off, and comes again after the time that it was told, has an allowance of its own. Who goes
  through a list of passwords never comes again with the same one, and so does not use that up.
"""

import hmac
import ipaddress
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

SOURCE_RATE, SOURCE_BURST = 2.0, 10.0  # wrong logins a second of one source, and at once
SHARED_RATE, SHARED_BURST = 10.0, 50.0  # the same of all sources together that have never logged in
RETRY_RATE, RETRY_BURST = 1.0, 3.0  # the same of attempts that were put off and come again
WAIT = 5.0  # seconds after which an attempt that was put off may come again
_MAX_SOURCES = 4096  # of each sort
_MAX_POSTPONED = 32_768  # attempts that are remembered: half a minute of 1,000 a second, some 5 MB


@dataclass
class _TokenBucket:
    """A number of attempts that grows with time, up to a most."""

    rate: float  # a second
    most: float
    left: float
    seen: float  # moment of the clock

    def has_token(self, now: float) -> bool:
        self.left = min(self.most, self.left + (now - self.seen) * self.rate)
        self.seen = now
        return self.left >= 1

    def take(self) -> None:
        self.left -= 1

    def refund(self) -> None:
        self.left = min(self.most, self.left + 1)


class LoginLimit:
    """The attempts of one process. Memory is bounded. One object serves all threads.

    ``clock`` gives seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._key = secrets.token_bytes(32)
        now = clock()
        self._shared = _TokenBucket(SHARED_RATE, SHARED_BURST, SHARED_BURST, now)
        self._retries = _TokenBucket(RETRY_RATE, RETRY_BURST, RETRY_BURST, now)
        self._unknown: OrderedDict[str, _TokenBucket] = OrderedDict()
        self._known: OrderedDict[str, _TokenBucket] = OrderedDict()  # have logged in well
        self._postponed: OrderedDict[bytes, float] = OrderedDict()  # attempts, and when they were first put off

    def attempt(self, address: str, user: str, password: str, is_right: Callable[[], bool]) -> bool | None:
        """Whether the credentials are right, which ``is_right`` tells; None where that is not looked at.

        ``address`` is the client's, as the server sees it.
        """
        source = source_of(address)
        with self._lock:
            taken = self._take(source, user, password)
        if not taken:
            return None
        if not is_right():
            return False
        with self._lock:
            for bucket in taken:
                bucket.refund()
            self._remember(source)
        return True

    def _take(self, source: str, user: str, password: str) -> list[_TokenBucket]:
        """What the attempt is charged to; nothing where it is over the limit."""
        now = self._clock()
        needed = [self._bucket(source, now)]
        if source not in self._known:
            needed.append(self._shared)
        found = [bucket.has_token(now) for bucket in needed]
        if not all(found):
            needed = [self._retries] if self._is_due_retry(source, user, password, now) else []
        for bucket in needed:
            bucket.take()
        return needed

    def _bucket(self, source: str, now: float) -> _TokenBucket:
        sources = self._known if source in self._known else self._unknown
        found = sources.pop(source, None) or _TokenBucket(SOURCE_RATE, SOURCE_BURST, SOURCE_BURST, now)
        sources[source] = found
        if len(sources) > _MAX_SOURCES:
            sources.popitem(last=False)
        return found

    def _remember(self, source: str) -> None:
        """A source that has logged in well."""
        if (bucket := self._unknown.pop(source, None)) is not None:
            self._known[source] = bucket
            if len(self._known) > _MAX_SOURCES:
                self._known.popitem(last=False)

    def _is_due_retry(self, source: str, user: str, password: str, now: float) -> bool:
        """Whether the attempt was put off long enough ago, and may be looked at now; else it is remembered."""
        payload = "\0".join((source, user, password)).encode("utf-8", "surrogatepass")
        attempt = hmac.digest(self._key, payload, "sha256")[:16]
        first = self._postponed.setdefault(attempt, now)
        if now - first >= WAIT and self._retries.has_token(now):
            del self._postponed[attempt]
            return True
        if len(self._postponed) > _MAX_POSTPONED:
            self._postponed.popitem(last=False)
        return False


def source_of(address: str) -> str:
    """What counts as one source: an IPv4 address; of IPv6, the network of 64 bits that one customer has."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            return str(ipaddress.IPv6Network((found, 64), strict=False))
        found = found.ipv4_mapped
    return str(found)
