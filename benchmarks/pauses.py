"""How long the machine itself stands still meanwhile: a virtual machine does so when its host has other work."""

import contextlib
import os
import time
from multiprocessing.connection import Connection
from types import TracebackType

from benchmarks.apart import CONTEXT

STEP = 0.001  # seconds between two looks at the clock
PRIORITY = 1  # the lowest of real time: enough to be before all that is not


class PauseWatch:
    """A context; ``longest`` afterwards: seconds that a process of real-time priority had to wait for any core.

    Without the right to such a priority it waits for other programs as well; ``real_time`` tells.
    """

    def __init__(self) -> None:
        self._parent, child = CONTEXT.Pipe()
        self._process = CONTEXT.Process(target=_watch, args=(child,), daemon=True)
        self.longest = 0.0
        self.real_time = False

    def __enter__(self) -> "PauseWatch":
        self._process.start()
        self.real_time = self._parent.recv()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parent.send("stop")
        self.longest = self._parent.recv()
        self._process.join()


def _watch(parent: Connection) -> None:
    real_time = False
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
        real_time = True
    parent.send(real_time)
    longest = 0.0
    while not parent.poll():
        begun = time.perf_counter()
        time.sleep(STEP)
        longest = max(longest, time.perf_counter() - begun - STEP)
    parent.send(longest)
