"""What happens to a job until its end: its states, and each line of its log."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from math import inf
from typing import Any

from pfcon.client.connection import FOLLOWING, OUTAGE_SECONDS, Connection
from pfcon.client.errors import Answered, ServiceAway
from pfcon.client.event_source import Message
from pfcon.models import JobStatus

SHORTEST, LONGEST = 0.25, 2.0  # seconds between two looks at a job; longer while nothing happens
AGAIN = 1.0  # seconds until a stream that has ended is asked for again
LONGEST_LINE = 1024 * 1024  # characters; a longer line is given in pieces
LEFT_OUT = "pfcon: {} bytes of the log are left out here"
MISSED = "pfcon: lines may be missing here: the log is longer than an answer, or grows faster than it is read"
TAIL = 1000  # lines of a log in an answer of a service that does not set JOB_LOGS_TAIL
ACTIVE = (JobStatus.NOT_STARTED, JobStatus.STARTED)
REMOVED = "removed"  # the status of a job that does not exist any more
_PREFIX = "pfcon: "  # of the last line of a log, if it is the job's message

Compute = dict[str, Any]  # the object ``compute`` of the interface


@dataclass(frozen=True)
class News:
    """New lines of a log, without their ends, and the state of the job; None if it is what it was.

    The state that is not the last one may have only ``jid``, ``status``, ``message``, ``reason`` and ``exit_code``.
    """

    lines: tuple[str, ...]
    compute: Compute | None = None


class JobFeed(ABC):
    """Follows one job. Iteration ends after the news with a final status, or with REMOVED."""

    @abstractmethod
    def __iter__(self) -> Iterator[News]:
        """Yield news, the first one without delay. Raises ServiceAway, and Answered, with 404 for an unknown job."""


class PolledFeed(JobFeed):
    """Asks for the job again and again. Its lines are those of the end of the log that an answer has.

    So lines are lost if more are written between two looks than an answer has: then MISSED is in their place. A job
    whose state the engine does not know is asked for again, for OUTAGE_SECONDS at most.
    """

    def __init__(self, connection: Connection, jid: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._connection, self._jid, self._sleep = connection, jid, sleep

    def __iter__(self) -> Iterator[News]:
        seen: list[str] = []
        pause = SHORTEST
        last, known_at = None, time.monotonic()
        while True:
            compute = _compute(self._connection, self._jid, known=last is not None)
            if compute["status"] == REMOVED:
                yield News((), compute)
                return
            if compute["status"] in ACTIVE:
                known_at = time.monotonic()
            ended = is_final(compute) or time.monotonic() - known_at > OUTAGE_SECONDS
            text = log_without_message(compute)
            tail = complete_lines(text, ended=ended)
            new = unseen(seen, tail, cut=text.removesuffix("\n").count("\n") + 1 >= TAIL)
            seen = tail or seen
            state = (compute["status"], compute["message"])
            if new or state != last or ended:
                yield News(tuple(new), compute)
                pause, last = SHORTEST, state
            if ended:
                return
            self._sleep(pause)
            pause = min(pause * 1.3, LONGEST)


class StreamedFeed(JobFeed):
    """Follows the job's log as the service sends it: each line once, also over a lost connection or a restart.

    A service of an earlier release has no such stream: then it is a PolledFeed.
    """

    def __init__(self, connection: Connection, jid: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._connection, self._jid, self._sleep = connection, jid, sleep
        self._last = ""  # the id from which the stream goes on
        self._piece = ""  # the beginning of a line

    def __iter__(self) -> Iterator[News]:
        heard_at = time.monotonic()
        while True:
            try:
                for message in self._connection.messages(f"jobs/{self._jid}/logs/?follow", self._last):
                    self._last, heard_at = message.id, inf
                    if news := self._news(message):
                        yield news
                    if message.name == "end":
                        return
            except Answered as refusal:
                if refusal.status != HTTPStatus.NOT_FOUND:
                    raise
                if self._last:
                    yield News(tuple(self._rest()), _removed(self._jid))
                else:
                    yield from PolledFeed(self._connection, self._jid, self._sleep)
                return
            heard_at = min(heard_at, time.monotonic())
            if time.monotonic() - heard_at > OUTAGE_SECONDS:
                raise ServiceAway(f"the log of job {self._jid} is cut off again and again")
            self._sleep(AGAIN)

    def _news(self, message: Message) -> News | None:
        match message.name:
            case "log":
                return self._news_of(self._lines(message.data["text"]))
            case "gap":
                return self._news_of([*self._rest(), LEFT_OUT.format(message.data["bytes"])])
            case "status":
                return News((), {"jid": self._jid, "exit_code": None, **message.data})
            case "end":
                if message.data["status"] == REMOVED:
                    return News(tuple(self._rest()), {"jid": self._jid, **message.data})
                return News(tuple(self._rest()), _compute(self._connection, self._jid, known=True))
        return None  # a later release may have others

    def _news_of(self, lines: Sequence[str]) -> News | None:
        return News(tuple(lines)) if lines else None

    def _lines(self, text: str) -> list[str]:
        """Return the lines that are complete with a text."""
        lines = (self._piece + text).split("\n")
        self._piece = lines.pop()
        return [*lines, *self._rest()] if len(self._piece) > LONGEST_LINE else lines

    def _rest(self) -> list[str]:
        """Return the line that has no end, if there is one."""
        rest, self._piece = self._piece, ""
        return [rest] if rest else []


def _compute(connection: Connection, jid: str, *, known: bool) -> Compute:
    """Return the state of a job; that of a removed one if it is not there. known: whether it has been."""
    try:
        compute: Compute = connection.get(f"jobs/{jid}/", FOLLOWING)["compute"]
    except Answered as refusal:
        if refusal.status != HTTPStatus.NOT_FOUND or not known:
            raise
        return _removed(jid)
    return compute


def _removed(jid: str) -> Compute:
    message = "the job was removed"
    return {"jid": jid, "status": REMOVED, "message": message, "reason": "", "exit_code": None}


def has_surely_ended(compute: Compute) -> bool:
    """Whether a job has ended, and it is known how."""
    return compute["status"] in (JobStatus.SUCCEEDED, JobStatus.FAILED)


def is_final(compute: Compute) -> bool:
    """Whether the state of a job stays as it is.

    An engine may not know a job's state for a moment: ``undefined``, or a status that this version does not know, stays
    only with the time of the end.
    """
    return has_surely_ended(compute) or (compute["status"] not in ACTIVE and bool(compute.get("timestamp")))


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


def unseen(seen: list[str], tail: list[str], *, cut: bool = False) -> list[str]:
    """Return the lines of ``tail`` that come after those of ``seen``, an earlier end of the same log.

    The first line of ``tail`` may lack its beginning. cut: whether ``tail`` may have less than the log. MISSED comes
    first if lines may have come between the two: they do not overlap, or could overlap in several ways.
    """
    if not seen:
        return [MISSED, *tail] if cut else tail
    if not tail:
        return []
    for same_beginning in (str.__eq__, str.endswith):
        places = list(islice(_overlaps(seen, tail, same_beginning), 2))
        if places:
            new = tail[len(seen) - places[0] :]
            similar = len(places) > 1 and places[1] - places[0] < len(tail) // 2
            return [MISSED, *new] if cut and new and similar else new
    return [MISSED, *tail]


def _overlaps(seen: list[str], tail: list[str], same_beginning: Callable[[str, str], bool]) -> Iterator[int]:
    """Yield where ``tail`` may begin in ``seen``, from the most likely place on."""
    for start in range(len(seen)):
        overlap = seen[start : start + len(tail)]
        if same_beginning(overlap[0], tail[0]) and overlap[1:] == tail[1 : len(overlap)]:
            yield start
