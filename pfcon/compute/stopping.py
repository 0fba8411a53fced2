"""A way to stop, from another thread, work that waits for an answer which may never come."""

import contextlib
import threading
from collections.abc import Callable, Iterator


class Stop:
    """A stop request. The worker checks it, or registers how to interrupt its waiting. Thread-safe."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._interrupt: Callable[[], None] | None = None

    def set(self) -> None:
        """Request the stop. Idempotent: a later call interrupts also what an earlier one could not."""
        self._event.set()
        interrupt = self._interrupt
        if interrupt:
            interrupt()

    def is_set(self) -> bool:
        """Return whether a stop was requested."""
        return self._event.is_set()

    @contextlib.contextmanager
    def interrupting(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """A context in which ``set`` calls ``interrupt``, in the thread of its caller."""
        self._interrupt = interrupt
        try:
            if self.is_set():
                interrupt()
            yield
        finally:
            self._interrupt = None
