"""Deletes the copies of logs whose job has no record any more, as after ``pfcon records prune``."""

import logging
import time
from collections.abc import Iterator
from itertools import islice

from pfcon.errors import PfconError
from pfcon.jobs.context import JobContext
from pfcon.models import JobId, JobKind, parse_engine_name
from pfcon.records import Phase
from pfcon.records.ages import states_of_jids

log = logging.getLogger(__name__)

AGE = 24 * 3600.0  # seconds since a log was written; younger ones are left alone
_BATCH = 500  # logs whose records are read at a time


def delete_leftovers(context: JobContext) -> int:
    """Delete the logs of jobs without a record, and return their number.

    Not those that are younger than AGE, or older than the use of these records: other ones may have had the jobs.
    Raises Refused if the records are not those that the service uses, Unreachable, OSError.
    """
    after, before, deleted = context.records_in_use.require(), time.time() - AGE, 0
    logs = _logs(context)
    while found := list(islice(logs, _BATCH)):
        states = states_of_jids(context.journal.database.engine, {jid for _, jid, _ in found})
        for name, jid, kind in found:
            state = states.get(jid, {}).get(kind)
            if state is not None and state.phase is not Phase.REMOVED:
                continue
            written = context.log_store.last_change(name)
            if written is not None and after < written < before:
                context.log_store.delete(name)
                deleted += 1
    if deleted:
        log.info("deleted the logs of %d jobs that have no record", deleted)
    return deleted


def _logs(context: JobContext) -> Iterator[tuple[str, JobId, JobKind]]:
    for name in context.log_store.names():
        try:
            yield name, *parse_engine_name(name)
        except PfconError:
            log.debug("%s is the name of no job", name)
