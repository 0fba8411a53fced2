"""What an engine gives of a log to the service that keeps a copy of it: everything once, from wherever it was left.

A job's log may have several sources: a container or a pod for each worker. Of several workers, each line begins with
the worker's number, ``worker 2: ``; a line longer than LONG_LINE may be cut into several.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from pfcon.compute.kept_log import Stretch

LONG_LINE = 64 * 1024  # bytes
LOST = b"pfcon: a part of the log is missing here, because the engine has not kept it\n"
_BATCH = 256 * 1024  # bytes of one piece of a file
_OVERLAP = 2048  # bytes of a text by which it is recognized in a later one
_ALL = 1_000_000  # lines
_ENDED = "/ended"  # no key of a source; has those of the sources that were read to their end
_HEADING = "== worker 1 ==\n"  # of ``workers.headed``

Position = list[Any]
"""Where a source was left, as JSON. Each type of sources has its own."""


class LogChunk(NamedTuple):
    """The next bytes of a log. cursor: where to go on after them. new_line: they begin a line, whatever came before."""

    data: bytes
    cursor: str
    new_line: bool = False


class Piece(NamedTuple):
    """The next bytes of a source: they end with a line, or are at least LONG_LINE, or are all that it has now."""

    data: bytes
    position: Position
    new_line: bool = False


class Source(ABC):
    """One of the parts of a job's log, that of one worker. key: does not change, and is that of no other source.

    prefix: of each line; None: the bytes are as they are. ended: whether its worker has.
    """

    def __init__(self, key: str, prefix: bytes | None = None, *, ended: bool = False) -> None:
        self.key = key
        self.prefix = prefix
        self.ended = ended

    @abstractmethod
    def read(self, position: Position | None) -> Iterator[Piece]:
        """Yield what comes after a position, None: all, up to what there is now. Raises Absent, Unreachable."""


def prefix_of(worker: int, workers: int) -> bytes | None:
    """Return what begins the lines of a worker, which is counted from 0."""
    return f"worker {worker + 1}: ".encode() if workers > 1 else None


def copied(sources: Sequence[Source], cursor: str, *, ended: bool) -> Iterator[LogChunk]:
    """Yield what these sources have after a cursor. ended: the last lines come also without an end.

    A source that was read after its worker's end is not read again until the job ends.
    """
    positions: dict[str, Position] = json.loads(cursor) if cursor else {}
    for number, source in enumerate(sources):
        if not ended and source.key in positions.get(_ENDED, ()):
            continue
        begins = bool(number) and source.key not in positions
        for piece in source.read(positions.get(source.key)):
            data = piece.data
            if source.prefix is not None:
                if not (ended or source.ended) and len(data) < LONG_LINE and not data.endswith(b"\n"):
                    break  # it comes again, with its end
                data = _prefixed(data, source.prefix)
            positions[source.key] = piece.position
            yield LogChunk(data, json.dumps(positions), new_line=piece.new_line or begins)
            begins = False
        if source.ended and not ended:
            positions.setdefault(_ENDED, []).append(source.key)
            yield LogChunk(b"", json.dumps(positions))


def number_of_reads(cursor: str) -> int:
    """Return how many sources are read for what comes after a cursor; 1 for one that ``copied`` has not made."""
    try:
        positions = json.loads(cursor)
    except ValueError:
        return 1
    if not isinstance(positions, dict):
        return 1
    return max(1, len(positions.keys() - {_ENDED, *positions.get(_ENDED, ())}))


def _prefixed(data: bytes, prefix: bytes) -> bytes:
    return b"".join(b"%b%b\n" % (prefix, line) for line in data.removesuffix(b"\n").split(b"\n"))


class FileSource(Source):
    """A log in files. read_at: takes an offset and a number of bytes."""

    def __init__(self, key: str, read_at: Callable[[int, int], Stretch], prefix: bytes | None = None) -> None:
        super().__init__(key, prefix)
        self._read_at = read_at

    def read(self, position: Position | None) -> Iterator[Piece]:
        """See Source."""
        offset = position[0] if position else 0
        while (found := self._read_at(offset, _BATCH)).data:
            if found.start > offset:
                yield Piece(LOST, [found.start], new_line=True)
            data = found.data
            more = found.start + len(data) < found.end
            whole = data.rfind(b"\n") + 1
            if more and whole:
                data = data[:whole]  # what is left of it is read again, with its end
            elif 0 < whole < len(data):
                yield Piece(data[:whole], [found.start + whole])
                yield Piece(data[whole:], [found.start + len(data)])
                return
            offset = found.start + len(data)
            if more and not whole and len(data) < LONG_LINE:
                data += b"\n"  # its end is lost
            yield Piece(data, [offset])


class TextSource(Source):
    """A log of which an engine returns the last MiB as text, as ``ComputeEngine.logs``.

    Nothing is lost as long as less than that comes between two calls.
    """

    def __init__(self, logs: Callable[[int], str], *, ended: bool) -> None:
        super().__init__("")
        self._logs, self._ended = logs, ended

    def read(self, position: Position | None) -> Iterator[Piece]:
        """See Source. The logs of several workers, one after the other, do not grow at the end: read at the end."""
        text = self._logs(_ALL)
        if not self._ended:
            text = text.rstrip("\ufffd")  # maybe the beginning of a character
        if text.startswith(_HEADING) and not self._ended:
            return
        raw = text.encode()
        count, last = position or (0, "")
        known = last.encode()
        if raw[:count].endswith(known) and len(raw) >= count:
            new, lost = raw[count:], False
        else:
            at = raw.rfind(known)
            new, lost = (raw, True) if at < 0 else (raw[at + len(known) :], False)
        if lost:
            known = b""
            yield Piece(LOST, [0, ""], new_line=True)
        if new:
            overlap = (known + new)[-_OVERLAP:].decode("utf-8", "ignore")
            yield Piece(new, [count + len(new), overlap])
