"""Reads a log whose engine gives the time of each message, and all messages since a second: Docker, Kubernetes.

Several messages have the same time, and two streams of a container may be written out of order. So a position is not a
time, but a number of messages since a second, or a tenth of one, a little before the last that was read. New messages
only follow, so the same ones come first again. The last one is recognized: if it is not at its place, the engine has
dropped older ones.

A clock may go backwards. Engines then answer in two ways. Docker from 23 on gives all messages that follow the first
one since a time: so the last one that was read is looked for. Others leave out each older message: those come at the
worker's end, when a time before is asked for.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from pfcon.compute.log_copy import LONG_LINE, LOST, Piece, Position, Source
from pfcon.errors import Unreachable

_LONGEST = 16 * LONG_LINE  # bytes of a piece
_BEFORE = 1  # seconds: stdout and stderr may be out of order by less
_EARLIER = 600  # seconds before the last message that are read again at a worker's end


class Message(NamedTuple):
    """stamp: its time, in ISO 8601; None for a further part of the message before it."""

    stamp: bytes | None
    data: bytes


Open = Callable[[int], Iterable[Message]]
"""Yields the messages since a time since the epoch, in the engine's order, and ends without waiting."""


class _MovedError(Exception):
    """The engine has dropped messages since a position."""


class TimedSource(Source):
    """One log. lines: whether each message is a line, which may still grow; else none changes any more.

    parts: of a second, in which ``open_since`` counts: 1 or 10. open_all: slower, but also right where messages are not
    in the order of their times.
    """

    def __init__(
        self,
        key: str,
        open_since: Open,
        prefix: bytes | None = None,
        *,
        lines: bool,
        parts: int = 1,
        ended: bool = False,
        open_all: Open | None = None,
    ) -> None:
        super().__init__(key, prefix, ended=ended)
        self._open = open_since
        self._open_all = open_all or open_since
        self._parts = parts
        self._lines = lines

    def read(self, position: Position | None) -> Iterator[Piece]:
        """See Source."""
        since, skip, inside, mark, last = position or (0, 0, 0, "", "")
        at = _time(last.split()[0].encode(), self._parts) if last else since
        if last and (self.ended or at < since):
            start = max(0, min(since, at) - _EARLIER * self._parts) if self.ended else since
            if found := self._find(start, last):
                yield from self._read(start, found, inside, "", self._open_all)
                return
        try:
            yield from self._read(since, skip, inside, mark, self._open)
        except _MovedError:
            skip = self._find(since, mark)
            if not skip:
                yield Piece(LOST, [since, 0, 0, "", ""], new_line=True)
            yield from self._read(since, skip, inside if skip else 0, "", self._open_all)

    def _read(self, since: int, skip: int, inside: int, mark: str, opened: Open) -> Iterator[Piece]:
        """Yield what follows ``skip`` messages and ``inside`` bytes. Raises _MovedError before the first."""
        tally = _Tally(since, self._parts, lines=self._lines)
        batch: list[bytes] = []
        size = whole = 0  # bytes in the batch, and up to the end of its last line
        for message in opened(since):
            if message.stamp is not None:
                if tally.count == skip:
                    tally.require(mark)
                tally.begin(message.stamp)
            data = tally.add(message.data, inside if tally.count == skip + 1 else 0)
            if tally.count <= skip or not data:
                continue
            batch.append(data)
            size += len(data)
            whole = size if data.endswith(b"\n") else whole
            if (size >= LONG_LINE and whole == size) or size >= _LONGEST:
                yield Piece(b"".join(batch), tally.position())
                batch, size, whole = [], 0, 0
        if tally.count <= skip:
            tally.require(mark, skip if mark else 0)
        raw = b"".join(batch)
        if whole:
            yield Piece(raw[:whole], tally.position(whole=True))
        if raw[whole:]:
            yield Piece(raw[whole:], tally.position())

    def _find(self, since: int, mark: str) -> int:
        """Return how many messages since then come up to the last one with that mark; 0 if there is none."""
        tally, found = _Tally(since, self._parts, lines=self._lines), 0
        for message in self._open_all(since):
            if message.stamp is not None:
                found = tally.count if tally.is_at(mark) else found
                tally.begin(message.stamp)
            tally.add(message.data, 0)
        return tally.count if tally.is_at(mark) else found


class _Tally:
    """Counts the messages since a time, and makes positions. count: of those that have begun."""

    def __init__(self, since: int, parts: int, *, lines: bool) -> None:
        self._since = since
        self._parts = parts
        self._lines = lines
        self._counts: dict[int, int] = {}  # by time
        self._latest = 0
        self._time, self._stamp, self._crc, self._size = 0, b"", 0, 0  # of the last message
        self._line: tuple[int, bytes, int, int] | None = None  # the same of the last message that ends a line
        self._after: list[int] = []  # the times of the messages after it
        self.count = 0

    def begin(self, stamp: bytes) -> None:
        """Begin the next message."""
        time = _time(stamp, self._parts)
        self._counts[time] = self._counts.get(time, 0) + 1
        self._latest = max(self._latest, time)
        self._time, self._stamp, self._crc, self._size = time, stamp, 0, 0
        self._after.append(time)
        self.count += 1

    def add(self, data: bytes, known: int) -> bytes:
        """Add to the present message; return what is after its first ``known`` bytes."""
        if not self.count:
            raise Unreachable("the engine returns a log without times")
        before = self._size
        self._crc = zlib.crc32(data, self._crc)
        self._size += len(data)
        if data.endswith(b"\n"):
            self._line = (self._time, self._stamp, self._crc, self._size)
            self._after.clear()
        return data[max(0, known - before) :] if known else data

    def is_at(self, mark: str) -> bool:
        """Return whether the last message has that mark."""
        return bool(self.count) and _mark(self._stamp, self._crc, self._size) == mark

    def require(self, mark: str, count: int = 0) -> None:
        """Raise _MovedError unless there are so many messages, and the last one has that mark, if it is not empty."""
        if self.count < count or (mark and not self.is_at(mark)):
            raise _MovedError

    def position(self, *, whole: bool = False) -> Position:
        """Return the position after the last message, or after the last whole line."""
        unfinished = self._lines and bool(self._after)
        left_out = self._after if whole else self._after[-1:] if unfinished else []
        last = self._line if whole or unfinished else (self._time, self._stamp, self._crc, self._size)
        if last is not None:
            self._since = max(self._since, min(self._latest - _BEFORE * self._parts, last[0], *left_out))
        self._counts = {time: number for time, number in self._counts.items() if time >= self._since}
        skip = sum(self._counts.values()) - sum(time >= self._since for time in left_out)
        inside = self._size if unfinished and not whole else 0
        mark = _mark(*last[1:]) if last is not None and skip and last[0] >= self._since else ""
        exact = last is not None and b"." in last[1]  # of those in whole seconds, many may be the same
        return [self._since, skip, inside, mark, _mark(*last[1:]) if last is not None and exact else ""]


def _mark(stamp: bytes, crc: int, size: int) -> str:
    """Return what a message is recognized by."""
    return f"{stamp.decode()} {crc:x} {size}"


def _time(stamp: bytes, parts: int) -> int:
    """Return a time in seconds since the epoch, or in tenths of them if ``parts`` is 10. Raises Unreachable."""
    try:
        second = _second(stamp[:19] + stamp[19:].lstrip(b".0123456789"))
        return second if parts == 1 else second * 10 + int(stamp[20:21])
    except ValueError:
        raise Unreachable(f"the engine returns a log with the time {stamp[:40]!r}") from None


@lru_cache(64)
def _second(text: bytes) -> int:
    return int(datetime.fromisoformat(text.decode("ascii")).timestamp())
