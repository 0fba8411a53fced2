"""Asks parts whether they work: at the same time, with a time limit, and not more often than every few seconds."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pfcon.background import run_in_background
from pfcon.errors import PfconError
from pfcon.service_log import write

log = logging.getLogger(__name__)

KEPT = 10.0  # seconds for which the result of a part that works is kept
KEPT_FAILURE = 2.0  # seconds, of one that does not: it may just be starting
PATIENCE = 4.0  # seconds after which a part that has not answered does not work

Probe = Callable[[], str]
"""Returns a short text about a part that works. Raises PfconError or OSError for one that does not."""


@dataclass(frozen=True)
class PartState:
    """Whether a part works. ms: how long its answer took, in milliseconds."""

    ok: bool
    ms: int
    message: str


class _Part:
    """One part. Thread-safe. A probe that hangs, as on a dead network file system, keeps one thread and no more."""

    def __init__(self, name: str, probe: Probe, kept: float) -> None:
        self._name, self._probe, self._kept = name, probe, kept
        self._changed = threading.Condition()
        self._state: PartState | None = None
        self._asked_at = 0.0  # monotonic seconds: when the present or the last probe began
        self._running = False

    @property
    def last(self) -> PartState | None:
        """The last result; None if there is none yet."""
        return self._state

    def begin(self) -> None:
        """Begin a probe, unless one is running or the last result is young enough."""
        with self._changed:
            now = time.monotonic()
            kept = self._kept if self._state is None or self._state.ok else min(self._kept, KEPT_FAILURE)
            if self._running or (self._state is not None and now - self._asked_at < kept):
                return
            self._running, self._asked_at = True, now
        run_in_background(f"is {self._name} ready", self._run)

    def wait(self, until: float) -> PartState:
        """Return the result. until: monotonic seconds at which a part that has not answered does not work."""
        with self._changed:
            self._changed.wait_for(lambda: not self._running, max(0.0, until - time.monotonic()))
            if not self._running and self._state is not None:
                return self._state
            seconds = time.monotonic() - self._asked_at
        return PartState(ok=False, ms=round(seconds * 1000), message=f"no answer for {seconds:.0f} s")

    def _run(self) -> None:
        begun, ok = time.monotonic(), False
        message = "internal error; see the service's log"
        try:
            message = self._probe()
            ok = True
        except (PfconError, OSError) as error:
            message = str(error)
        except Exception:  # nothing else catches it in this thread; the part does not work
            log.exception("%s: its probe failed", self._name)
        finally:
            with self._changed:
                self._log(ok, message)
                self._state = PartState(ok, round((time.monotonic() - begun) * 1000), message)
                self._running = False
                self._changed.notify_all()

    def _log(self, ok: bool, message: str) -> None:
        """Write a line when the part has begun to work or to fail."""
        worked = self._state is None or self._state.ok
        if ok != worked:
            text = "part works again" if ok else "part does not work"
            write(log, logging.WARNING, text, part=self._name, error="" if ok else message)


class Readiness:
    """All parts. Thread-safe. patience, kept: seconds, see PATIENCE and KEPT."""

    def __init__(self, probes: Mapping[str, Probe], *, patience: float = PATIENCE, kept: float = KEPT) -> None:
        self._parts = {name: _Part(name, probe, kept) for name, probe in probes.items()}
        self._patience = patience

    def last(self) -> dict[str, PartState]:
        """Return the last known state of each part, at once; it may be old, and parts that were never asked lack."""
        for part in self._parts.values():
            part.begin()
        return {name: state for name, part in self._parts.items() if (state := part.last)}

    def states(self) -> dict[str, PartState]:
        """Return the state of each part, by its name; at most PATIENCE later, and KEPT old."""
        until = time.monotonic() + self._patience
        for part in self._parts.values():
            part.begin()
        return {name: part.wait(until) for name, part in self._parts.items()}
