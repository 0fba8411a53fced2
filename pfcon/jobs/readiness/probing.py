"""Asks parts whether they work: at the same time, with a time limit, and not more often than every few seconds."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pfcon.errors import PfconError, StorageFull
from pfcon.jobs.lookup import Lookup
from pfcon.service_log import write

log = logging.getLogger(__name__)

KEPT = 10.0  # seconds for which the result of a part that works is kept
KEPT_FAILURE = 2.0  # seconds, of one that does not: it may just be starting
PATIENCE = 4.0  # seconds after which a part that has not answered does not work

Probe = Callable[[], str]
"""Returns a short text about a part that works. Raises PfconError or OSError for one that does not."""


@dataclass(frozen=True)
class PartState:
    """Whether a part works. ms: how long its answer took, in milliseconds. is_full: whether it only lacks space."""

    ok: bool
    ms: int
    message: str
    is_full: bool = False


class _Part:
    """One part, whose changes are logged. Thread-safe."""

    def __init__(self, name: str, probe: Probe, kept: float, patience: float) -> None:
        self._name, self._probe = name, probe
        self._works = True  # as far as the log knows
        self._logging = threading.Lock()
        self._patience = patience
        self._lookup = Lookup(
            f"is {name} ready",
            self._ask,
            kept=lambda state: kept if state.ok else min(kept, KEPT_FAILURE),
            hung=self._hung,
            failed=lambda error: PartState(ok=False, ms=0, message=str(error)),
            patience=patience,
        )
        self.begin = self._lookup.begin

    def state(self) -> PartState:
        """Return the state, at most ``patience`` after it was asked for."""
        return self._lookup.result(self._patience)

    def _hung(self, seconds: float) -> PartState:
        state = PartState(ok=False, ms=round(seconds * 1000), message=f"no answer for {seconds:.0f} s")
        self._log(state)
        return state

    def _ask(self) -> PartState:
        begun, ok, is_full = time.monotonic(), False, False
        message = "internal error; see the service's log"
        try:
            message = self._probe()
            ok = True
        except (PfconError, OSError) as error:
            message, is_full = str(error), isinstance(error, StorageFull)
        except Exception:  # nothing else catches it in this thread; the part does not work
            log.exception("%s: its probe failed", self._name)
        state = PartState(ok, round((time.monotonic() - begun) * 1000), message, is_full)
        self._log(state)
        return state

    def _log(self, state: PartState) -> None:
        """Write a line when the part has begun to work or to fail."""
        with self._logging:
            changed, self._works = state.ok != self._works, state.ok
        if changed:
            text = "part works again" if state.ok else "part does not work"
            write(log, logging.WARNING, text, part=self._name, error="" if state.ok else state.message)


class Readiness:
    """All parts. Thread-safe.

    patience, kept: seconds, see PATIENCE and KEPT. kept_of: the latter of parts that differ.
    """

    def __init__(
        self,
        probes: Mapping[str, Probe],
        *,
        patience: float = PATIENCE,
        kept: float = KEPT,
        kept_of: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        self._parts = {name: _Part(name, probe, kept_of.get(name, kept), patience) for name, probe in probes.items()}

    def states(self, names: Iterable[str] | None = None) -> dict[str, PartState]:
        """Return the state of each part, or of those with these names; at most PATIENCE later, and KEPT old."""
        parts = {name: part for name, part in self._parts.items() if names is None or name in names}
        for part in parts.values():
            part.begin()
        return {name: part.state() for name, part in parts.items()}
