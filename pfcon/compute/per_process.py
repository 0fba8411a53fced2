"""One connection to an engine for all threads of a process, made on first use."""

import os
import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar


class Connected(Protocol):
    """What a process may use that made it, and no child of it."""

    @property
    def pid(self) -> int:
        """The process that made it."""
        ...


C = TypeVar("C", bound=Connected)


class PerProcess(Generic[C]):
    """Makes one in each process: connections can't be shared with a parent process."""

    def __init__(self, connect: Callable[[], C]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._made: C | None = None

    def get(self) -> C:
        """The one of this process. Raises what making it raises; the next call then tries again."""
        made = self._made
        if made is None or made.pid != os.getpid():
            with self._lock:
                made = self._made
                if made is None or made.pid != os.getpid():
                    made = self._made = self._connect()
        return made
