"""Removing a job from its engine, deleting its data and its record; rolling back submissions that failed."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from pfcon.compute.base import Mine
from pfcon.errors import Absent, Conflict, Foreign, PfconError, StorageFull
from pfcon.jobs.context import JobContext
from pfcon.jobs.ownership import any_of_ours, end_on_former_engine, in_the_way, that_of, was_ours
from pfcon.jobs.rollbacks import Rollbacks
from pfcon.jobs.trash import delete_data
from pfcon.jobs.unwritten import Unwritten
from pfcon.models import JobId, JobKind
from pfcon.records import Claimed, Phase, Record

log = logging.getLogger(__name__)


class Remover:
    """Moves records to REMOVING and REMOVED. Each step is idempotent.

    with_data: whether the job's directory is deleted, too. In the staged interface that is a delete job's work.
    """

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._journal = context.journal
        self.rollbacks = Rollbacks(context)
        self.unwritten = Unwritten()

    def remove(self, record: Record, *, with_data: bool) -> bool:
        """Remove a job. False when the record has changed since it was read, and nothing was done.

        Raises Unreachable when the engine does not answer: then the removal is completed in the background later. What
        storeBase has no room to record is done nevertheless, and recorded later: it makes room.
        """
        with self._journal.live.on(record.claim):  # recovery completes what is not done by then
            try:
                if record.phase is not Phase.REMOVING and not self._journal.move(
                    record, Phase.REMOVING, message="being removed", with_data=with_data
                ):
                    return False
            except StorageFull as error:
                log.warning("job %s: removing it before that is written down: %s", record.jid, error)
            self._remove_job(record, with_data)
            self.unwritten.write(record.claim, lambda: self._removed(record))
            return True

    def finish(self, record: Record) -> None:
        """Do what the record of a job in REMOVING announces."""
        self._finish(record, record.with_data)

    def _finish(self, record: Record, with_data: bool) -> None:
        self._remove_job(record, with_data)
        self._removed(record)

    def _removed(self, record: Record) -> None:
        stopped = self._context.options.remove_jobs  # else it was asked to stop, which takes a while
        self._journal.move(record, Phase.REMOVED, ended=stopped, spec="", logs="", message="removed")

    def _remove_job(self, record: Record, with_data: bool) -> None:
        self._remove_or_cancel(record.kind, record.name, any_of_ours(self._context, record.name, record))
        end_on_former_engine(self._context, record)
        if with_data:
            delete_data(self._context.storebase.job(record.jid))
        if record.spec and not record.status.final:  # nobody has seen its end
            self._context.kinds[record.kind].after_removal(self._context, record.jid, record.spec)
        self._context.environments.delete(record.spec)

    def remove_unrecorded(self, jid: JobId, kind: JobKind, *, with_data: bool) -> None:
        """Remove a job that only the engine knows. Raises Absent when it does not either.

        Where it has another service's of that name, and this one has no record of the jid at all, Foreign: then nothing
        is deleted. A jid that has a record was this service's own; clients delete until that is answered as done.
        """
        name = kind.engine_name(jid)
        mine = any_of_ours(self._context, name)
        try:
            self._context.engine_of(kind).info(name, mine)
        except Absent as found:
            if isinstance(found, Foreign) and not was_ours(self._context, jid, kind, *JobKind):
                raise in_the_way(self._context, name, found) from None
            if with_data:
                delete_data(self._context.storebase.job(jid))
            raise Absent(f"there is no job {jid}") from None
        self._remove_or_cancel(kind, name, mine)
        if with_data:
            delete_data(self._context.storebase.job(jid))

    @contextmanager
    def rolling_back(self, record: Record, *, with_data: bool) -> Iterator[None]:
        """A context for a submission: where it fails, all that it began is removed and deleted, now or later.

        Raises Conflict instead of an error that arose because somebody had ended the job meanwhile.
        """
        try:
            yield
        except BaseException as error:  # also a worker that has to exit must not leave a half-staged job
            ended = self._roll_back(record, with_data=with_data)
            if ended and isinstance(error, PfconError | OSError) and not isinstance(error, Conflict):
                raise Conflict(f"job {record.jid} was deleted or cancelled meanwhile") from error
            raise

    def _roll_back(self, record: Record, *, with_data: bool) -> bool:
        """Leave nothing of a submission that failed. Returns whether somebody else had ended the job."""
        ended = moved = False
        try:
            current = self._journal.get(record.jid, record.kind)
            ended = current is None or current.phase in (Phase.FINAL, Phase.REMOVING, Phase.REMOVED)
            moved = self._journal.move(record, Phase.REMOVING, with_data=with_data)
            if moved:
                if with_data:
                    delete_data(self._context.storebase.job(record.jid))  # nobody waits for what the job might still do
                self.remove_from_engine(record)
                self._context.environments.delete_of(record.jid, record.claim)
                self._journal.delete(record)
        except (PfconError, OSError) as error:
            log.warning("job %s: what is left of it is removed later: %s", record.jid, error)
        if not moved:
            try:
                self.rollbacks.roll_back(record, with_data=with_data)
            except (PfconError, OSError) as error:
                log.warning("job %s: it is rolled back later: %s", record.jid, error)
        return ended

    def remove_from_engine(self, record: Record) -> None:
        """Remove a job from its engine if it is that try of that request, and no other job. Raises Unreachable."""
        self._context.engine_of(record.kind).remove(record.name, that_of(self._context, record))

    def remove_earlier(self, claimed: Claimed) -> None:
        """Remove what earlier jobs of that kind and jid have left on the engine; never anything of others.

        Raises Unreachable.
        """
        names = {claimed.record.name}
        if claimed.previous is not None:
            names.add(claimed.previous.name)  # an earlier release may have called it otherwise
        for name in names:
            mine = any_of_ours(self._context, name, claimed.previous)
            self._context.engine_of(claimed.record.kind).remove(name, mine)

    def require_not_foreign(self, claimed: Claimed) -> None:
        """Raise Conflict where another service has a job of that name, before anything is done; Unreachable."""
        name = claimed.record.name
        try:
            self._context.engine_of(claimed.record.kind).info(name, any_of_ours(self._context, name, claimed.previous))
        except Foreign as foreign:
            raise Conflict(str(in_the_way(self._context, name, foreign))) from None
        except Absent:
            return

    def delete_record(self, record: Record) -> None:
        """Delete the record of a job that has ended. The next claim removes the job from its engine.

        A job of an earlier release, which only its record identifies, is removed from there now. Raises Unreachable.
        """
        if record.spec is not None and not self._context.signer.has_signed(record.name, record.spec.request):
            self.remove_from_engine(record)
        self._journal.delete(record)

    def release(self, record: Record) -> None:
        """Release a claim under which nothing was done yet."""
        try:
            self._journal.delete(record)
        except PfconError as error:
            log.warning("job %s: its claim is released later: %s", record.jid, error)

    def _remove_or_cancel(self, kind: JobKind, name: str, mine: Mine) -> None:
        if self._context.options.remove_jobs:
            self._context.engine_of(kind).remove(name, mine)
            return
        try:
            self._context.engine_of(kind).cancel(name, mine)  # it stays known, but its data goes away under it
        except Absent:
            log.debug("job %s: nothing to cancel", name)
