"""Work that goes on beside the requests, in daemon threads."""

import logging
import threading
from collections.abc import Callable

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
            except Exception:  # a database that is away for a minute must not end the ticking
                log.exception("periodic work failed")
