"""A client of ``GET events/`` and ``.../logs/?follow``: it reads Server-Sent Events by their specification."""

import json
from collections.abc import Iterator
from types import TracebackType
from typing import Any, NamedTuple, Self

import requests

from pfcon.testing.waiting import PATIENCE

from .live import Api


class Message(NamedTuple):
    """One block of a stream. name: of the event; "" for a block without data, such as a heartbeat."""

    id: int
    name: str
    data: dict[str, Any]
    comment: str


class EventStream:
    """A stream that is open; an iterator of its messages, and a context manager. ``retry``: what the server asks for.

    last: ``Last-Event-ID``. patience: seconds without a byte after which reading raises ``requests.ConnectionError``.
    """

    path = "events/"

    def __init__(self, api: Api, query: str = "", *, last: int | None = None, patience: float = PATIENCE) -> None:
        headers = {**api.headers, **({} if last is None else {"Last-Event-ID": str(last)})}
        self.response = requests.get(api.url + self.path + query, headers=headers, stream=True, timeout=patience)
        assert self.response.status_code == 200, self.response.text
        self.last_id = last or 0
        self.retry = 0
        self._lines = self.response.iter_lines(chunk_size=65536, decode_unicode=True)  # a chunk is given as it comes
        self.first = next(self)

    def __iter__(self) -> Iterator[Message]:
        return self

    def __next__(self) -> Message:
        name, comment = "", ""
        data: list[str] = []
        for line in self._lines:
            if not line:
                return Message(self.last_id, name, json.loads("\n".join(data)) if data else {}, comment)
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            match field:
                case "":
                    comment = value
                case "id":
                    self.last_id = int(value)
                case "event":
                    name = value
                case "data":
                    data.append(value)
                case "retry":
                    self.retry = int(value)
                case _:
                    raise AssertionError(line)
        raise StopIteration

    def jobs(self, number: int) -> list[Message]:
        """The next messages about jobs."""
        found: list[Message] = []
        while len(found) < number:
            message = next(self)
            assert message.name in ("", "job"), message
            found += [message] if message.name else []
        return found

    def until(self, status: str, jid: str) -> list[dict[str, Any]]:
        """The data of a job's messages up to a status."""
        found: list[dict[str, Any]] = []
        for message in self:
            if message.name == "job" and message.data["jid"] == jid:
                found.append(message.data)
                if message.data["status"] == status:
                    return found
        raise AssertionError(f"the stream has ended after {found}")

    def close(self) -> None:
        """As a client that goes away."""
        self.response.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class LogStream(EventStream):
    """The log of a job as it comes."""

    path = "pluginjobs/"

    def __init__(self, api: Api, jid: str, *, last: int | None = None, patience: float = PATIENCE) -> None:
        super().__init__(api, f"{jid}/logs/?follow", last=last, patience=patience)

    def text(self) -> str:
        """The text of all lines until the end of the stream, which has to be that of the job."""
        return "".join(message.data["text"] for message in self.rest() if message.name == "log")

    def rest(self) -> list[Message]:
        """The messages until the end of the job."""
        found = list(self)
        assert [message.name for message in found].count("end") == 1, found[-3:]
        assert found[-1].name == "end", found[-3:]
        return found

    def next_named(self, name: str) -> Message:
        """The next message of that name."""
        return next(message for message in self if message.name == name)
