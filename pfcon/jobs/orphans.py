"""Finding orphans: what is left of jobs without a record.

They are jobs of the engines that this service has signed, and directories ``key-<jid>`` of storeBase. A job that was
removed counts as one without a record, but not on an engine where REMOVE_JOBS keeps the jobs.
"""

import os
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from pfcon.compute.base import ComputeEngine
from pfcon.errors import Absent, PfconError, Refused
from pfcon.files.last_change import last_change
from pfcon.jobs.context import JobContext
from pfcon.jobs.engine_jobs import EngineJobs, EngineListing, end_of
from pfcon.jobs.failures import FailureLimit
from pfcon.jobs.ownership import service_matcher
from pfcon.models import JobId, JobKind, parse_engine_name
from pfcon.paths import KEY_PREFIX
from pfcon.records import Phase
from pfcon.records.ages import RecordState, begin_of_records, states_of_jids

T = TypeVar("T")
BATCH = 500  # orphans whose records are read at a time
States = Mapping[JobKind, RecordState]
STOREBASE = "storeBase"


@dataclass(frozen=True)
class Orphan:
    """What is left of one job: a job of an engine, or the data of a jid.

    kind, engine: None for data. since: when it ended, or its data were changed for the last time, whichever is later,
    in seconds since the epoch; None if that is not known. active: whether a job that has not ended uses it.
    older_than_records: whether the records do not reach back to that time: they may have been lost, and then it is no
    orphan.
    """

    jid: JobId
    name: str
    kind: JobKind | None
    engine: ComputeEngine | None
    since: float | None
    active: bool
    older_than_records: bool

    @property
    def where(self) -> str:
        """The name of the engine, or STOREBASE."""
        return self.engine.name if self.engine else STOREBASE

    def age(self) -> float | None:
        """Return the seconds since then."""
        return None if self.since is None else max(0.0, time.time() - self.since)


class OrphanFinder:
    """Finds orphans. Memory grows with the number of jobs on the engines only. Raises Unreachable, OSError."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self.engine_jobs = EngineJobs(context)
        self.records_begin = _begin(context)

    def find(self) -> Iterator[Orphan]:
        """Yield the engines' jobs, then data. Between two steps, anything may change.

        What can't be looked up is left out, with a warning in the log; see FailureLimit.
        """
        failures = FailureLimit()
        for listing in self.engine_jobs.listings:
            for jobs in _batches(_signed(self._context, listing)):
                states = self._states({jid for _, jid, _ in jobs} | {JobId(name) for name, _, _ in jobs})
                for name, jid, kind in jobs:
                    if self._is_recorded(name, jid, kind, states):
                        continue
                    found = None
                    with failures.allowing(f"job {name} of {listing.engine.name} is left out"):
                        found = self._job(listing, name, jid, kind)
                    if found:
                        yield found
        for jids in _batches(_jids_with_data(self._context)):
            states = self._states(jids)
            for jid in jids:
                if _is_known(states.get(jid, {})):
                    continue
                found = None
                with failures.allowing(f"the data of job {jid} are left out"):
                    found = self._data(jid, states.get(jid, {}))
                if found:
                    yield found

    def _states(self, jids: Collection[JobId]) -> Mapping[JobId, States]:
        return states_of_jids(self._context.journal.database.engine, jids)

    def _is_recorded(self, name: str, jid: JobId, kind: JobKind, states: Mapping[JobId, States]) -> bool:
        # An earlier release may have chosen the name by other rules.
        own = [states.get(jid, {}).get(kind), states.get(JobId(name), {}).get(JobKind.PLUGIN)]
        kept = not self._context.options.remove_jobs
        return any(state is not None and (kept or state.phase is not Phase.REMOVED) for state in own)

    def _job(self, listing: EngineListing, name: str, jid: JobId, kind: JobKind) -> Orphan | None:
        try:
            info = listing.engine.info(name, service_matcher(self._context, name))
        except Absent:  # it was removed just now
            return None
        since = end_of(info)
        active = not info.status.ended
        return Orphan(jid, name, kind, listing.engine, since, active, self._is_older_than_records(since))

    def _data(self, jid: JobId, states: States) -> Orphan | None:
        job = self._context.storebase.job(jid)
        since = last_change(str(job.path))
        if since is None:
            return None
        # Jobs that were removed without their data.
        own = [state.changed_at for state in states.values() if not state.placeholder]
        use = self.engine_jobs.look(jid)
        since = max([since, *own, use.last_end or 0.0])
        return Orphan(jid, job.name, None, None, since, bool(use.active), self._is_older_than_records(since))

    def _is_older_than_records(self, since: float | None) -> bool:
        return since is None or self.records_begin is None or since < self.records_begin


def _begin(context: JobContext) -> float | None:
    """Return since when each job of this storeBase has had a record; None if that is unknown."""
    with suppress(Refused):
        used_since, begin = context.records_in_use.require(), begin_of_records(context.journal.database.engine)
        return None if begin is None else max(begin, used_since)
    return None


def _is_known(states: States) -> bool:
    return any(state.phase is not Phase.REMOVED for state in states.values())


def _signed(context: JobContext, listing: EngineListing) -> Iterator[tuple[str, JobId, JobKind]]:
    """Yield name, jid and kind of an engine's jobs that this service has signed."""
    for name, request in (listing.requests or {}).items():
        if context.signer.has_signed(name, request):
            with suppress(PfconError):  # it is the name of no job
                yield name, *parse_engine_name(name)


def _jids_with_data(context: JobContext) -> Iterator[JobId]:
    with os.scandir(context.storebase.root) as entries:
        for entry in entries:
            if entry.name.startswith(KEY_PREFIX):
                with suppress(PfconError):
                    jid = JobId.parse(entry.name.removeprefix(KEY_PREFIX))
                    if context.storebase.job(jid).name == entry.name:
                        yield jid


def _batches(items: Iterator[T]) -> Iterator[list[T]]:
    """Yield the items in lists of at most BATCH."""
    while batch := list(islice(items, BATCH)):
        yield batch
