"""A snapshot of a batch system's queue, which all threads of a process share for a short time."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar

from pfcon.errors import Unreachable


class QueuedJob(Protocol):
    """One job of a queue. id: the system's. marker: pfcon's; empty for others' jobs.

    state: empty if only the id could be read. unread: the text of the job, if a part of it could not be read.
    """

    @property
    def id(self) -> str: ...
    @property
    def marker(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def unread(self) -> str: ...


R = TypeVar("R", bound=QueuedJob)


class JobQueue(Generic[R]):
    """ask: requests all rows, or raises Unreachable. staleness: seconds for which an answer is shared. Thread-safe."""

    def __init__(self, ask: Callable[[], Iterable[R]], staleness: float) -> None:
        self._ask = ask
        self._staleness = staleness
        self._lock = threading.Lock()
        self._asked_at = float("-inf")  # monotonic seconds, before the request
        self._by_id: dict[str, R] = {}
        self._by_marker: dict[str, list[R]] = {}
        self._failed_at = float("-inf")  # when the last request without an answer was made
        self._fault: Unreachable | None = None

    def row(self, number: str | None, marker: str) -> R | None:
        """Return a job by its id, or by its marker if the id is not known yet; None if it is not in the queue.

        A missing job is looked up again unless the snapshot is newer than the call. Raises Unreachable.
        """
        asked = time.monotonic()
        self._refresh(asked - self._staleness)
        found = self._find(number, marker)
        if found is None:
            self._refresh(asked)
            found = self._find(number, marker)
        return found

    def rows(self) -> list[R]:
        """Return all jobs in the queue. Raises Unreachable."""
        self._refresh(time.monotonic() - self._staleness)
        return list(self._by_id.values())

    def fresh(self, marker: str, number: str | None) -> list[R]:
        """Return all rows that were submitted for a job, from a new snapshot. Raises Unreachable."""
        self._refresh(time.monotonic())
        rows = {row.id: row for row in self._by_marker.get(marker, ())}
        if number in self._by_id:
            rows[number] = self._by_id[number]
        return list(rows.values())

    def _find(self, number: str | None, marker: str) -> R | None:
        if number is not None:
            return self._by_id.get(number)
        return next(iter(self._by_marker.get(marker, ())), None)

    def _refresh(self, since: float) -> None:
        """Update the snapshot unless it was requested after ``since``. Concurrent calls share one request."""
        waiting_since = time.monotonic()
        with self._lock:
            if self._asked_at >= since:
                return
            if self._fault and self._failed_at >= waiting_since:
                raise Unreachable(str(self._fault))
            asked_at = time.monotonic()
            try:
                rows = list(self._ask())
            except Unreachable as fault:
                self._fault, self._failed_at = fault, time.monotonic()
                raise
            # A line that can't be read, for example a part of another user's comment, does not affect other lines.
            rows.sort(key=lambda row: (not row.unread, bool(row.state)))
            self._by_id = {row.id: row for row in rows}
            self._by_marker = {}
            for row in rows:
                if row.marker:
                    self._by_marker.setdefault(row.marker, []).append(row)
            self._asked_at, self._fault = asked_at, None
