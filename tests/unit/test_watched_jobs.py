"""What is known of a job that nobody asks for, that is removed outside, or of which its engine tells less in time."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy
from support.job_context import make_context
from support.watched_service import watch
from support.zips import good_zip, spooled

from pfcon.compute.base import Mine, anyone
from pfcon.compute.process.engine import ProcessEngine
from pfcon.errors import DamagedJob
from pfcon.jobs import JobService
from pfcon.jobs.context import JobContext
from pfcon.models import JobId, JobInfo, JobKind, JobRequest, JobStatus, PluginType
from pfcon.paths import StoreBase
from pfcon.reasons import Reason
from pfcon.records import Journal, Phase
from pfcon.records.schema import jobs
from pfcon.testing.waiting import eventually

JID = JobId("j1")
PLUGIN = JobKind.PLUGIN


class HesitantEngine(ProcessEngine):
    """One that says of a job that runs now and then that it has not started. damaged: jobs that it can't read."""

    hesitates = False

    def __init__(self, storebase: StoreBase) -> None:
        super().__init__(storebase, stop_grace=2)
        self.damaged: set[str] = set()

    def info(self, name: str, mine: Mine = anyone) -> JobInfo:
        if name in self.damaged:
            raise DamagedJob(f"the records of job {name} are damaged")
        info = super().info(name, mine)
        return replace(info, status=JobStatus.NOT_STARTED) if self.hesitates and not info.status.final else info


@pytest.fixture
def engine(storebase: StoreBase) -> Iterator[HesitantEngine]:
    engine = HesitantEngine(storebase)
    yield engine
    engine.remove(JID)


@pytest.fixture
def context(storebase: StoreBase, tmp_path: Path, engine: HesitantEngine) -> JobContext:
    return make_context(storebase, tmp_path, engine)


@pytest.fixture
def service(context: JobContext) -> JobService:
    service = JobService(context)
    service.start()
    return service


def posted(service: JobService, script: str, jid: JobId = JID) -> None:
    request = JobRequest(jid, "none", ("sh", "-c"), PluginType.DS, "u", 1, 1000, 300, 0, args=(script,))
    upload = spooled(good_zip({"a": b"b"}))
    with upload.file:
        service.submit(request, upload)


def phase(context: JobContext, jid: JobId = JID) -> Phase:
    record = context.journal.get(jid, PLUGIN)
    assert record is not None
    return record.phase


def after_the_grace(context: JobContext) -> None:
    """As if the engine had had the job for long."""
    with context.journal._database.begin() as connection:
        connection.execute(sqlalchemy.update(jobs).values(changed_at=jobs.c.changed_at - 60))


def test_an_end_is_recorded_that_nobody_asks_for_and_the_engine_forgets(
    service: JobService, context: JobContext, engine: HesitantEngine
) -> None:
    posted(service, "echo done")
    assert eventually(lambda: (watch(service), phase(context))[1] is Phase.FINAL)
    engine.remove(JID)
    info, logs = service.status(JID, PLUGIN)
    assert (info.status, logs) == (JobStatus.SUCCEEDED, "done\n")


def test_a_job_that_was_removed_outside_keeps_the_log_that_was_served(
    service: JobService, context: JobContext, engine: HesitantEngine
) -> None:
    posted(service, "echo begun; exec sleep 600")
    assert eventually(lambda: service.status(JID, PLUGIN)[1] == "begun\n")
    engine.remove(JID)
    assert service.status(JID, PLUGIN)[1] == "begun\n"
    after_the_grace(context)
    for _ in range(2):
        info, logs = service.status(JID, PLUGIN)
        assert (info.status, info.reason) == (JobStatus.FAILED, Reason.REMOVED_OUTSIDE)
        assert "no longer knows" in info.message
        assert logs == f"begun\npfcon: {info.message}\n"


def test_a_job_that_has_started_is_never_told_as_not_started(
    service: JobService, context: JobContext, engine: HesitantEngine
) -> None:
    engine.hesitates = True
    posted(service, "exec sleep 600")
    assert service.status(JID, PLUGIN)[0].status is JobStatus.NOT_STARTED
    engine.hesitates = False
    assert service.status(JID, PLUGIN)[0].status is JobStatus.STARTED
    engine.hesitates = True
    other = JobService(replace(context, journal=Journal(lambda: context.journal._database)))  # another process
    assert [asked.status(JID, PLUGIN)[0].status for asked in (service, other)] == [JobStatus.STARTED] * 2


def test_a_job_with_damaged_records_does_not_keep_others_from_being_watched(
    service: JobService, context: JobContext, engine: HesitantEngine
) -> None:
    between = JobId("j2")
    damaged = [JID, JobId("j3")]  # in either order, one of them is checked before the other job
    for jid in (JID, between, JobId("j3")):
        posted(service, "sleep 1" if jid == between else "sleep 60", jid)
    engine.damaged.update(damaged)
    try:
        assert eventually(lambda: (watch(service), phase(context, between))[1] is Phase.FINAL)
        assert {phase(context, jid) for jid in damaged} == {Phase.SCHEDULED}
    finally:
        engine.damaged.clear()
        for jid in (between, JobId("j3")):
            engine.remove(jid)
