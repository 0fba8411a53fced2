"""Everything that a process does to watch jobs."""

import logging
from collections.abc import Sequence

from pfcon.errors import PfconError
from pfcon.jobs.context import JobContext
from pfcon.jobs.states import JobStates
from pfcon.jobs.watching.engine_watch import EngineWatch
from pfcon.jobs.watching.freshness import Freshness
from pfcon.jobs.watching.outage import Outage
from pfcon.models import JobKind
from pfcon.records.leader import Leadership

log = logging.getLogger(__name__)

RECORDS_RETRY = 4.0  # seconds; longest pause between two attempts, so that a leader is found soon


class Watch:
    """This process's share in watching the jobs: all of it while it is the leader.

    engines: one for each engine of the service. Call their ``tick`` in a thread of its own each, so that an engine that
    does not answer delays no other.
    """

    def __init__(self, context: JobContext, states: JobStates, freshness: Freshness) -> None:
        self._leadership = Leadership(context.journal)
        self._freshness = freshness
        self._records = Outage("the database of the records", RECORDS_RETRY)
        self._hung = False  # at the last ``lead``; for the log
        self.engines: Sequence[EngineWatch] = [
            EngineWatch(kinds, context, states, self._leadership) for kinds in _kinds_by_engine(context)
        ]

    def lead(self) -> None:
        """Take part in the election of the leader, and note how fresh the records are. To be called every second."""
        if self._records.is_backing_off:
            return
        try:
            self._leadership.hold(able=not self._hangs())
        except PfconError as error:
            self._records.failed(error)
            return
        self._records.succeeded()
        self._freshness.observe(self._leadership.rounds)

    def _hangs(self) -> bool:
        """Whether this process can't watch; that is logged once."""
        hung = [engine.name for engine in self.engines if engine.hangs]
        if hung and not self._hung:
            log.error("this process can't watch the %s jobs: a call to their engine never ends", " and ".join(hung))
        self._hung = bool(hung)
        return self._hung

    @property
    def leads(self) -> bool:
        """Whether this process is the leader."""
        return self._leadership.leads

    @property
    def keeper_silence(self) -> float | None:
        """Seconds since the process that watches all jobs was last seen to be at work; None: not seen yet.

        A process whose rounds hang is not at work: it does not say that it is.
        """
        return self._leadership.silence

    @property
    def patience(self) -> float:
        """Seconds of silence after which another process takes over."""
        return self._leadership.takeover

    def resign(self) -> None:
        """Stop watching, because this process is about to exit."""
        self._leadership.resign()


def _kinds_by_engine(context: JobContext) -> list[tuple[JobKind, ...]]:
    """Return the kinds of jobs, grouped by the engine that runs them."""
    groups: dict[int, list[JobKind]] = {}
    for kind in JobKind:
        groups.setdefault(id(context.engine_of(kind)), []).append(kind)
    return [tuple(kinds) for kinds in groups.values()]
