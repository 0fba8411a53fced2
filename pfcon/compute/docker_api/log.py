"""Reads a container's log from its frames, and keeps the last part. Pure.

The stream is a series of frames: 1 byte for stdout or stderr, 3 of zero, 4 of length, big-endian, then the bytes
(Docker Engine API reference, ContainerAttach, "Stream format").
"""

from collections import deque
from collections.abc import Callable, Iterator

from pfcon.compute.log import clean_log
from pfcon.compute.timed_log import Message
from pfcon.errors import Unreachable

LOG_BYTES = 1024 * 1024  # of text; only the last part is kept
_HEADER = 8
_LONGEST = 16 * 1024 * 1024  # bytes of a frame
_READ = 256 * 1024  # bytes


class LogTail:
    """Takes a multiplexed stream in chunks of any size; keeps the last bytes. ``seen``: bytes of all payload."""

    def __init__(self, limit: int = LOG_BYTES) -> None:
        self._limit = limit
        self._parts: deque[bytes] = deque()
        self._kept = 0
        self._head = b""
        self._left = 0
        self.seen = 0

    def feed(self, data: bytes) -> None:
        """Add the next chunk of the stream."""
        if self._head:
            data, self._head = self._head + data, b""
        position, end = 0, len(data)
        while position < end:
            if not self._left:
                if end - position < _HEADER:
                    self._head = data[position:]
                    return
                self._left = int.from_bytes(data[position + 4 : position + _HEADER], "big")
                position += _HEADER
            part = data[position : position + self._left]
            position += len(part)
            self._left -= len(part)
            self._keep(part)

    def _keep(self, part: bytes) -> None:
        self._parts.append(part)
        self.seen += len(part)
        self._kept += len(part)
        while self._kept - len(self._parts[0]) >= self._limit:
            self._kept -= len(self._parts.popleft())

    def text(self, tail_lines: int) -> str:
        """Return the last lines as clean text, at most the limit in bytes of UTF-8."""
        raw = b"".join(self._parts)
        if self.seen > self._limit:
            raw = _cut(raw, self._limit)
        text = clean_log(_last_lines(raw, tail_lines))
        if len(text) * 3 > self._limit:  # replaced invalid bytes have become longer
            text = _cut(text.encode(), self._limit).decode()
        return text


def messages(read: Callable[[int], bytes]) -> Iterator[Message]:
    """Yield the messages of a log that was requested with its times: each frame is one. read: the next bytes."""
    rest = b""
    while block := read(_READ):
        data, position = rest + block, 0
        while len(data) - position >= _HEADER:
            end = position + _HEADER + int.from_bytes(data[position + 4 : position + _HEADER], "big")
            if end - position > _LONGEST:
                raise Unreachable("the container engine returns a log that can't be read")
            if end > len(data):
                break
            stamp, _, text = data[position + _HEADER : end].partition(b" ")
            yield Message(stamp, text)
            position = end
        rest = data[position:]


def _cut(raw: bytes, limit: int) -> bytes:
    """Return the last bytes, beginning with a complete character if they are UTF-8."""
    raw = raw[-limit:]
    start = 0
    while start < min(3, len(raw)) and raw[start] & 0xC0 == 0x80:
        start += 1
    return raw[start:]


def _last_lines(raw: bytes, count: int) -> bytes:
    if count <= 0:
        return b""
    position = len(raw) - 1 if raw.endswith(b"\n") else len(raw)
    for _ in range(count):
        position = raw.rfind(b"\n", 0, position)
        if position < 0:
            return raw
    return raw[position + 1 :]
