"""JobLogs: the log of a job by offset, wherever it is."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from pfcon.compute.kept_log import Stretch, read_at
from pfcon.errors import Absent
from pfcon.jobs.context import JobContext
from pfcon.jobs.logs.part import LogPart
from pfcon.jobs.ownership import job_matcher
from pfcon.models import JobId, JobKind
from pfcon.records import Phase, Record

log = logging.getLogger(__name__)

NOT_ON_ENGINE = (Phase.STAGING, Phase.SCHEDULING)


class JobLogs:
    """Reads the logs of jobs. Thread-safe."""

    def __init__(self, context: JobContext) -> None:
        self._context = context

    def read(self, jid: JobId, kind: JobKind, offset: int, most: int) -> LogPart:
        """Return at most ``most`` bytes of a job's log, from ``offset``, from files: no engine is asked.

        Raises Absent for an unknown job, Unreachable if the records or storeBase do not answer.
        """
        return self.read_of(self._record(jid, kind), offset, most)

    def read_of(self, record: Record, offset: int, most: int) -> LogPart:
        """See ``read``; the record is one that the caller has: the database is not asked."""
        if record.phase in NOT_ON_ENGINE:
            return LogPart(offset, b"", 0, complete=False)
        found = self._in_place(record, offset, most)
        return _part(found, complete=record.status.final)

    @contextmanager
    def following(self, jid: JobId, kind: JobKind) -> Iterator[None]:
        """A context in which a process copies the engine's log at least about every second. Raises Absent."""
        self._record(jid, kind)
        yield

    def refresh(self, jid: JobId, kind: JobKind) -> None:
        """Copy what the engine has now, if its log is not read in place. Raises Absent, Unreachable."""
        self._record(jid, kind)

    def _record(self, jid: JobId, kind: JobKind) -> Record:
        record = self._context.journal.get(jid, kind)
        if record is None or record.phase is Phase.REMOVED or record.is_placeholder:
            raise Absent(f"there is no {kind.noun} {jid}")
        return record

    def _in_place(self, record: Record, offset: int, most: int) -> Stretch:
        engine = self._context.engine_of(record.kind)
        directory = engine.open_log(record.name, job_matcher(self._context, record))
        if directory is None:
            return Stretch(offset, b"", 0)
        try:
            return read_at(directory, offset, most)
        finally:
            os.close(directory)


def _part(found: Stretch, *, complete: bool) -> LogPart:
    """Return what was found; complete: whether nothing more can come."""
    at_end = found.start + len(found.data) >= found.end
    return LogPart(found.start, found.data, found.end, complete=complete and at_end)
