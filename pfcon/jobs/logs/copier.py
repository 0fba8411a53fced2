"""Copies the logs of jobs that their engine does not write to storeBase itself."""

import logging
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from pfcon.background import BackgroundPool
from pfcon.compute.base import ComputeEngine
from pfcon.compute.log_copy import number_of_reads
from pfcon.errors import Absent, DamagedJob, PfconError, Refused, StorageFull, Unreachable
from pfcon.files.faults import is_full
from pfcon.files.locks import locked
from pfcon.jobs.about import of_id, of_record
from pfcon.jobs.context import JobContext
from pfcon.jobs.logs.copied_log import CopiedLog
from pfcon.jobs.logs.store import last_copy
from pfcon.jobs.ownership import job_matcher
from pfcon.models import JobId, JobKind
from pfcon.records import Phase, Record
from pfcon.service_log import working_on
from pfcon.token_bucket import TokenBucket

log = logging.getLogger(__name__)

FRESH = 0.4  # seconds for which a copy of a job that runs is as good as a new one
SLICE = 2.0  # seconds for which the log of an ended job is copied before others; what is left of it goes on beside them
PATIENCE, LONG_PATIENCE = 0.5, 60.0  # seconds to wait for another one that copies the same log; of what goes on
AWAY, FAILURES = 15.0, 3  # seconds for which logs of ended jobs are left alone after so many failures of the engine
GIVEN_UP = 24 * 3600.0  # seconds after a job's end; then its log is what was copied until then
_POLL = 0.05  # seconds
_BURST = 10.0
ENDED = BackgroundPool(2)
"""Copies the logs of ended jobs, for the whole process."""
REST = BackgroundPool(2)
"""Copies what takes long, beside the others."""


class LogCopier:
    """Copies logs. Thread-safe; of all threads and processes, one at a time copies the log of a job."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._store = context.log_store
        self._limits: dict[str, TokenBucket] = {}  # by engine
        self._full = False  # whether the service's log has it that storeBase is full
        self._warned: set[str] = set()  # of these jobs it has that their logs can't be copied
        self._failures = 0  # times in a row that the engine has not answered
        self._away_until = 0.0  # monotonic seconds
        self._queued: set[tuple[JobId, JobKind]] = set()

    def needs_copy(self, record: Record) -> bool:
        """Return whether the log of a job that its engine has had has to be copied."""
        try:
            return not self._is_in_place(record)
        except PfconError:
            return False

    def expect(self, record: Record) -> None:
        """Note, before a job's end is recorded, that its log has to be copied: also if this process dies now."""
        self._quietly(record, lambda: self._store.make(record))

    def finish(self, jid: JobId, kind: JobKind) -> None:
        """Copy the whole log of a job that has ended, in the background. What fails is tried again by ``tidy``."""
        if (jid, kind) in self._queued:
            return
        self._queued.add((jid, kind))
        with working_on(of_id(jid, kind)):
            try:
                ENDED.add(f"log of {jid}", lambda: self._finish(jid, kind))
            except RuntimeError as fault:
                self._queued.discard((jid, kind))
                log.warning("the log of %s %s can't be copied now, and will be later: %s", kind.noun, jid, fault)

    def go_on(self, record: Record) -> None:
        """Copy what the engine has now, all of it, in the background. No-op while that is being done."""
        if record.name in self._store.going_on:
            return
        self._store.going_on.add(record.name)
        with working_on(of_record(record)):
            try:
                REST.add(f"rest of the log of {record.jid}", lambda: self._go_on(record))
            except RuntimeError as fault:
                self._store.going_on.discard(record.name)
                log.warning("the log of %s %s can't be copied now: %s", record.kind.noun, record.jid, fault)

    def is_going_on(self, record: Record) -> bool:
        """Return whether ``go_on`` copies the job's log now, or will."""
        return record.name in self._store.going_on

    def note_again(self) -> None:
        """Note what could not be when it was expected."""
        try:
            self._store.note_again()
        except OSError as fault:
            log.debug("logs that are to be copied can't be noted: %s", fault)

    def tidy(self) -> None:
        """Copy the logs of ended jobs that have not been. Raises Unreachable."""
        try:
            unfinished = list(self._store.unfinished())
        except OSError as fault:
            log.warning("the list of logs that are to be copied can't be read: %s", fault)
            return
        random.shuffle(unfinished)  # so that those that fail every time do not keep the others from being copied
        for _, jid, kind in unfinished:
            record = self._context.journal.get(jid, kind)
            if record is not None and record.phase is Phase.FINAL:
                self.finish(jid, kind)

    def _finish(self, jid: JobId, kind: JobKind) -> None:
        self._queued.discard((jid, kind))
        if time.monotonic() < self._away_until:
            return
        try:
            record = self._context.journal.get(jid, kind)
        except PfconError as error:
            log.debug("the log of %s %s is copied later: %s", kind.noun, jid, error)
            return
        if record is not None and record.phase is Phase.FINAL:
            self._quietly(record, lambda: self.copy(record, seconds=SLICE))

    def _go_on(self, record: Record) -> None:
        try:
            current = self._context.journal.get(record.jid, record.kind)
            if current is not None and current.attempt == record.attempt and self._is_wanted(current):
                self._quietly(current, lambda: self._copy_rest(current))
        finally:
            self._store.going_on.discard(record.name)

    def _copy_rest(self, record: Record) -> None:
        """Copy what the engine has now, or wait as long as another process does, and gets on."""
        seen = -1
        while not self.copy(record, seconds=None, now=True):
            state = self._store.state(record)
            if state is None or state.complete or state.total <= seen:
                return
            seen = state.total

    def _quietly(self, record: Record, work: Callable[[], object]) -> None:
        try:
            with _full_disks(record):
                work()
            self._full = False
            self._warned.discard(record.name)
            self._failures = 0
        except StorageFull as error:
            if not self._full:
                log.warning("the logs of jobs can't be copied now, and will be later: %s", error)
            self._full = True
        except (PfconError, OSError) as error:
            if isinstance(error, Unreachable) and not isinstance(error, DamagedJob):
                self._failures += 1  # one may be of this job alone, as of a log that its engine can't read
                if self._failures >= FAILURES:
                    self._away_until = time.monotonic() + AWAY
            level = logging.DEBUG if record.name in self._warned else logging.WARNING
            self._warned.add(record.name)
            text = "the log of job %s can't be copied now, and will be later: %s"
            log.log(level, text, record.name, error, extra=of_record(record))

    def copy(self, record: Record, *, seconds: float | None = 10.0, now: bool = False) -> bool:
        """Copy what the engine has of a job's log now. Returns whether the copy has grown.

        What takes longer than ``seconds`` goes on in the background, also while another one copies the log. now: also
        if it was copied just before, or many are copied. No-op while the engine does not have the job, for a log in
        files of the engine, and for a complete copy. Raises Unreachable, StorageFull, OSError.
        """
        # The job may be removed meanwhile.
        with working_on(of_record(record)), suppress(FileNotFoundError), _full_disks(record):
            return not self._is_in_place(record) and self._copy(record, seconds, now=now)
        return False

    def _is_in_place(self, record: Record) -> bool:
        """Return whether an engine's own files have the log. Raises Unreachable."""
        try:
            directory = self._engine(record).open_log(record.name, job_matcher(self._context, record))
        except Absent:
            return not self._store.directory(record).is_dir()
        if directory is None:
            return False
        os.close(directory)
        return True

    def _copy(self, record: Record, seconds: float | None, *, now: bool) -> bool:
        directory, ended = self._store.directory(record), record.phase is Phase.FINAL
        if self._is_complete(record):
            self._store.note_finished(record.name)
            return False
        if not (ended or now) and (self._is_fresh(record) or not self._may_ask(record)):
            return False
        made = self._store.make(record)
        try:
            with locked(directory / "lock", LONG_PATIENCE if seconds is None else PATIENCE, _POLL) as ours:
                if not ours:
                    if seconds is not None:
                        self.go_on(record)
                    return False
                with CopiedLog(directory, self._context.options.log_bytes) as copy:
                    before = copy.total
                    if not copy.state.complete:
                        self._read(record, copy, seconds)
                    return copy.total > before
        finally:
            if made and not self._is_wanted(record):
                self._store.delete(record.name)

    def _read(self, record: Record, copy: CopiedLog, seconds: float | None) -> None:
        until = None if seconds is None else time.monotonic() + seconds
        ended, mine = record.phase is Phase.FINAL, job_matcher(self._context, record)
        try:
            for chunk in self._engine(record).log_after(record.name, copy.cursor or "", ended=ended, mine=mine):
                copy.append(chunk.data, chunk.cursor, new_line=chunk.new_line)
                if until is not None and time.monotonic() > until:
                    copy.save()
                    self.go_on(record)
                    return
        except (Absent, Refused):
            if not ended:  # it is just being started, or removed; or the engine keeps no logs
                return
        except PfconError:
            copy.save()
            if not (ended and _is_old(record)):
                raise
        if ended and not copy.total and record.logs:  # the engine has not kept it
            copy.append(record.logs.encode("utf-8", "replace"), "")
        copy.save(complete=ended)
        if ended:
            self._store.note_finished(record.name)

    def _is_complete(self, record: Record) -> bool:
        state = self._store.state(record)
        return state is not None and state.complete

    def _engine(self, record: Record) -> ComputeEngine:
        return self._context.engine_of(record.kind)

    def _is_fresh(self, record: Record) -> bool:
        """Return whether any process has copied the log just now."""
        written = last_copy(self._store.directory(record))
        return written is not None and abs(time.time() - written) < FRESH

    def _may_ask(self, record: Record) -> bool:
        """Take a token for each of the engine's logs that is read. The first copy of a job's log does not wait."""
        engine = self._engine(record)
        per_minute = engine.log_copies_per_minute
        if per_minute is None:
            return True
        share = per_minute / self._context.processes
        limit = self._limits.setdefault(engine.name, TokenBucket(share, _BURST / self._context.processes))
        if (state := self._store.state(record)) is None or last_copy(self._store.directory(record)) is None:
            limit.charge(1)
            return True
        return limit.take(number_of_reads(state.cursor or ""))

    def _is_wanted(self, record: Record) -> bool:
        """Return whether the job still has its record: it may have been removed while its log was copied."""
        try:
            current = self._context.journal.get(record.jid, record.kind)
        except PfconError:
            return True
        return current is not None and current.phase not in (Phase.REMOVING, Phase.REMOVED)


def _is_old(record: Record) -> bool:
    at = record.finished_at
    return at is not None and time.time() - at.timestamp() > GIVEN_UP


@contextmanager
def _full_disks(record: Record) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        if is_full(fault):
            raise StorageFull(f"storeBase is full: the log of job {record.jid} can't be copied") from fault
        raise
