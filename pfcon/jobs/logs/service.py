"""JobLogs: the log of a job by offset, wherever it is."""

import os
from contextlib import AbstractContextManager

from pfcon.compute.kept_log import Stretch, read_at
from pfcon.errors import Absent, Unreachable
from pfcon.jobs.context import JobContext
from pfcon.jobs.logs.copier import LogCopier
from pfcon.jobs.logs.followers import Followers
from pfcon.jobs.logs.part import LogPart
from pfcon.jobs.ownership import job_matcher
from pfcon.models import JobId, JobKind
from pfcon.records import Phase, Record

NOT_ON_ENGINE = (Phase.STAGING, Phase.SCHEDULING)
_SECONDS = 1.0  # for which a log is copied before that of another job that is followed


class JobLogs:
    """Reads the logs of jobs. Thread-safe.

    An engine that writes logs to storeBase has them there; of others, the service keeps copies: while a client asks or
    follows, and of all at their end. Methods raise Absent for an unknown job, Unreachable if the records do not answer.
    """

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._copier = LogCopier(context)
        self._followers = Followers(self._follow)

    def read(self, jid: JobId, kind: JobKind, offset: int, most: int) -> LogPart:
        """Return at most ``most`` bytes of a job's log, from ``offset``, from files: no engine is asked."""
        return self.read_of(self._record(jid, kind), offset, most)

    def read_of(self, record: Record, offset: int, most: int) -> LogPart:
        """See ``read``; the record is one that the caller has: the database is not asked."""
        if record.phase in NOT_ON_ENGINE:
            return LogPart(offset, b"", 0, complete=False)
        try:
            copied = self._context.log_store.read(record, offset, most)
            if copied is not None:
                return _part(copied[0], complete=copied[1].complete)
            return self._in_place(record, offset, most)
        except OSError as fault:
            raise Unreachable(f"the log of job {record.jid} can't be read: {fault.strerror or fault}") from fault

    def following(self, jid: JobId, kind: JobKind) -> AbstractContextManager[None]:
        """Return a context in which a process copies the engine's log about every second."""
        return self._followers.following(jid, kind)

    def refresh(self, jid: JobId, kind: JobKind) -> None:
        """Copy what the engine has now, if its log is not read in place; for the first time, all of it.

        Raises StorageFull if it can't be copied, Unreachable if the engine does not answer.
        """
        self._copy(self._record(jid, kind), seconds=None)

    def tidy(self) -> None:
        """Copy the logs of jobs that have ended while no service ran. See LogCopier.tidy."""
        self._copier.tidy()

    def _follow(self, jid: JobId, kind: JobKind) -> bool:
        return self._copy(self._record(jid, kind), seconds=_SECONDS)

    def _copy(self, record: Record, *, seconds: float | None) -> bool:
        if record.phase in NOT_ON_ENGINE:
            return False
        try:
            return self._copier.copy(record, seconds=seconds)
        except OSError as fault:
            raise Unreachable(f"the log of job {record.jid} can't be copied: {fault.strerror or fault}") from fault

    def _record(self, jid: JobId, kind: JobKind) -> Record:
        record = self._context.journal.get(jid, kind)
        if record is None or record.phase is Phase.REMOVED or record.is_placeholder:
            raise Absent(f"there is no {kind.noun} {jid}")
        return record

    def _in_place(self, record: Record, offset: int, most: int) -> LogPart:
        ended = record.phase is Phase.FINAL
        engine = self._context.engine_of(record.kind)
        try:
            directory = engine.open_log(record.name, job_matcher(self._context, record))
        except Absent:  # it is just being started; or somebody has removed it from the engine
            return _part(_of_record(record, offset, most), complete=ended)
        if directory is None:  # not copied yet
            return LogPart(offset, b"", 0, complete=False)
        try:
            return _part(read_at(directory, offset, most), complete=ended)
        finally:
            os.close(directory)


def _of_record(record: Record, offset: int, most: int) -> Stretch:
    """Return a part of the last lines of a log, which the record of an ended job has."""
    raw = record.logs.encode("utf-8", "replace") if record.phase is Phase.FINAL else b""
    return Stretch(offset, raw[offset : offset + most], len(raw))


def _part(found: Stretch, *, complete: bool) -> LogPart:
    """Return what was found; complete: whether nothing more can come."""
    at_end = found.start + len(found.data) >= found.end
    return LogPart(found.start, found.data, found.end, complete=complete and at_end)
