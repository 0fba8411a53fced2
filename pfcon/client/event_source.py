"""Reads Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html). No I/O of its own."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Message:
    """An event. id: from which a client goes on after it."""

    id: str
    name: str
    data: dict[str, Any]


def read_messages(lines: Iterable[bytes]) -> Iterator[Message]:
    """Yield the events of a stream's lines, which have no ends. Raises ValueError if the data are not JSON.

    What comes without the empty line after it is no event: its client gets it again.
    """
    number, name, data = "", "", list[str]()
    for line in lines:
        if not line:
            if data:
                yield Message(number, name, json.loads("\n".join(data)))
            name, data = "", []
            continue
        field, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        match field:
            case "id":
                number = value
            case "event":
                name = value
            case "data":
                data.append(value)
