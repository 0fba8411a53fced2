"""The log of a job from those of its pods, and how often those of active jobs are read."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterable

from pfcon.compute.log import clean_log

LOG_BYTES = 1024 * 1024  # of text; what is before is dropped
READS_PER_MINUTE = 20  # of active jobs' logs, by all processes together
BURST = 10  # reads that may come at the same time
_MAX_TEXTS = 512
_MAX_TEXT = 64 * 1024  # characters
_INSIDE = bytes(range(0x80, 0xC0))  # of a character in UTF-8


class Tail:
    """The last bytes of what it is fed."""

    def __init__(self, limit: int = LOG_BYTES) -> None:
        self._limit = limit
        self._parts: deque[bytes] = deque()
        self._kept = 0
        self._cut = False

    def feed(self, chunks: Iterable[bytes]) -> None:
        """Add pieces of any size."""
        for chunk in chunks:
            self._parts.append(chunk)
            self._kept += len(chunk)
            while self._kept - len(self._parts[0]) >= self._limit:
                self._kept -= len(self._parts.popleft())
                self._cut = True

    def text(self, tail_lines: int) -> str:
        """The last lines as clean text of at most the limit, in bytes of UTF-8."""
        raw = b"".join(self._parts)
        if self._cut:
            raw = raw[-self._limit :].lstrip(_INSIDE)  # to begin with a whole character
        return last_part(clean_log(raw), tail_lines, self._limit)


def last_part(text: str, tail_lines: int, limit: int = LOG_BYTES) -> str:
    """The last lines of a text, and of these the last bytes, at most ``limit`` in UTF-8."""
    if tail_lines <= 0:
        return ""
    lines = text.removesuffix("\n").rsplit("\n", tail_lines)  # not splitlines, which knows other ends of lines
    raw = ("\n".join(lines[-tail_lines:]) + ("\n" if text.endswith("\n") else "")).encode()
    return raw[-limit:].decode("utf-8", "ignore")


def merge(texts: list[tuple[str, str]], tail_lines: int) -> str:
    """The logs of several pods in one, each below its pod's name; of one pod, its log alone.

    All get the same share of the bytes, so that none is left out.
    """
    if len(texts) == 1:
        return last_part(texts[0][1], tail_lines)
    share = LOG_BYTES // max(1, len(texts)) - 128
    parts = [f"==> {name} <==\n{last_part(text, tail_lines, share)}" for name, text in texts]
    return "".join(part if part.endswith("\n") else f"{part}\n" for part in parts)


class TokenBucket:
    """Limits how many reads are made: ``per_minute`` on average, ``burst`` at a time. Thread-safe."""

    def __init__(self, per_minute: float, burst: float) -> None:
        self._rate, self._burst = per_minute / 60, max(1.0, burst)
        self._tokens, self._at = self._burst, time.monotonic()
        self._lock = threading.Lock()

    def take(self, count: int = 1) -> bool:
        """Whether ``count`` reads may be made now, together; more than the bucket holds are paid for by later ones."""
        with self._lock:
            now = time.monotonic()
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
            self._at = now
            if self._tokens < 1:
                return False
            self._tokens -= count
            return True


class LogCache:
    """The last part of the log that was read last, for a bounded number of jobs. Thread-safe."""

    def __init__(self) -> None:
        self._texts: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, uid: str) -> str:
        """The text that was read last for a job; empty if none was."""
        with self._lock:
            return self._texts.get(uid, "")

    def put(self, uid: str, text: str) -> None:
        """Remember what was read."""
        with self._lock:
            self._texts[uid] = text[-_MAX_TEXT:]
            self._texts.move_to_end(uid)
            while len(self._texts) > _MAX_TEXTS:
                self._texts.popitem(last=False)
