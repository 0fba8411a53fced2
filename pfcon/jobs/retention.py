"""Removing what is older than PFCON_RETENTION_DAYS and PFCON_ORPHANS_DAYS allow. Never what an active job uses."""

import logging
import time
from collections.abc import Iterator

from pfcon.background import BackgroundPool
from pfcon.errors import DamagedJob, PfconError, Unreachable
from pfcon.files.last_change import last_change
from pfcon.jobs.context import JobContext
from pfcon.jobs.engine_jobs import EngineJobs
from pfcon.jobs.orphan_removal import OrphanRemover
from pfcon.jobs.orphans import Orphan, OrphanFinder
from pfcon.jobs.removal import Remover
from pfcon.models import JobId, JobKind
from pfcon.records import Phase, Record
from pfcon.records.ages import ended_jids
from pfcon.records.removals import removing
from pfcon.units import DAY, human_age

log = logging.getLogger(__name__)

BATCH = 50  # jids that are read at a time
INTERVAL = 3600.0  # seconds between two runs of a process
_POOL = BackgroundPool(1)


class Retention:
    """Removes ended jobs, and orphans. Several processes may do that at the same time."""

    def __init__(self, context: JobContext, remover: Remover) -> None:
        self._context = context
        self._journal = context.journal
        self._remover = remover
        self._next = 0.0  # when, in monotonic seconds

    def run_if_due(self) -> None:
        """Run in the background, once in INTERVAL."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + INTERVAL
            _POOL.add("retention", self._run_logged)

    def _run_logged(self) -> None:
        try:
            self.run_once()
        except (PfconError, OSError) as error:
            log.warning("old jobs can't be removed now; trying again in an hour: %s", error)

    def run_once(self) -> None:
        """Remove what is too old now. Raises Unreachable if the records or an engine do not answer, OSError."""
        settings = self._context.retention
        if settings.days:
            self.remove_ended(time.time() - settings.days * DAY)
        if settings.orphans_days:
            self._remove_orphans(settings.orphans_days * DAY)

    def remove_ended(self, before: float) -> int:
        """Remove the jobs that ended before a moment, as ``DELETE`` does; return the number of jids.

        before: seconds since the epoch. The jobs of a jid are removed once all have ended before it. Raises as
        ``run_once``.
        """
        number, engine_jobs = 0, EngineJobs(self._context)
        for jid in self.ended(before):
            try:
                number += self._remove_jobs(jid, before, engine_jobs)
            except DamagedJob as error:
                log.warning("job %s is not removed: %s", jid, error)
        return number

    def ended(self, before: float) -> Iterator[JobId]:
        """Yield the jids whose jobs have all ended before a moment, in order. Raises Unreachable."""
        after = ""
        while jids := ended_jids(self._journal.database.engine, before, after, BATCH):
            yield from jids
            after = jids[-1]

    def _remove_jobs(self, jid: JobId, before: float, engine_jobs: EngineJobs) -> bool:
        found = {kind: self._journal.get(jid, kind) for kind in JobKind}
        records = [record for record in found.values() if record is not None and record.phase is not Phase.REMOVED]
        if not all(record.phase is Phase.FINAL and _end(record) < before for record in records):
            return False  # it has begun again
        if active := engine_jobs.active(jid):
            log.warning("job %s has ended by its record, and is kept: the engine runs %s", jid, ", ".join(active))
            return False
        changed = last_change(str(self._context.storebase.job(jid).path))
        if changed is not None and changed >= before:  # a service with other records may use them
            log.info("job %s has ended by its record, and is kept: its data were changed later", jid)
            return False
        with removing(self._journal, jid, found, with_data=True) as removals:
            for record in removals:
                self._remover.remove(record, with_data=record.with_data)
        if removals:
            for record in records:
                age = human_age(time.time() - _end(record))
                log.info("removed the %s job of %s: it ended %s ago", record.kind.value, jid, age)
        return bool(removals)

    def _remove_orphans(self, oldest: float) -> None:
        self._context.records_in_use.update()
        finder, remover = OrphanFinder(self._context), OrphanRemover(self._context, self._remover)
        reach = time.time() - oldest
        if finder.records_begin is None or finder.records_begin > reach:
            log.warning(
                "orphans are not removed: the records are younger than PFCON_ORPHANS_DAYS, so these jobs may have had "
                "records that were lost; pfcon records orphans lists them"
            )
            return
        for orphan in finder.find():
            if orphan.since is not None and orphan.since < reach and not orphan.active:
                self._remove_orphan(remover, orphan)

    def _remove_orphan(self, remover: OrphanRemover, orphan: Orphan) -> None:
        if not orphan.proven:
            log.warning("%s is not removed: it is older than all records, which may have been lost", orphan.name)
        elif orphan.kind is None or self._context.options.remove_jobs:
            try:
                remover.remove(orphan)
            except Unreachable as error:
                if not isinstance(error, DamagedJob):
                    raise
                log.warning("%s is not removed: %s", orphan.name, error)


def _end(record: Record) -> float:
    return record.finished_at.timestamp() if record.finished_at else record.changed_at
