"""Cancelling a job while its inputs are staged, and when the process that stages them dies."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from support.job_context import make_context
from support.zips import good_zip, spooled

from pfcon.compute.process.engine import ProcessEngine
from pfcon.errors import Absent, Conflict
from pfcon.jobs import JobService
from pfcon.jobs.cancelling import ClientCancellation
from pfcon.jobs.context import JobContext
from pfcon.jobs.removal import Remover
from pfcon.jobs.scheduling import Scheduler
from pfcon.models import CANCELLED, JobId, JobInfo, JobKind, JobRequest, JobStatus, PluginType
from pfcon.paths import JobDir, StoreBase
from pfcon.records import Journal, Phase
from pfcon.records.cancellations import request_cancellation
from pfcon.storage.base import Staged, StagingPlan, Upload
from pfcon.storage.zipfile import ZipfileStorage
from pfcon.testing.waiting import PATIENCE, eventually

JID, PLUGIN = JobId("j1"), JobKind.PLUGIN


class SlowPlan(StagingPlan):
    """Stages, then reports progress until ``end`` is set."""

    def __init__(self, plan: StagingPlan, end: threading.Event) -> None:
        self.digest, self._plan, self._end = plan.digest, plan, end

    def stage(self, job: JobDir, report: Callable[[str], None]) -> Staged:
        staged = self._plan.stage(job, report)
        while not self._end.wait(0.05):
            report("still staging")
        return staged


class SlowStorage(ZipfileStorage):
    """One whose staging takes until ``end`` is set."""

    end: ClassVar[threading.Event]
    make: type[SlowPlan] = SlowPlan

    def plan(self, request: JobRequest, upload: Upload | None) -> StagingPlan:  # type: ignore[override]
        return self.make(super().plan(request, upload), self.end)


@pytest.fixture
def context(storebase: StoreBase, tmp_path: Path) -> JobContext:
    context = make_context(storebase, tmp_path, ProcessEngine(storebase, stop_grace=2))
    SlowStorage.end = threading.Event()
    return replace(context, storage=SlowStorage(context.storage_settings.limits))


@pytest.fixture
def service(context: JobContext) -> JobService:
    service = JobService(context)
    service.start()
    return service


def submit(service: JobService) -> JobInfo:
    request = JobRequest(JID, "none", ("sh", "-c"), PluginType.DS, "u", 1, 1000, 300, 0, args=("sleep 600",))
    upload = spooled(good_zip({"a": b"b"}))
    with upload.file:
        return service.submit(request, upload).info


def require_cancelled(service: JobService) -> None:
    info, _ = service.status(JID, PLUGIN)
    assert (info.status, info.message, info.reason) == (JobStatus.FAILED, "cancelled", CANCELLED)


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
    assert eventually(lambda: (service.watch(), service.status(JID, PLUGIN)[0].status.final)[1])
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
    service: JobService, context: JobContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    SlowStorage.end.set()
    submit(service)
    record = context.journal.get(JID, PLUGIN)
    assert record is not None
    earlier = replace(record, phase=Phase.SCHEDULING)  # as it was read before
    ClientCancellation(context, Scheduler(context, Remover(context))).cancel(earlier)
    assert eventually(lambda: service.status(JID, PLUGIN)[0].status.final)
    require_cancelled(service)
