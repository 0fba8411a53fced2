"""Removing orphans, each with a record for the time of the removal: see ``pfcon.records.removals``."""

import logging

from pfcon.errors import Absent
from pfcon.jobs.about import of_id
from pfcon.jobs.context import JobContext
from pfcon.jobs.engine_jobs import EngineJobs
from pfcon.jobs.orphans import Orphan
from pfcon.jobs.ownership import service_matcher
from pfcon.jobs.removal import Remover
from pfcon.models import JobKind
from pfcon.records import Phase
from pfcon.records.removals import removing
from pfcon.service_log import working_on
from pfcon.units import human_age

log = logging.getLogger(__name__)


class OrphanRemover:
    """Removes orphans that are still orphans, and logs each removal.

    Methods raise Unreachable if the engine or the records do not answer: the service then completes the removal.
    """

    def __init__(self, context: JobContext, remover: Remover) -> None:
        self._context = context
        self._remover = remover

    def remove(self, orphan: Orphan, *, active: bool = False) -> bool:
        """Remove an orphan. Returns False, and changes nothing, if it has a record now, is used, or does not exist.

        active: also a job of the engine that has not ended: it is stopped.
        """
        with working_on(of_id(orphan.jid, orphan.kind)):
            return self._remove(orphan, active=active)

    def _remove(self, orphan: Orphan, *, active: bool) -> bool:
        kinds = (orphan.kind,) if orphan.kind else tuple(JobKind)  # all kinds can use the data
        found = {kind: self._context.journal.get(orphan.jid, kind) for kind in kinds}
        recorded = any(record is not None and record.phase is not Phase.REMOVED for record in found.values())
        if recorded or not self._is_removable(orphan, active=active):
            return False
        with_data = orphan.kind is None
        with removing(self._context.journal, orphan.jid, found, with_data=with_data, since=orphan.since) as records:
            if not records:
                return False
            if orphan.engine is not None:  # also where REMOVE_JOBS keeps jobs that a client deletes
                orphan.engine.remove(orphan.name, service_matcher(self._context, orphan.name))
            for record in records:
                self._remover.remove(record, with_data=record.with_data)
                if record is records[0]:  # the others are placeholders of kinds that may use the data
                    _log(orphan)
        return True

    def _is_removable(self, orphan: Orphan, *, active: bool) -> bool:
        """Return whether nothing has changed that prevents the removal."""
        if orphan.engine is None:
            uses = EngineJobs(self._context, may_list=False).active(orphan.jid)
            if uses:
                log.warning("%s is kept: a job that has not ended may use it: %s", orphan.name, ", ".join(uses))
            return not uses and self._context.storebase.job(orphan.jid).is_taken()
        try:
            info = orphan.engine.info(orphan.name, service_matcher(self._context, orphan.name))
        except Absent:
            return False
        return active or info.status.ended


def _log(orphan: Orphan) -> None:
    what = f"the {orphan.kind.value} job" if orphan.kind else "the data"
    log.info("removed %s %s without a record (%s): %s", what, orphan.name, orphan.where, human_age(orphan.age()))
