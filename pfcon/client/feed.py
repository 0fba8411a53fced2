"""What happens to a job until its end: its states, and each line of its log."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pfcon.client.connection import FOLLOWING, Connection
from pfcon.models import JobStatus

SHORTEST, LONGEST = 0.25, 2.0  # seconds between two looks at a job; longer while nothing happens
MISSED = "pfcon: lines are missing here: the log grows faster than it is read"
_PREFIX = "pfcon: "  # of the last line of a log, if it is the job's message

Compute = dict[str, Any]  # the object ``compute`` of the interface


@dataclass(frozen=True)
class News:
    """New lines of a log, without their ends, and the state of the job at that time."""

    lines: tuple[str, ...]
    compute: Compute


class JobFeed(ABC):
    """Follows one job. Iteration ends after the news with a final status."""

    @abstractmethod
    def __iter__(self) -> Iterator[News]:
        """Yield news, the first one without delay. Raises ServiceAway, Answered."""


class PolledFeed(JobFeed):
    """Asks for the job again and again. Its lines are those of the end of the log that an answer has.

    So lines are lost if more are written between two looks than an answer has: then MISSED is in their place.
    """

    def __init__(self, connection: Connection, jid: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._connection, self._jid, self._sleep = connection, jid, sleep

    def __iter__(self) -> Iterator[News]:
        seen: list[str] = []
        pause = SHORTEST
        last = None
        while True:
            compute: Compute = self._connection.get(f"jobs/{self._jid}/", FOLLOWING)["compute"]
            ended = is_final(compute)
            tail = complete_lines(log_without_message(compute), ended=ended)
            new = unseen(seen, tail)
            seen = tail or seen
            state = (compute["status"], compute["message"])
            if new or state != last or ended:
                yield News(tuple(new), compute)
                pause, last = SHORTEST, state
            if ended:
                return
            self._sleep(pause)
            pause = min(pause * 1.3, LONGEST)


def is_final(compute: Compute) -> bool:
    """Whether a job has ended. A status that this version does not know counts as final."""
    return compute["status"] not in (JobStatus.NOT_STARTED, JobStatus.STARTED)


def log_without_message(compute: Compute) -> str:
    """Return the log without the line that pfcon has added, which is the job's message."""
    logs: str = compute["logs"]
    head, _, last = logs.removesuffix("\n").rpartition("\n")
    message = " ".join(compute["message"].split("\n"))
    added = compute["status"] != JobStatus.STARTED and last.startswith(_PREFIX) and message
    if not (added and message.startswith(last.removeprefix(_PREFIX))):
        return logs
    return f"{head}\n" if head else ""


def complete_lines(text: str, *, ended: bool) -> list[str]:
    """Return the lines of a text; the last one, if it has no end, only when the job has ended."""
    lines = text.split("\n")
    last = lines.pop()
    return [*lines, last] if last and ended else lines


def unseen(seen: list[str], tail: list[str]) -> list[str]:
    """Return the lines of ``tail`` that come after those of ``seen``, an earlier end of the same log.

    The first line of ``tail`` may lack its beginning. MISSED comes first if the two do not overlap.
    """
    if not seen:
        return tail
    if not tail:
        return []
    for same_beginning in (str.__eq__, str.endswith):
        for start in range(len(seen)):
            overlap = seen[start : start + len(tail)]
            if same_beginning(overlap[0], tail[0]) and overlap[1:] == tail[1 : len(overlap)]:
                return tail[len(overlap) :]
    return [MISSED, *tail]
