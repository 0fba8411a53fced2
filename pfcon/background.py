"""Work that goes on beside the requests, in daemon threads."""

import logging
import threading
from collections import deque
from collections.abc import Callable

from pfcon.errors import PfconError

log = logging.getLogger(__name__)


def run_in_background(name: str, work: Callable[[], None]) -> threading.Thread:
    """Start ``work`` in a daemon thread; what it raises is logged.

    A thread that dies with its process must leave nothing that a later process can't find and finish.
    """

    def guarded() -> None:
        try:
            work()
        except Exception:  # nobody above could catch it; it is logged in full
            log.exception("background work failed: %s", name)

    thread = threading.Thread(target=guarded, name=name, daemon=True)
    thread.start()
    return thread


class BackgroundPool:
    """Does work in the order in which it comes, in at most ``size`` daemon threads, and in none while there is none."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._waiting: deque[tuple[str, Callable[[], None]]] = deque()
        self._threads = 0

    def add(self, name: str, work: Callable[[], None]) -> None:
        """Have ``work`` done; what it raises is logged."""
        with self._lock:
            self._waiting.append((name, work))
            if self._threads >= self._size:
                return
            try:
                run_in_background(name, self._run)
            except RuntimeError:  # no more threads now
                self._waiting.pop()
                raise
            self._threads += 1

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._threads -= 1
                    return
                name, work = self._waiting.popleft()
            try:
                work()
            except Exception:  # as above
                log.exception("background work failed: %s", name)


REMOVALS = BackgroundPool(4)
"""Takes trees off the disk for all parts of a process: more at once would only disturb each other."""


class Ticker:
    """Calls ``work`` every ``interval`` seconds in a daemon thread until stopped; a failure is logged, not fatal."""

    def __init__(self, name: str, interval: float, work: Callable[[], None]) -> None:
        self._stop = threading.Event()
        self._work = work
        self._interval = interval
        self._thread = run_in_background(name, self._run)

    def stop(self) -> None:
        """Ask for the end; the work that runs now goes on to its own end."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            try:
                self._work()
            except PfconError as error:
                log.warning("%s: tried again in a moment: %s", self._thread.name, error)
            except Exception:  # a database that is away for a minute must not end the ticking
                log.exception("periodic work failed")
