"""One connection to an engine for all threads of a process, created on first use."""

import os
import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar


class Connected(Protocol):
    """An object that only the process that has created it may use, not its children."""

    @property
    def pid(self) -> int:
        """The id of the process that has created it."""
        ...


C = TypeVar("C", bound=Connected)


class PerProcess(Generic[C]):
    """Creates one object in each process: connections can't be shared with a parent process. Thread-safe."""

    def __init__(self, connect: Callable[[], C]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._made: C | None = None

    def get(self) -> C:
        """Return the object of this process. Raises what its creation raises; then the next call tries again."""
        made = self._made
        if made is None or made.pid != os.getpid():
            with self._lock:
                made = self._made
                if made is None or made.pid != os.getpid():
                    made = self._made = self._connect()
        return made
