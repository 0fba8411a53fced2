"""Looks something up in the background: callers wait only a limited time, and a look-up that hangs keeps one thread."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from pfcon.background import run_in_background

T = TypeVar("T")


class Lookup(Generic[T]):
    """A result, looked up when somebody asks for it and the last one is old. Thread-safe.

    kept: the seconds for which a result is kept. hung: the result while a look-up lasts too long, given for how many
    seconds it has lasted. patience: seconds after which it lasts too long. failed: the result if ``look_up`` raises
    something, which is logged, or if no thread can be started.
    """

    def __init__(
        self,
        name: str,
        look_up: Callable[[], T],
        *,
        kept: Callable[[T], float],
        hung: Callable[[float], T],
        failed: Callable[[Exception], T],
        patience: float,
    ) -> None:
        self._name, self._look_up = name, look_up
        self._kept, self._hung, self._failed = kept, hung, failed
        self._patience = patience
        self._changed = threading.Condition()
        self._found: list[T] = []  # the last result, once there is one
        self._asked_at = 0.0  # monotonic seconds: when the present or the last look-up began
        self._running = False

    def begin(self) -> None:
        """Begin a look-up, unless one is running or the last result is young enough."""
        with self._changed:
            now = time.monotonic()
            if self._running or (self._found and now - self._asked_at < self._kept(self._found[0])):
                return
            self._running, self._asked_at = True, now
        try:
            run_in_background(self._name, self._run)
        except RuntimeError as error:  # no thread can be started
            self._end(self._failed(error))

    def result(self, wait: float) -> T:
        """Return the result. wait: seconds from the begin of the look-up in which the new one is waited for.

        So a look-up that is known to hang is not waited for. Without a new one, it is the last one.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._running, max(0.0, self._asked_at + wait - time.monotonic()))
            lasts = time.monotonic() - self._asked_at
            if not self._found or (self._running and lasts >= self._patience):
                return self._hung(lasts)
            return self._found[0]

    def _run(self) -> None:
        try:
            found = self._look_up()
        except Exception as error:
            self._end(self._failed(error))
            raise  # to the log
        self._end(found)

    def _end(self, found: T) -> None:
        with self._changed:
            self._found, self._running = [found], False
            self._changed.notify_all()
