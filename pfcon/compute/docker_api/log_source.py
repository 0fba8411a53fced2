"""A container's or a task's log of a Docker API, from a position in it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from typing import Any

from pfcon.compute.docker_api.http import Answer
from pfcon.compute.docker_api.log import messages
from pfcon.compute.timed_log import Message, TimedSource
from pfcon.errors import Absent

Ask = Callable[..., AbstractContextManager[Answer]]
"""``ApiCalls.ask``."""


def log_source(ask: Ask, kind: str, key: str, prefix: bytes | None) -> TimedSource:
    """Return the log of a container or a task. kind: ``containers`` or ``tasks``. key: its Id.

    One that was removed is empty. Reading it raises Unreachable (ContainerLogs, TaskLogs of the Docker Engine API).
    """

    def since(second: int) -> Iterator[Message]:
        query: dict[str, Any] = {"stdout": 1, "stderr": 1, "timestamps": 1, "since": second}
        with suppress(Absent), ask("GET", kind, key, "logs", **query) as answer:
            yield from messages(answer.read)

    return TimedSource(key, since, prefix, lines=False)
