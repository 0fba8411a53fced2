"""Makes the bytes of all streams of a process, in one thread.

A stream is an answer that has no end for a long time, as that of ``GET events/``. Its source is a generator of bytes
that never waits: it yields ``b""`` while it has nothing.
"""

import logging
import threading
from collections.abc import Callable, Generator

from pfcon.background import run_in_background
from pfcon.service_log import log_context

log = logging.getLogger(__name__)

TICK = 0.25  # seconds between two questions to a source that had nothing
BUFFERED = 256 * 1024  # bytes of one stream that are not sent yet; its source is not asked while there are so many

Source = Generator[bytes, None, None]


class Stream:
    """One stream, made by the thread of its request. chunked: as in HTTP/1.1.

    ``made`` is written by the hub alone, ``sent`` by the event loop alone. context: see ``log_context``; the
    source is asked in it.
    """

    def __init__(self, source: Source, *, chunked: bool) -> None:
        self.source = source
        self.chunked = chunked
        self.context = log_context()
        self.closed = False  # nobody reads it any more
        self.made = self.sent = 0  # bytes, with their framing

    @property
    def is_full(self) -> bool:
        """Whether its client has to read before the source is asked again."""
        return self.made - self.sent >= BUFFERED

    def framed(self, data: bytes) -> bytes:
        """Return the bytes as they are sent."""
        return b"%X\r\n%b\r\n" % (len(data), data) if self.chunked else data

    @property
    def end(self) -> bytes:
        """What is sent after the last part."""
        return b"0\r\n\r\n" if self.chunked else b""


class Hub:
    """Asks the sources in turns, so that no stream keeps the others waiting. May be made before a fork.

    deliver: is called by the hub's thread with the next bytes of a stream, and with None after the last ones.
    """

    def __init__(self, deliver: Callable[[Stream, bytes | None], object]) -> None:
        self._deliver = deliver
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._streams: set[Stream] = set()
        self._runs = False

    def add(self, stream: Stream) -> None:
        """Begin to ask a source. The first stream starts the thread, which ends with the last one.

        Raises RuntimeError if no thread can be started.
        """
        with self._lock:
            if not self._runs:
                run_in_background("streams", self._run)
                self._runs = True
            self._streams.add(stream)
        self._woken.set()

    def close(self, stream: Stream) -> None:
        """End a stream: its source is closed, by the thread. Idempotent."""
        stream.closed = True
        self._woken.set()

    def wake(self) -> None:
        """Ask the sources now: a full stream has room again."""
        self._woken.set()

    def _run(self) -> None:
        while True:
            self._woken.clear()
            while sum(stream.context.run(self._ask, stream) for stream in self._present()):
                pass
            with self._lock:
                if not self._streams:
                    self._runs = False
                    return
            self._woken.wait(TICK)

    def _present(self) -> tuple[Stream, ...]:
        with self._lock:
            return tuple(self._streams)

    def _ask(self, stream: Stream) -> bool:
        """Ask a source once; return whether it had something, and may have more.

        No error of a source may end the thread.
        """
        if stream.closed:
            self._remove(stream)
            return False
        if stream.is_full:
            return False
        try:
            data = next(stream.source, None)
        except Exception:
            log.exception("a stream ends early")
            data = None
        if data is None:
            self._remove(stream)
            self._deliver(stream, None)
            return False
        if data:
            framed = stream.framed(data)
            stream.made += len(framed)
            self._deliver(stream, framed)
        return bool(data)

    def _remove(self, stream: Stream) -> None:
        with self._lock:
            self._streams.discard(stream)
        try:
            stream.source.close()
        except Exception:
            log.exception("a stream could not be closed")
