"""How the commands follow the stream of a log: lines, pieces of lines, lost connections, older services."""

from collections.abc import Iterator
from typing import Any, cast

import pytest

from pfcon.client.connection import FOLLOWING, Connection
from pfcon.client.errors import Answered, ServiceAway
from pfcon.client.event_source import Message, read_messages
from pfcon.client.feed import LONGEST_LINE, News, StreamedFeed

END = {"jid": "j", "status": "finishedWithError", "message": "exit code 3", "exit_code": 3, "reason": "ExitCode"}
STARTED = {"status": "started", "message": "", "reason": ""}


class Streams:
    """A service with these streams, one after the other, and the end of its job."""

    def __init__(self, *streams: list[tuple[int, str, dict[str, Any]]] | Exception) -> None:
        self.left = list(streams)
        self.asked: list[str] = []
        self.is_there = True

    def messages(self, path: str, last: str) -> Iterator[Message]:
        assert path == "jobs/j/logs/?follow"
        self.asked.append(last)
        stream = self.left.pop(0)
        if isinstance(stream, Exception):
            raise stream
        for number, name, data in stream:
            yield Message(str(number), name, data)

    def get(self, path: str, patience: object) -> dict[str, Any]:
        assert path == "jobs/j/"
        if not self.is_there:
            raise Answered("there is no job j", 404)
        return {"compute": {**END, "logs": "one\ntwo\n"}}


def follow(streams: Streams) -> list[News]:
    return list(StreamedFeed(cast(Connection, streams), "j", sleep=lambda _: None))


def lines_of(news: list[News]) -> list[str]:
    return [line for piece in news for line in piece.lines]


def test_lines_and_states_come_as_they_are_told_and_the_end_has_the_whole_state() -> None:
    news = follow(
        Streams(
            [
                (0, "status", STARTED),
                (8, "log", {"text": "one\ntwo\n"}),
                (8, "later", {"of": "a later release"}),
                (8, "status", END),
                (8, "end", END),
            ]
        )
    )
    assert lines_of(news) == ["one", "two"]
    assert [piece.compute["status"] for piece in news if piece.compute] == ["started", END["status"], END["status"]]
    assert news[-1].compute is not None
    assert news[-1].compute["logs"]  # as the service answers it


def test_a_stream_that_is_cut_off_goes_on_after_the_last_event_also_within_a_line() -> None:
    streams = Streams(
        [(0, "status", STARTED), (6, "log", {"text": "one\ntw"})],
        [],
        [(6, "status", STARTED), (8, "log", {"text": "o\n"}), (12, "log", {"text": "last"}), (12, "end", END)],
    )
    assert lines_of(follow(streams)) == ["one", "two", "last"]
    assert streams.asked == ["", "6", "6"]


def test_what_is_left_out_is_told_as_a_line() -> None:
    found = follow(Streams([(3, "log", {"text": "one"}), (10, "gap", {"bytes": 7}), (10, "end", END)]))
    assert lines_of(found) == ["one", "pfcon: 7 bytes of the log are left out here"]


def test_a_line_without_end_is_given_in_pieces() -> None:
    text = "x" * (64 << 10)
    stream = [(number, "log", {"text": text}) for number in range(40)]
    found = lines_of(follow(Streams([*stream, (40, "end", END)])))
    assert "".join(found) == text * 40
    assert max(map(len, found)) <= LONGEST_LINE + len(text)


def test_a_service_without_such_streams_is_asked_for_the_job_again_and_again() -> None:
    found = follow(Streams(Answered("no such resource", 404)))
    assert lines_of(found) == ["one", "two"]


def test_another_refusal_is_told() -> None:
    with pytest.raises(Answered):
        follow(Streams([(1, "log", {"text": "\n"})], Answered("refused", 400)))


REMOVED = {"status": "removed", "message": "the job was removed", "reason": "", "exit_code": None}
ENDED: list[tuple[int, str, dict[str, Any]]] = [(8, "end", END)]


@pytest.mark.parametrize(
    ("streams", "is_there"),
    [
        ([[(3, "log", {"text": "one"}), (3, "status", REMOVED), (3, "end", REMOVED)]], True),  # and posted again
        ([[(3, "log", {"text": "one"})], Answered("there is no job j", 404)], False),
        ([[(3, "log", {"text": "one"}), *ENDED]], False),
    ],
)
def test_a_job_that_is_removed_meanwhile_ends_as_that(streams: list[Any], is_there: bool) -> None:
    told = Streams(*streams)
    told.is_there = is_there
    found = follow(told)
    assert lines_of(found) == ["one"]
    assert found[-1].compute == {"jid": "j", **REMOVED}


def test_a_stream_that_never_has_an_event_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter(range(0, 10_000, 60))
    monkeypatch.setattr("pfcon.client.feed.time.monotonic", lambda: next(moments))
    streams = Streams(*([[]] * 100))
    with pytest.raises(ServiceAway):
        follow(streams)
    assert len(streams.asked) < FOLLOWING.outage / 60 + 3


def test_events_are_read_as_the_standard_has_them() -> None:
    text = (
        b'retry: 2000\nid: 3\n\n: heartbeat\nid: 4\n\nid: 5\nevent: log\ndata: {"text":\ndata: "a"}\n\n'
        b"event: log\ndata: {}\n\nid: 9\nevent: log\ndata: {}"
    )
    assert list(read_messages(text.splitlines())) == [Message("5", "log", {"text": "a"}), Message("5", "log", {})]
