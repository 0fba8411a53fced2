"""Runs work in the background, in daemon threads."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from contextvars import Context

from pfcon.errors import PfconError
from pfcon.service_log import log_context

log = logging.getLogger(__name__)


def run_in_background(name: str, work: Callable[[], None]) -> threading.Thread:
    """Start ``work`` in a daemon thread and return the thread; what ``work`` raises is logged.

    The thread may be killed with its process at any moment; then a later process must be able to finish the work.
    """
    thread = threading.Thread(target=_guarded, args=(name, work), name=name, daemon=True)
    thread.start()
    return thread


def _guarded(name: str, work: Callable[[], None]) -> None:
    try:
        work()
    except Exception:  # no caller could catch it
        log.exception("background work failed: %s", name)


class BackgroundPool:
    """A queue of work for at most ``size`` daemon threads, which exist only while there is work. Thread-safe.

    The log lines of work have the job and the id of the request of the thread that has added it.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._ended = threading.Condition(self._lock)
        self._waiting: deque[tuple[str, Callable[[], None], Context]] = deque()
        self._threads = 0

    def add(self, name: str, work: Callable[[], None]) -> None:
        """Add ``work`` to the queue; what it raises is logged. Raises RuntimeError when no thread can be started."""
        with self._lock:
            self._waiting.append((name, work, log_context()))
            if self._threads >= self._size:
                return
            try:
                run_in_background(name, self._run)
            except RuntimeError:  # no thread can be started
                self._waiting.pop()
                raise
            self._threads += 1

    def wait(self) -> None:
        """Wait until all work has ended."""
        with self._ended:
            self._ended.wait_for(lambda: self._threads == 0)

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._threads -= 1
                    self._ended.notify_all()
                    return
                name, work, context = self._waiting.popleft()
            context.run(_guarded, name, work)


REMOVALS = BackgroundPool(4)
"""Removes directory trees for the whole process. More threads would only slow down each other."""


class Ticker:
    """Calls ``work`` every ``interval`` seconds in a daemon thread until ``stop``; errors are logged."""

    def __init__(self, name: str, interval: float, work: Callable[[], None]) -> None:
        self._stop = threading.Event()
        self._work = work
        self._interval = interval
        self._thread = run_in_background(name, self._run)

    def stop(self, *, wait: bool = False) -> None:
        """Stop after the present call of ``work``. wait: return when that has ended."""
        self._stop.set()
        if wait:
            self._thread.join()

    def _run(self) -> None:
        failing = ""
        while not self._stop.wait(self._interval):
            try:
                self._work()
                if failing:
                    log.info("%s works again", self._thread.name)
                failing = ""
            except (PfconError, OSError) as error:
                why = (isinstance(error, OSError) and error.strerror) or str(error)  # names of files may differ
                if why != failing:  # else every few seconds, for as long as a database or storeBase is away
                    log.warning("%s failed, and will be retried: %s", self._thread.name, error)
                failing = why
            except Exception:  # no error may end the thread: the database may be unreachable for a minute
                log.exception("periodic work failed")
