"""How the figures of a service are looked up: in the background, so that nobody waits for a database or a disk."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from pfcon import __version__
from pfcon.background import run_in_background
from pfcon.errors import PfconError
from pfcon.jobs.context import JobContext
from pfcon.jobs.measuring.collector import Figures, FiguresCollector
from pfcon.jobs.readiness import Readiness
from pfcon.jobs.watching.watch import Watch
from pfcon.records.overview import Count, count_jobs

T = TypeVar("T")

KEPT = 10.0  # seconds for which a figure is kept


class Latest(Generic[T]):
    """A figure as it was found last: one or two answers to Prometheus ago. Thread-safe.

    look_up: may take long; raises PfconError or OSError when the figure is unknown, which is logged by who notices an
    outage. unknown: the figure then, and before it was looked up.
    """

    def __init__(self, name: str, look_up: Callable[[], T], unknown: T) -> None:
        self._name, self._look_up, self._unknown = name, look_up, unknown
        self._lock = threading.Lock()
        self._found = unknown
        self._found_at = float("-inf")  # monotonic seconds
        self._running = False

    def get(self) -> T:
        """Return the figure at once, and have it looked up again if it is old."""
        with self._lock:
            if not self._running and time.monotonic() - self._found_at > KEPT:
                self._running = True
                run_in_background(self._name, self._run)
            return self._found

    def _run(self) -> None:
        found = self._unknown
        try:
            found = self._look_up()
        except (PfconError, OSError):
            pass
        finally:
            with self._lock:
                self._found, self._found_at, self._running = found, time.monotonic(), False


def make_collector(context: JobContext, watch: Watch, readiness: Readiness) -> FiguresCollector:
    """Return what looks up the figures of a service process."""
    jobs: Latest[tuple[Count, ...]] = Latest("count jobs", lambda: count_jobs(context.journal.database.engine), ())
    free: Latest[int | None] = Latest("look at the free space", context.storebase.free_bytes, None)
    return FiguresCollector(
        Figures(
            jobs=jobs.get,
            free_bytes=free.get,
            keeper_lag=lambda: watch.keeper_silence,
            parts=lambda: {name: state.ok for name, state in readiness.last().items()},
            version=__version__,
        )
    )
