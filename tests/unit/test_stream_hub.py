"""The thread that makes the bytes of all streams: turns, bounds, ends and faults."""

import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import NoReturn, cast

import pytest

from pfcon.front import hub as hubs
from pfcon.front.connection import Connection
from pfcon.front.hub import BUFFERED, Hub, Source, Stream
from pfcon.front.streams import Streams
from pfcon.testing.waiting import eventually


class Delivered:
    """What a hub has delivered. None: the end of a stream."""

    def __init__(self) -> None:
        self.hub = Hub(lambda stream, data: self.parts.append((stream, data)))
        self.parts: list[tuple[Stream, bytes | None]] = []
        self.closed: list[str] = []

    def of(self, stream: Stream) -> list[bytes | None]:
        return [data for one, data in list(self.parts) if one is stream]

    def source(self, name: str, *parts: bytes) -> Source:
        """A source with these parts, which notes when it is closed."""
        try:
            yield from parts
        finally:
            self.closed.append(name)

    def endless(self, name: str, part: bytes) -> Source:
        try:
            while True:
                yield part
        finally:
            self.closed.append(name)


@pytest.fixture
def delivered() -> Iterator[Delivered]:
    yield Delivered()
    assert eventually(lambda: all(thread.name != "streams" for thread in threading.enumerate()))


@contextmanager
def open_stream(delivered: Delivered, source: Source, *, chunked: bool = False) -> Iterator[Stream]:
    """A stream that is closed at the end."""
    stream = Stream(source, chunked=chunked)
    delivered.hub.add(stream)
    try:
        yield stream
    finally:
        delivered.hub.close(stream)


def test_parts_are_delivered_in_order_and_then_the_end(delivered: Delivered) -> None:
    with open_stream(delivered, delivered.source("s", b"a", b"", b"b")) as stream:
        assert eventually(lambda: delivered.of(stream) == [b"a", b"b", None])
    assert delivered.closed == ["s"]


def test_parts_of_http_1_1_are_chunks(delivered: Delivered) -> None:
    with open_stream(delivered, delivered.source("s", b"x" * 17), chunked=True) as stream:
        assert eventually(lambda: delivered.of(stream) == [b"11\r\n" + b"x" * 17 + b"\r\n", None])
        assert stream.made == 17 + 6
        assert stream.end == b"0\r\n\r\n"


def test_a_stream_that_is_not_sent_is_not_made_and_keeps_nobody(delivered: Delivered) -> None:
    part = b"x" * 10_000
    with open_stream(delivered, delivered.endless("large", part)) as large:
        assert eventually(lambda: large.is_full)
        with open_stream(delivered, delivered.source("small", b"a", b"b")) as small:
            assert eventually(lambda: delivered.of(small) == [b"a", b"b", None])
        assert BUFFERED <= large.made < BUFFERED + len(part)
        before, large.sent = large.made, large.made
        delivered.hub.wake()
        assert eventually(lambda: large.made > before)
    assert eventually(lambda: "large" in delivered.closed)


def test_streams_that_always_have_something_take_turns(delivered: Delivered) -> None:
    with (
        open_stream(delivered, delivered.endless("one", b"1" * 1000)) as one,
        open_stream(delivered, delivered.endless("other", b"2" * 1000)) as other,
    ):
        assert eventually(lambda: one.is_full and other.is_full)
        first = [stream for stream, _ in delivered.parts if stream in (one, other)][100:200]
        assert 40 <= first.count(one) <= 60


def test_a_closed_stream_ends_its_source_at_once(delivered: Delivered, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubs, "TICK", 3600.0)
    source = delivered.endless("s", b"")
    next(source)  # as the thread of the request does
    with open_stream(delivered, source):
        pass
    assert eventually(lambda: delivered.closed == ["s"])


def test_a_stream_without_a_thread_is_refused_and_closed(
    delivered: Delivered, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_thread(*_: object) -> NoReturn:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(hubs, "run_in_background", no_thread)
    streams = Streams(*[lambda *_: None] * 4)
    source = delivered.endless("s", b"a")
    next(source)
    stream = Stream(source, chunked=True)
    connection = cast(Connection, SimpleNamespace(stream=stream, sock=SimpleNamespace(kept=1), deadline=0.0))
    with pytest.raises(ConnectionAbortedError):  # then the loop closes the connection
        streams.begin(connection, stream)
    streams.close(connection)
    assert delivered.closed == ["s"]
    assert "can't start new thread" in caplog.text


def test_the_fault_of_a_source_ends_its_stream_alone(delivered: Delivered, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> Generator[bytes, None, None]:
        yield b"a"
        raise ValueError("broken on purpose")

    with open_stream(delivered, delivered.endless("other", b"")), open_stream(delivered, broken()) as stream:
        assert eventually(lambda: delivered.of(stream) == [b"a", None])
        assert "other" not in delivered.closed
    assert "broken on purpose" in caplog.text
