"""Removing orphans, each under a record of its own: see ``pfcon.records.adoption``."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack

from pfcon.errors import Absent
from pfcon.jobs.context import JobContext
from pfcon.jobs.engine_jobs import EngineJobs, is_active
from pfcon.jobs.orphans import Orphan
from pfcon.jobs.ownership import service_matcher
from pfcon.jobs.removal import Remover
from pfcon.models import JobKind
from pfcon.records import Record, new_claim
from pfcon.records.adoption import adopt
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
        with ExitStack() as claims:
            records = list(self._adopt(orphan, claims)) if self._is_removable(orphan, active=active) else []
            if not records:
                return False
            if orphan.engine is not None:  # also where REMOVE_JOBS keeps jobs that a client deletes
                orphan.engine.remove(orphan.name, service_matcher(self._context, orphan.name))
            for record in records:
                self._remover.remove(record, with_data=record.with_data)
        what = f"the {orphan.kind.value} job" if orphan.kind else "the data"
        log.info("removed %s %s without a record (%s): %s", what, orphan.name, orphan.where, human_age(orphan.age()))
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
        return active or not is_active(info)

    def _adopt(self, orphan: Orphan, claims: ExitStack) -> Iterator[Record]:
        """Yield new records: of the engine's job; or of all kinds, which can use the data. Yields all or none.

        Only the last one deletes the data: it is written when the others are.
        """
        kinds = (orphan.kind,) if orphan.kind else tuple(JobKind)
        found: list[Record] = []
        for kind in kinds:
            claim = new_claim()
            claims.enter_context(self._context.journal.live.on(claim))
            last = orphan.engine is None and len(found) == len(kinds) - 1
            record = adopt(self._context.journal, orphan.jid, kind, claim, with_data=last)
            if record is None:
                break
            found.append(record)
        if len(found) == len(kinds):
            yield from found
            return
        for record in found:  # the jid is in use again
            self._context.journal.delete(record)
