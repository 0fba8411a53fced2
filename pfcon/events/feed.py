"""The events of the database for the streams of one process: one poll a second for all of them, none without any."""

import logging
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from pfcon.background import run_in_background
from pfcon.errors import PfconError
from pfcon.records.events import Batch, Event, EventLog

log = logging.getLogger(__name__)

POLL = 1.0  # seconds between two polls of the database
RECENT = 1000  # events in memory
BATCH = 100  # events that a reader gets at a time


class Feed:
    """Passes on events in the order of their numbers. Thread-safe. May be made before a fork."""

    def __init__(self, events: EventLog) -> None:
        self._events = events
        self._changed = threading.Condition()
        self._readers = 0
        self._polls = False  # whether the thread runs
        self._recent: deque[Event] = deque(maxlen=RECENT)  # without a gap, up to _last
        self._last = 0

    @contextmanager
    def reading(self) -> Iterator[Batch]:
        """A context in which ``read_after`` returns new events, with the numbers of the moment. Raises Unreachable."""
        batch = self._events.read(0, 0)
        with self._changed:
            if self._readers == 0:
                self._recent.clear()
                self._last = batch.last
            self._readers += 1
            if not self._polls:
                run_in_background("events", self._poll)
                self._polls = True
        try:
            yield batch
        finally:
            with self._changed:
                self._readers -= 1
                self._changed.notify_all()

    def read_after(self, number: int) -> Batch:
        """Return at most BATCH events after a number, without waiting for one. Raises Unreachable."""
        with self._changed:
            if number >= self._last:
                return Batch((), self._last, 0)
            if self._recent and self._recent[0].id <= number + 1:
                start = number + 1 - self._recent[0].id  # numbers have no gaps
                found = tuple(self._recent[place] for place in range(start, min(start + BATCH, len(self._recent))))
                return Batch(found, self._last, 0)
        return self._events.read(number, BATCH)

    def _poll(self) -> None:
        failing = False
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._readers == 0, POLL)
                if self._readers == 0:
                    self._polls = False
                    return
                last = self._last
            try:
                more = True
                while more:
                    batch = self._events.read(last, BATCH)
                    more = len(batch.events) == BATCH
                    last = self._add(batch, last)
                failing = False
            except PfconError as error:
                if not failing:
                    log.warning("the events of jobs can't be read; streams wait: %s", error)
                failing = True
            except Exception:  # the thread must go on: its streams would hang
                log.exception("the events of jobs can't be read")

    def _add(self, batch: Batch, before: int) -> int:
        """Add events that were read after a number; return the number of the last one."""
        with self._changed:
            if batch.events:
                if batch.events[-1].id == before + len(batch.events):
                    self._recent += batch.events
                else:  # some were deleted while the database could not be read
                    self._recent.clear()
                self._last = batch.events[-1].id
            return self._last
