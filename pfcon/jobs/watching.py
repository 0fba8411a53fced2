"""Looking at jobs that no client asks for: an engine keeps an ended job, and how it ended, for a limited time only."""

import logging

from pfcon.errors import PfconError
from pfcon.jobs.context import JobContext
from pfcon.jobs.scheduling import Scheduler
from pfcon.models import JobKind
from pfcon.records import Phase

log = logging.getLogger(__name__)

INTERVAL = 20.0  # seconds between two looks: at least one a minute, also while processes come and go


class Watcher:
    """Each living process looks at its share of the jobs."""

    def __init__(self, context: JobContext, scheduler: Scheduler) -> None:
        self._context = context
        self._journal = context.journal
        self._scheduler = scheduler

    def look(self) -> None:
        """Look at every job of this process's share. Raises Unreachable when the records can't be read."""
        away: set[JobKind] = set()
        for jid, kind in self._journal.scheduled():
            record = self._journal.get(jid, kind)
            if record is None or record.phase is not Phase.SCHEDULED or kind in away:
                continue
            try:
                self._scheduler.watch(record)
            except PfconError as error:
                log.warning("job %s (%s): can't look at it now: %s", jid, kind, error)
                away.add(kind)  # an engine that does not answer is not asked for each job
            except Exception:  # one that can't be helped must not keep the others waiting
                log.exception("job %s (%s): looking at it failed", jid, kind)
