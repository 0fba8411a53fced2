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

_PARTS = 10  # of a second
_NEWEST = 1000  # messages
_MOST = 4 * 1024 * 1024  # bytes of them


def log_source(
    ask: Ask, kind: str, key: str, prefix: bytes | None, *, ended: bool, podman: bool = False
) -> TimedSource:
    """Return the log of a container or a task. kind: ``containers`` or ``tasks``. key: its Id.

    ended: whether it has. podman: whether it is Podman's API, which gives the times of messages in whole seconds.
    One that was removed is empty. Reading it raises Unreachable (ContainerLogs, TaskLogs of the Docker Engine API).
    """

    def read(**query: Any) -> Iterator[Message]:
        with suppress(Absent), ask("GET", kind, key, "logs", stdout=1, stderr=1, timestamps=1, **query) as answer:
            yield from messages(answer.read)

    def all_since(tenths: int) -> Iterator[Message]:
        return read(since=f"{tenths // _PARTS}.{tenths % _PARTS}")

    def since(tenths: int) -> Iterator[Message]:
        newest = _newest(read(since=f"{tenths // _PARTS}.{tenths % _PARTS}", tail=_NEWEST)) if tenths else None
        return all_since(tenths) if newest is None else iter(newest)

    if podman:  # with a number of lines, it loses some: see DockerEngine._read_log
        return TimedSource(key, lambda second: read(since=second), prefix, lines=False, ended=ended)
    return TimedSource(key, since, prefix, lines=False, parts=_PARTS, ended=ended, open_all=all_since)


def _newest(found: Iterator[Message]) -> list[Message] | None:
    """Return these messages, if they are all since a time; None if there may be more.

    Docker reads all of a log for those since a time, but only its end for the newest ones, of which it then leaves out
    those that are older. So if fewer came than were asked for, none is missing.
    """
    newest, size = [], 0
    for message in found:
        newest.append(message)
        size += len(message.data)
        if len(newest) >= _NEWEST or size > _MOST:
            return None
    return newest
