"""Cancelling a job while its inputs are staged, and when the process that stages them dies."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy
from support.job_context import make_context
from support.slow_staging import SlowPlan, SlowStorage
from support.watched_service import watch
from support.zips import good_zip, spooled

from pfcon.compute.base import Mine, anyone
from pfcon.compute.process.engine import ProcessEngine
from pfcon.compute.unanswered import MaybeCreated
from pfcon.errors import Absent, Conflict, Refused, Unreachable
from pfcon.jobs import JobService
from pfcon.jobs.cancelling import ClientCancellation
from pfcon.jobs.context import JobContext
from pfcon.jobs.recovery import Recovery
from pfcon.jobs.removal import Remover
from pfcon.jobs.scheduling import Scheduler
from pfcon.models import JobId, JobInfo, JobKind, JobRequest, JobSpec, JobStatus, PluginType
from pfcon.paths import JobDir, StoreBase
from pfcon.reasons import Reason
from pfcon.records import Journal, Phase, Record
from pfcon.records.cancellations import request_cancellation
from pfcon.records.schema import jobs
from pfcon.storage.base import Staged
from pfcon.testing.waiting import PATIENCE, eventually

JID, PLUGIN = JobId("j1"), JobKind.PLUGIN


@pytest.fixture
def context(storebase: StoreBase, tmp_path: Path) -> Iterator[JobContext]:
    context = make_context(storebase, tmp_path, ProcessEngine(storebase, stop_grace=2))
    SlowStorage.end = threading.Event()
    yield replace(context, storage=SlowStorage(context.storage_settings.limits))
    context.engine.remove(JID)


@pytest.fixture
def service(context: JobContext) -> JobService:
    service = JobService(context)
    service.start()
    return service


def submit(service: JobService, script: str = "exec sleep 600") -> JobInfo:
    request = JobRequest(JID, "none", ("sh", "-c"), PluginType.DS, "u", 1, 1000, 300, 0, args=(script,))
    upload = spooled(good_zip({"a": b"b"}))
    with upload.file:
        return service.submit(request, upload).info


def cancel_as_read(context: JobContext, record: Record) -> None:
    """Cancel a job as it was when the request has read its record."""
    scheduler, remover = Scheduler(context, Remover(context)), Remover(context)
    recovery = Recovery(context, scheduler, remover)
    ClientCancellation(context, scheduler, recovery.recover).cancel(record)


def recorded(context: JobContext) -> Record:
    record = context.journal.get(JID, PLUGIN)
    assert record is not None
    return record


def require_cancelled(service: JobService) -> None:
    info, _ = service.status(JID, PLUGIN)
    assert (info.status, info.message, info.reason) == (JobStatus.FAILED, "cancelled", Reason.CANCELLED)


def test_while_inputs_are_staged_the_post_is_refused_and_the_record_is_kept(
    service: JobService, context: JobContext
) -> None:
    with ThreadPoolExecutor() as pool:
        posted = pool.submit(submit, service)
        assert eventually(lambda: "still" in _message(context))
        service.cancel(JID, PLUGIN)
        with pytest.raises(Conflict, match="cancelled"):
            posted.result(PATIENCE)
    require_cancelled(service)
    assert not context.storebase.job(JID).is_taken()
    with pytest.raises(Absent):
        context.engine.info(JID)
    SlowStorage.end.set()
    assert not submit(service).status.failed
    service.remove(JID, PLUGIN, with_data=True)


def _message(context: JobContext) -> str:
    record = context.journal.get(JID, PLUGIN)
    return record.message if record else ""


def test_after_the_last_report_of_staging_it_is_cancelled_on_its_engine(
    service: JobService, context: JobContext
) -> None:
    """The request comes when the owner no longer reports: it takes effect when the job is looked at."""
    SlowStorage.end.set()
    submit(service)
    record = context.journal.get(JID, PLUGIN)
    assert record is not None
    assert request_cancellation(context.journal, record)
    assert eventually(lambda: (watch(service), service.status(JID, PLUGIN)[0].status.final)[1])
    require_cancelled(service)


@pytest.mark.parametrize("phase", [Phase.STAGING, Phase.SCHEDULING])
def test_a_job_whose_owner_dies_is_cancelled_by_another_process(
    service: JobService, context: JobContext, phase: Phase
) -> None:
    dead = Journal(lambda: context.journal.database.engine)
    dead.renew_lease()
    found = dead.claim(JID, PLUGIN, "r", phase=phase.value)
    record = context.journal.get(JID, PLUGIN)
    assert record is not None
    assert found is not None
    assert request_cancellation(context.journal, record)
    dead.end_lease()
    service.recover()
    require_cancelled(service)


def test_a_request_that_comes_after_the_last_report_of_staging_is_noticed_before_the_engine_is_asked(
    service: JobService, context: JobContext
) -> None:
    class LatePlan(SlowPlan):
        def stage(self, job: JobDir, report: Callable[[str], None]) -> Staged:
            staged = super().stage(job, report)
            service.cancel(JID, PLUGIN)
            return staged

    SlowStorage.end.set()
    storage = context.storage
    assert isinstance(storage, SlowStorage)
    storage.make = LatePlan
    with pytest.raises(Conflict, match="deleted or cancelled"):
        submit(service)
    require_cancelled(service)
    assert not context.storebase.job(JID).is_taken()


def test_a_job_that_is_scheduled_while_it_is_cancelled_is_cancelled_on_its_engine(
    service: JobService, context: JobContext
) -> None:
    SlowStorage.end.set()
    submit(service)
    record = context.journal.get(JID, PLUGIN)
    assert record is not None
    earlier = replace(record, phase=Phase.SCHEDULING)  # as it was read before
    cancel_as_read(context, earlier)
    assert eventually(lambda: service.status(JID, PLUGIN)[0].status.final)
    require_cancelled(service)


class AwayEngine(ProcessEngine):
    """One that may not answer. ``scheduled``: how often it was asked to start a job."""

    away = False
    scheduled = 0
    refuses = ""

    def schedule(self, spec: JobSpec) -> JobInfo:
        self.scheduled += 1
        if self.away:
            raise MaybeCreated("the engine does not answer")
        if self.refuses:
            raise Refused(self.refuses)
        return super().schedule(spec)

    def remove(self, name: str, mine: Mine = anyone) -> None:
        if self.away:
            raise Unreachable("the engine does not answer")
        super().remove(name, mine)


@pytest.fixture
def away(context: JobContext, storebase: StoreBase) -> tuple[AwayEngine, JobService]:
    engine = AwayEngine(storebase, stop_grace=2)
    service = JobService(replace(context, engine=engine, operations=engine))
    service.start()
    SlowStorage.end.set()
    return engine, service


def test_a_job_that_the_engine_may_not_have_is_cancelled_without_being_started(
    away: tuple[AwayEngine, JobService],
) -> None:
    engine, service = away
    engine.away = True
    submit(service)
    for _ in range(2):
        with pytest.raises(Unreachable):
            service.cancel(JID, PLUGIN)
    engine.away = False
    service.recover()
    require_cancelled(service)
    assert engine.scheduled == 1


def test_the_record_of_a_cancelled_job_is_kept_when_its_owner_then_fails(
    away: tuple[AwayEngine, JobService], context: JobContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, service = away
    engine.refuses = "no such image"
    schedule = engine.schedule

    def late(spec: JobSpec) -> JobInfo:
        service.cancel(JID, PLUGIN)
        return schedule(spec)

    monkeypatch.setattr(engine, "schedule", late)
    with pytest.raises(Conflict):
        submit(service)
    require_cancelled(service)
    assert context.storebase.job(JID).is_taken()  # its data are kept, too


def test_a_cancelled_submission_whose_roll_back_is_interrupted_ends_as_cancelled(
    away: tuple[AwayEngine, JobService], context: JobContext
) -> None:
    engine, service = away
    SlowStorage.end.clear()
    with ThreadPoolExecutor() as pool:
        posted = pool.submit(submit, service)
        assert eventually(lambda: "still" in _message(context))
        engine.away = True
        service.cancel(JID, PLUGIN)
        with pytest.raises(Conflict):
            posted.result(PATIENCE)
    assert recorded(context).phase is Phase.REMOVING
    engine.away = False
    service.recover()
    require_cancelled(service)
    service.remove(JID, PLUGIN, with_data=True)
    with pytest.raises(Absent):
        service.status(JID, PLUGIN)


def test_a_job_whose_claim_changes_in_the_meantime_is_not_missed(service: JobService, context: JobContext) -> None:
    SlowStorage.end.set()
    submit(service)
    record = recorded(context)
    taken = context.journal.take_over(record, "c" * 32)
    assert taken is not None
    cancel_as_read(context, record)
    assert eventually(lambda: service.status(JID, PLUGIN)[0].status.final)
    require_cancelled(service)


def test_a_job_that_has_failed_by_itself_keeps_its_reason(service: JobService, context: JobContext) -> None:
    SlowStorage.end.set()
    submit(service, "exit 3")
    assert eventually(lambda: context.engine.info(JID).status.final)
    info, _ = service.cancel(JID, PLUGIN)
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.EXIT_CODE)
    assert info.message == "the program failed with exit code 3"


def test_a_cancelled_job_whose_engine_has_lost_the_note_was_cancelled(service: JobService, context: JobContext) -> None:
    SlowStorage.end.set()
    submit(service, "echo $PPID; exec sleep 600")
    assert eventually(lambda: context.engine.logs(JID, 1).strip() != "")
    assert request_cancellation(context.journal, recorded(context))
    os.kill(int(context.engine.logs(JID, 1)), signal.SIGKILL)
    assert eventually(lambda: service.status(JID, PLUGIN)[0].status.final)
    require_cancelled(service)


def test_a_job_that_an_earlier_release_has_posted_again_is_not_cancelled(
    service: JobService, context: JobContext
) -> None:
    """It keeps the columns that it does not know as the earlier job has left them."""
    SlowStorage.end.set()
    submit(service)
    service.cancel(JID, PLUGIN)
    assert eventually(lambda: service.status(JID, PLUGIN)[0].status.final)
    before = recorded(context)
    submit(service)
    left = {"reason": Reason.CANCELLED, "cancel_request": before.attempt}
    with context.journal.database.engine.begin() as connection:
        connection.execute(sqlalchemy.update(jobs).values(left))
    watch(service)
    service.recover()
    assert recorded(context).phase is Phase.SCHEDULED
    assert not recorded(context).to_cancel
    assert context.engine.info(JID).status is JobStatus.STARTED
    service.remove(JID, PLUGIN, with_data=True)
