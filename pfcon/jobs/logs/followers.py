"""Copies the logs of jobs that are followed, with one thread of each process for all of them."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pfcon.background import run_in_background
from pfcon.errors import PfconError, Unreachable
from pfcon.jobs.about import of_id
from pfcon.models import JobId, JobKind
from pfcon.service_log import working_on

log = logging.getLogger(__name__)

SHORTEST, LONGEST = 0.5, 2.0  # seconds between two copies of a log: while lines come, and after a time without any
FAILING = 5.0  # seconds after a copy that failed

Copy = Callable[[JobId, JobKind], bool]
"""Copies the log of a job. Returns whether it has grown. Takes a second or two at most, if the engine answers."""


@dataclass
class _Followed:
    followers: int = 0
    pause: float = SHORTEST
    due: float = 0.0  # monotonic seconds


class Followers:
    """The jobs that are followed. Thread-safe. The thread exists while there are any."""

    def __init__(self, copy: Copy) -> None:
        self._copy = copy
        self._changed = threading.Condition()
        self._jobs: dict[tuple[JobId, JobKind], _Followed] = {}
        self._running = False

    @contextmanager
    def following(self, jid: JobId, kind: JobKind) -> Iterator[None]:
        """A context in which the log of a job is copied. Raises Unreachable if no thread can be started."""
        with self._changed:
            if not self._running:
                try:
                    run_in_background("logs that are followed", self._run)
                except RuntimeError as fault:
                    raise Unreachable(f"the log of {kind.noun} {jid} can't be followed now: {fault}") from fault
                self._running = True
            self._jobs.setdefault((jid, kind), _Followed()).followers += 1
            self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                followed = self._jobs[jid, kind]
                followed.followers -= 1
                if not followed.followers:
                    del self._jobs[jid, kind]
                    self._changed.notify()

    def _run(self) -> None:
        while (due := self._next()) is not None:
            jid, kind = due
            with working_on(of_id(jid, kind)):
                pause = self._copied(jid, kind)
            with self._changed:
                if followed := self._jobs.get(due):
                    followed.pause = min(LONGEST, followed.pause * 1.5) if pause is None else pause
                    followed.due = time.monotonic() + followed.pause

    def _next(self) -> tuple[JobId, JobKind] | None:
        """Wait until a copy is due, and return the job; None, and the thread ends, when no job is followed any more."""
        with self._changed:
            while self._jobs:
                job, followed = min(self._jobs.items(), key=lambda item: item[1].due)
                wait = followed.due - time.monotonic()
                if wait <= 0:
                    return job
                self._changed.wait(wait)
            self._running = False
            return None

    def _copied(self, jid: JobId, kind: JobKind) -> float | None:
        """Copy a log; return the pause after that, None for a longer one than before."""
        try:
            return SHORTEST if self._copy(jid, kind) else None
        except (PfconError, OSError) as error:
            log.debug("the log of %s %s can't be copied now: %s", kind.noun, jid, error)
        except Exception:  # the others are followed, too
            log.exception("the log of %s %s can't be copied", kind.noun, jid)
        return FAILING
