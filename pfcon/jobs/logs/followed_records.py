"""The records of the jobs whose logs are followed: one thread reads them for all followers of a process."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pfcon.background import run_in_background
from pfcon.errors import Absent, PfconError, Unreachable
from pfcon.models import JobId, JobKind
from pfcon.records import Journal, Phase, Record
from pfcon.records.marks import Key, Mark, read_marks

log = logging.getLogger(__name__)

POLL = 1.0  # seconds between two polls of the database


class FollowedJob:
    """A job with followers. record: the last one that was read; None once the job is removed."""

    def __init__(self, record: Record) -> None:
        self.record: Record | None = record
        self.mark: Mark | None = None  # of the record
        self.followers = 0

    def is_older_than(self, record: Record) -> bool:
        """Return whether a record that was just read is that of a later attempt."""
        known = self.record
        return known is None or bool(record.created_at and known.created_at and record.created_at > known.created_at)


@dataclass(frozen=True)
class Following:
    """A job as one follower sees it. first: the record when the follower came."""

    job: FollowedJob
    first: Record

    @property
    def record(self) -> Record | None:
        """The last record that was read; None once the job is removed. Others may follow another attempt of the job."""
        return self.job.record


class FollowedJobs:
    """One query a second tells which records have changed; only those are read. Thread-safe. May be made before a fork.

    Without followers there is no query, and no thread.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._jobs: dict[Key, FollowedJob] = {}
        self._changed = threading.Condition()
        self._polls = False  # whether the thread runs

    @contextmanager
    def following(self, jid: JobId, kind: JobKind) -> Iterator[Following]:
        """A context in which the job's record is kept up to date. Raises Absent, Unreachable."""
        record = self._read(jid, kind)
        if record is None:
            raise Absent(f"there is no record of a {kind.noun} {jid}")
        with self._changed:
            if not self._polls:
                try:
                    run_in_background("followed jobs", self._poll)
                except RuntimeError as fault:
                    raise Unreachable(f"{kind.noun} {jid} can't be followed now: {fault}") from fault
                self._polls = True
            job = self._jobs.setdefault((jid, kind), FollowedJob(record))
            if job.is_older_than(record):  # others still follow an attempt that is gone
                job.record, job.mark = record, None
            job.followers += 1
        try:
            yield Following(job, record)
        finally:
            with self._changed:
                job.followers -= 1
                if not job.followers:
                    del self._jobs[jid, kind]
                    self._changed.notify_all()

    def record(self, jid: JobId, kind: JobKind) -> Record | None:
        """Return the last record that was read; None for a job that is removed, or not followed."""
        with self._changed:
            job = self._jobs.get((jid, kind))
        return job.record if job else None

    def _read(self, jid: JobId, kind: JobKind) -> Record | None:
        record = self._journal.get(jid, kind)
        return None if record is None or record.phase is Phase.REMOVED or record.is_placeholder else record

    def _poll(self) -> None:
        failing = False
        while True:
            with self._changed:
                self._changed.wait_for(lambda: not self._jobs, POLL)
                if not self._jobs:
                    self._polls = False
                    return
                followed = dict(self._jobs)
            try:
                self._look_at(followed)
                failing = False
            except PfconError as error:
                if not failing:
                    log.warning("the records of followed jobs can't be read; their followers wait: %s", error)
                failing = True
            except Exception:  # the thread must go on: its followers would hang
                log.exception("the records of followed jobs can't be read")

    def _look_at(self, followed: dict[Key, FollowedJob]) -> None:
        marks = read_marks(self._journal.database, followed)
        for (jid, kind), job in followed.items():
            mark = marks.get((jid, kind))
            if mark is None or mark != job.mark:
                before, record = job.record, self._read(jid, kind)
                with self._changed:
                    if job.record is before:  # else a new follower has read it meanwhile
                        job.record, job.mark = record, mark
