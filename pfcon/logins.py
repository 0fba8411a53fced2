"""Limits the rate of wrong logins, so that a password can't be found by guessing.

An attempt over the limit is not compared with the password, so the response reveals nothing. An attacker must not be
able to lock out the right user, even from the same address (for example behind the same proxy). So:

- a successful login is refunded;
- each source has its own token bucket; all sources that have not logged in before also share one;
- an attempt that was postponed, and is repeated after WAIT seconds, is limited by a separate bucket. An attacker who
  tries a list of passwords never repeats one, and so does not use that bucket up.
"""

import hmac
import ipaddress
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from pfcon.token_bucket import Bucket

SOURCE_RATE, SOURCE_BURST = 2.0, 10.0  # of one source: wrong logins per second, and the size of a burst
SHARED_RATE, SHARED_BURST = 10.0, 50.0  # of all sources together that have not logged in before
RETRY_RATE, RETRY_BURST = 1.0, 3.0  # of attempts that were postponed and are repeated
WAIT = 5.0  # seconds after which a postponed attempt may be repeated
_MAX_SOURCES = 4096  # of known and of unknown sources each
_MAX_POSTPONED = 32_768  # attempts: half a minute of 1,000 per second, about 5 MB


class LoginLimit:
    """Limits the login attempts of one process, in bounded memory. Thread-safe.

    clock: returns monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._key = secrets.token_bytes(32)
        now = clock()
        self._shared = Bucket(SHARED_RATE, SHARED_BURST, now)
        self._retries = Bucket(RETRY_RATE, RETRY_BURST, now)
        self._unknown: OrderedDict[str, Bucket] = OrderedDict()
        self._known: OrderedDict[str, Bucket] = OrderedDict()  # sources that have logged in before
        self._postponed: OrderedDict[bytes, float] = OrderedDict()  # HMAC of an attempt: when it was first postponed

    def attempt(self, address: str, user: str, password: str, is_right: Callable[[], bool]) -> bool | None:
        """Return ``is_right()``: whether the credentials are right. Returns None, without calling it, over the limit.

        address: of the client, as the server sees it.
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

    def _take(self, source: str, user: str, password: str) -> list[Bucket]:
        """Take a token from each bucket of the attempt; return the buckets, or [] when it is over the limit."""
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

    def _bucket(self, source: str, now: float) -> Bucket:
        sources = self._known if source in self._known else self._unknown
        found = sources.pop(source, None) or Bucket(SOURCE_RATE, SOURCE_BURST, now)
        sources[source] = found
        if len(sources) > _MAX_SOURCES:
            sources.popitem(last=False)
        return found

    def _remember(self, source: str) -> None:
        """Record that the source has logged in successfully."""
        if (bucket := self._unknown.pop(source, None)) is not None:
            self._known[source] = bucket
            if len(self._known) > _MAX_SOURCES:
                self._known.popitem(last=False)

    def _is_due_retry(self, source: str, user: str, password: str, now: float) -> bool:
        """Whether the attempt was postponed long enough ago to be checked now; if not, record it as postponed."""
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
    """Return what counts as one source: an IPv4 address, or the /64 network of an IPv6 address (one customer)."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            return str(ipaddress.IPv6Network((found, 64), strict=False))
        found = found.ipv4_mapped
    return str(found)
