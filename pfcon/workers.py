"""A pool of threads that share one piece of work. The first error cancels the other threads and is raised."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

from pfcon.service_log import log_context

TICK = 0.25  # seconds between two checks of the threads


class Cancelled(Exception):
    """This thread was cancelled because another one has failed; that error is raised to the caller."""


class WorkerPool:
    """Runs one function in several threads. The function must call ``check`` often, so that it can be cancelled.

    name: prefix of the threads' names. most: maximal number of threads. on_stop: called, once or more, to end the work.
    """

    def __init__(self, name: str, most: int, on_stop: Callable[[], None] = lambda: None) -> None:
        self._name, self.most, self._on_stop = name, most, on_stop
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._cpu = 0.0  # seconds of all threads

    def check(self) -> None:
        """Raise Cancelled when another thread has failed."""
        if self._stopped.is_set():
            raise Cancelled

    def add_cpu_time(self, seconds: float) -> None:
        """Add CPU seconds of a thread. While the threads use little CPU, more of them are started."""
        with self._lock:
            self._cpu += seconds

    def run(
        self,
        work: Callable[[], None],
        report: Callable[[], None],
        *,
        every: float = 1,
        threads: int = 0,
    ) -> None:
        """Call ``work`` in each of several threads, and wait for all. Call ``report`` each ``every`` seconds.

        threads: a fixed number; 0: starts with one for each core, at most two, and adds more while they mostly wait.
        Raises the first error of ``work`` or ``report``.
        """
        started, reported = time.monotonic(), time.monotonic()
        left: set[Future[None]] = set()
        over: set[Future[None]] = set()
        failed = False
        with ThreadPoolExecutor(self.most, self._name) as pool:
            try:
                for _ in range(threads or min(2, len(os.sched_getaffinity(0)))):
                    left.add(pool.submit(log_context().run, self._guarded, work))
                while left and not failed:
                    done, left = wait(left, timeout=min(every, TICK), return_when=FIRST_EXCEPTION)
                    over |= done
                    failed = any(future.exception() for future in done)
                    if left and not over and not threads and self._waits(time.monotonic() - started, len(left)):
                        left.add(pool.submit(log_context().run, self._guarded, work))
                        started = time.monotonic()
                    if left and not failed and time.monotonic() - reported >= every:
                        report()
                        reported = time.monotonic()
            finally:
                self._stop()
        for future in sorted(over | left, key=lambda future: isinstance(future.exception(), Cancelled)):
            future.result()

    def _stop(self) -> None:
        self._stopped.set()
        self._on_stop()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException:  # stop the others immediately: the waiting thread may react late
            self._stop()
            raise

    def _waits(self, elapsed: float, threads: int) -> bool:
        with self._lock:
            busy, self._cpu = self._cpu, 0.0
        return elapsed >= TICK and threads < self.most and busy < 0.5 * threads * elapsed
