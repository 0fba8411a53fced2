"""JobLogs: the log of a job by offset, wherever it is."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pfcon.compute.kept_log import Stretch, read_at, stretches
from pfcon.errors import Absent, StorageFull, Unreachable
from pfcon.jobs.context import JobContext
from pfcon.jobs.logs.copier import LogCopier
from pfcon.jobs.logs.followed_records import FollowedJobs, Following
from pfcon.jobs.logs.followers import Followers
from pfcon.jobs.logs.part import LogPart
from pfcon.jobs.ownership import job_matcher
from pfcon.models import JobId, JobKind
from pfcon.records import Phase, Record

NOT_ON_ENGINE = (Phase.STAGING, Phase.SCHEDULING)
_UPDATE = 2.0  # seconds for which a request copies
_SECONDS = 1.0  # for which a log is copied before that of another job that is followed


@dataclass(frozen=True)
class _Open:
    """An open log. directory: with its files; None without any. total: its length, if files may have more.

    text: the last lines, of a record, where there are no files. complete: nothing follows, for the job has ended.
    """

    directory: int | None = None
    total: int | None = None
    text: bytes = b""
    complete: bool = False


class JobLogs:
    """Reads the logs of jobs. Thread-safe.

    An engine that writes logs to storeBase has them there; of others, the service keeps copies: while a client asks or
    follows, and of all at their end. Methods raise Absent for an unknown job, Unreachable if the records do not answer.
    """

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._copier = LogCopier(context)
        self._followed = FollowedJobs(context.journal)
        self._followers = Followers(self._follow)

    def read(self, jid: JobId, kind: JobKind, offset: int, most: int) -> LogPart:
        """Return at most ``most`` bytes of a job's log, from ``offset``, from files: no engine is asked."""
        return self.read_of(self.record(jid, kind), offset, most)

    def read_of(self, record: Record, offset: int, most: int) -> LogPart:
        """See ``read``; the record is one that the caller has: the database is not asked."""
        with self._open(record) as found:
            if found.directory is None:
                data = found.text[offset : offset + most]
                return _part(Stretch(offset, data, len(found.text)), complete=found.complete)
            return _part(read_at(found.directory, offset, most, found.total), complete=found.complete)

    def stretches(self, record: Record) -> list[tuple[int, int]]:
        """Return where the bytes that are kept begin and end, in order: what is between was left out."""
        with self._open(record) as found:
            if found.directory is None:
                return [(0, len(found.text))] if found.text else []
            return stretches(found.directory, found.total)

    @contextmanager
    def following(self, jid: JobId, kind: JobKind) -> Iterator[Following]:
        """A context in which a process copies the engine's log about every second, and reads the job's record."""
        with self._followed.following(jid, kind) as job, self._followers.following(jid, kind):
            yield job

    def refresh(self, jid: JobId, kind: JobKind) -> None:
        """Copy what the engine has now, if its log is not read in place; for the first time, all of it.

        Raises StorageFull if it can't be copied, Unreachable if the engine does not answer.
        """
        self._copy(self.record(jid, kind), seconds=None)

    def update(self, record: Record) -> bool:
        """Copy what the engine has now, for two seconds; return whether the rest is being copied in the background.

        Raises StorageFull, Unreachable if nothing of the log is kept yet.
        """
        try:
            self._copy(record, seconds=_UPDATE)
        except (Unreachable, StorageFull):
            if not self.read_of(record, 0, 1).end:
                raise
        return self.is_copying(record)

    def is_copying(self, record: Record) -> bool:
        """Return whether the log is being copied in the background, after ``update``."""
        return self._copier.is_going_on(record)

    def note_again(self) -> None:
        """Note the logs that are to be copied, if that was not possible. To be called a few times a minute."""
        self._copier.note_again()

    def tidy(self) -> None:
        """Copy the logs of jobs that have ended while no service ran. See LogCopier.tidy."""
        self._copier.tidy()

    def _follow(self, jid: JobId, kind: JobKind) -> bool:
        record = self._followed.record(jid, kind)
        return record is not None and self._copy(record, seconds=_SECONDS)

    def _copy(self, record: Record, *, seconds: float | None) -> bool:
        if record.phase in NOT_ON_ENGINE:
            return False
        try:
            return self._copier.copy(record, seconds=seconds)
        except OSError as fault:
            raise Unreachable(f"the log of job {record.jid} can't be copied: {fault.strerror or fault}") from fault

    def record(self, jid: JobId, kind: JobKind) -> Record:
        """Return the job's record, by which ``read_of`` reads this attempt's log and no other."""
        record = self._context.journal.get(jid, kind)
        if record is None or record.phase is Phase.REMOVED or record.is_placeholder:
            raise Absent(f"there is no {kind.noun} {jid}")
        return record

    @contextmanager
    def _open(self, record: Record) -> Iterator[_Open]:
        try:
            found = self._find(record)
            try:
                yield found
            finally:
                if found.directory is not None:
                    os.close(found.directory)
        except OSError as fault:
            raise Unreachable(f"the log of job {record.jid} can't be read: {fault.strerror or fault}") from fault

    def _find(self, record: Record) -> _Open:
        if record.phase in NOT_ON_ENGINE:
            return _Open()
        if copy := self._context.log_store.open(record):
            return _Open(copy[0], copy[1].total, complete=copy[1].complete)
        ended = record.phase is Phase.FINAL
        engine, mine = self._context.engine_of(record.kind), job_matcher(self._context, record)
        try:
            directory = engine.open_log(record.name, mine)
        except Absent:  # it is just being started; or somebody has removed it from the engine
            return _Open(text=record.logs.encode("utf-8", "replace") if ended else b"", complete=ended)
        return _Open(directory, complete=ended and directory is not None)


def _part(found: Stretch, *, complete: bool) -> LogPart:
    """Return what was found; complete: whether nothing more can come."""
    at_end = found.start + len(found.data) >= found.end
    return LogPart(found.start, found.data, found.end, complete=complete and at_end)
