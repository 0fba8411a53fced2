"""How somebody else ends work that waits for an answer which may never come."""

import contextlib
import threading
from collections.abc import Callable, Iterator


class Stop:
    """Set once; whoever works looks at it, or says how its waiting is interrupted."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._interrupt: Callable[[], None] | None = None

    def set(self) -> None:
        """Ask for the end. Idempotent: what could not be interrupted yet is interrupted by a later call."""
        self._event.set()
        interrupt = self._interrupt
        if interrupt:
            interrupt()

    def is_set(self) -> bool:
        """Whether the end was asked for."""
        return self._event.is_set()

    @contextlib.contextmanager
    def interrupting(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """While this lasts, ``set`` calls ``interrupt`` from another thread."""
        self._interrupt = interrupt
        try:
            if self.is_set():
                interrupt()
            yield
        finally:
            self._interrupt = None
