"""Removing what is older than PFCON_RETENTION_DAYS and PFCON_ORPHANS_DAYS allow. Never what an active job uses."""

import logging
import time
from collections.abc import Callable

from pfcon.background import BackgroundPool
from pfcon.errors import PfconError
from pfcon.files.last_change import last_change
from pfcon.jobs.about import of_id
from pfcon.jobs.context import JobContext
from pfcon.jobs.engine_jobs import EngineJobs
from pfcon.jobs.failures import FailureLimit
from pfcon.jobs.logs.leftovers import delete_leftovers
from pfcon.jobs.orphan_removal import OrphanRemover
from pfcon.jobs.orphans import Orphan, OrphanFinder
from pfcon.jobs.removal import Remover, log_removed
from pfcon.models import JobId, JobKind
from pfcon.records import Phase, Record
from pfcon.records.ages import ended_jids
from pfcon.records.removals import removing
from pfcon.service_log import working_on
from pfcon.units import DAY

log = logging.getLogger(__name__)

INTERVAL = 3600.0  # seconds from the end of a run to the next one of a process
_POOL = BackgroundPool(1)


class Retention:
    """Removes ended jobs, and orphans. Several processes may do that at the same time."""

    def __init__(self, context: JobContext, remover: Remover) -> None:
        self._context = context
        self._journal = context.journal
        self._remover = remover
        self._next = 0.0  # when, in monotonic seconds
        self._running = False
        self._failed: set[JobId] = set()  # in calls of ``remove_ended`` that ended early

    def run_if_due(self) -> None:
        """Run in the background, INTERVAL after the end of the last run. One thread calls this."""
        if self._running or time.monotonic() < self._next:
            return
        self._running = True
        try:
            _POOL.add("retention", self._run)
        except RuntimeError:
            self._running = False
            raise

    def _run(self) -> None:
        try:
            self.run_once()
        finally:
            self._next = time.monotonic() + INTERVAL
            self._running = False

    def run_once(self) -> None:
        """Remove what is too old now. Failures are logged."""
        settings = self._context.retention
        if settings.days:
            _logged("old jobs", lambda: self.remove_ended(time.time() - settings.days * DAY))
        _logged("logs without a record", lambda: delete_leftovers(self._context))
        if settings.orphans_days:
            _logged("leftovers", lambda: self.remove_orphans(time.time() - settings.orphans_days * DAY))

    def remove_ended(self, before: float) -> int:
        """Remove the jobs that ended before a moment, as ``DELETE`` does; return the number of jids.

        before: seconds since the epoch. The jobs of a jid are removed once all have ended before it. A failure is
        logged, and the rest goes on. Raises the last one of many in a row, see FailureLimit; then the next call leaves
        out what has failed, so that jobs which can't be removed do not keep others.
        """
        number, engine_jobs, failures = 0, EngineJobs(self._context), FailureLimit()
        for jid in ended_jids(self._journal.database.engine, before):
            if jid in self._failed:
                continue
            self._failed.add(jid)
            with working_on(of_id(jid)), failures.allowing(f"job {jid} is not removed"):
                number += self._remove_jobs(jid, before, engine_jobs)
                self._failed.discard(jid)
        self._failed.clear()
        return number

    def _remove_jobs(self, jid: JobId, before: float, engine_jobs: EngineJobs) -> bool:
        found = {kind: self._journal.get(jid, kind) for kind in JobKind}
        records = [record for record in found.values() if record is not None and record.phase is not Phase.REMOVED]
        if not all(record.phase is Phase.FINAL and _end(record) < before for record in records):
            return False  # it has begun again
        if active := engine_jobs.active(jid):
            log.warning(
                "job %s has ended by its record, and is kept: the engine runs %s",
                jid,
                ", ".join(active),
                extra=of_id(jid),
            )
            return False
        changed = last_change(str(self._context.storebase.job(jid).path))
        if changed is not None and changed >= before:  # a service with other records may use them
            log.info("job %s has ended by its record, and is kept: its data were changed later", jid, extra=of_id(jid))
            return False
        with removing(self._journal, jid, found, with_data=True) as removals:
            for removal in removals:
                self._remover.remove(removal, with_data=removal.with_data)
                if (record := found[removal.kind]) in records and record:
                    log_removed(record, _end(record))
        return bool(removals)

    def remove_orphans(self, before: float) -> None:
        """Remove what is left of jobs without a record since before a moment, in seconds since the epoch.

        Not what is active, or older than all records. Logs failures and raises as ``remove_ended``.
        """
        self._context.records_in_use.update()
        finder, remover = OrphanFinder(self._context), OrphanRemover(self._context, self._remover)
        if finder.records_begin is None or finder.records_begin > before:
            log.warning(
                "orphans are not removed: the records are younger than PFCON_ORPHANS_DAYS, so these jobs may have had "
                "records that were lost; pfcon records orphans lists them"
            )
            return
        failures = FailureLimit()
        for orphan in finder.find():
            if orphan.since is not None and orphan.since < before and not orphan.active:
                with working_on(of_id(orphan.jid, orphan.kind)), failures.allowing(f"{orphan.name} is not removed"):
                    self._remove_orphan(remover, orphan)

    def _remove_orphan(self, remover: OrphanRemover, orphan: Orphan) -> None:
        if orphan.older_than_records:
            log.warning("%s is not removed: it is older than all records, which may have been lost", orphan.name)
        elif orphan.kind is None or self._context.options.remove_jobs:
            remover.remove(orphan)


def _logged(what: str, work: Callable[[], object]) -> None:
    try:
        work()
    except (PfconError, OSError) as error:
        log.warning("%s can't be removed now; trying again in an hour: %s", what, error)


def _end(record: Record) -> float:
    return record.finished_at.timestamp() if record.finished_at else record.changed_at
