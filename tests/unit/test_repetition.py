"""Operations that end from outside: run again a bounded number of times, and never taken for a failure of their own."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
import sqlalchemy
from support.job_context import make_context
from support.watched_service import watch
from support.zips import good_zip, spooled

from pfcon.compute.process.engine import ProcessEngine
from pfcon.errors import Refused, StorageFull
from pfcon.jobs import JobService
from pfcon.jobs.context import JobContext
from pfcon.jobs.repetition import RUNS, run_again
from pfcon.models import (
    CopyRequest,
    JobId,
    JobInfo,
    JobKind,
    JobRequest,
    JobSpec,
    JobStatus,
    PluginType,
    Resources,
)
from pfcon.paths import StoreBase
from pfcon.progress import Progress, write_progress
from pfcon.reasons import Reason
from pfcon.records import Journal, Phase, Record
from pfcon.records.schema import jobs
from pfcon.testing.waiting import eventually

JID = JobId("j1")
COPY, DELETE, PLUGIN = JobKind.COPY, JobKind.DELETE, JobKind.PLUGIN
REQUEST = CopyRequest(JID, (PurePosixPath("home/in"),), PurePosixPath("home/out"), 1000, 300)
KILLED = 'kill -KILL "$$"'


class DeadlyEngine(ProcessEngine):
    """Runs a shell script in place of the next operations, as often as ``times`` says."""

    script, times, scheduled = KILLED, 0, 0

    def schedule(self, spec: JobSpec) -> JobInfo:
        info = super().schedule(replace(spec, argv=("sh", "-c", self.script)) if self.times else spec)
        self.times -= bool(self.times)
        self.scheduled += 1
        return info


@pytest.fixture
def engine(storebase: StoreBase) -> Iterator[DeadlyEngine]:
    engine = DeadlyEngine(storebase, stop_grace=2)
    yield engine
    for kind in JobKind:
        engine.remove(kind.engine_name(JID))


@pytest.fixture
def context(storebase: StoreBase, tmp_path: Path, engine: DeadlyEngine) -> JobContext:
    return make_context(storebase, tmp_path, engine, "fslink")


@pytest.fixture
def service(storebase: StoreBase, context: JobContext) -> JobService:
    (storebase.root / "home/in").mkdir(parents=True)
    (storebase.root / "home/in/a").write_text("alpha")
    service = JobService(context)
    service.start()
    return service


def end_of(service: JobService, kind: JobKind) -> tuple[JobInfo, list[JobInfo]]:
    """How a job has ended, and all that was told of it before."""
    told: list[JobInfo] = []

    def ended() -> bool:
        service.recover()
        told.append(service.status(JID, kind)[0])
        return told[-1].status.final

    assert eventually(ended)
    return told[-1], told[:-1]


def record_of(context: JobContext, kind: JobKind) -> Record:
    record = context.journal.get(JID, kind)
    assert record is not None
    return record


def test_an_operation_that_is_killed_runs_again_and_ends_well(service: JobService, engine: DeadlyEngine) -> None:
    engine.times = 2
    service.submit_copy(REQUEST)
    end, before = end_of(service, COPY)
    assert (end.status, end.message) == (
        JobStatus.SUCCEEDED,
        f"copied 1 files, 5 bytes (run 3 of {RUNS}, because it was interrupted)",
    )
    assert {info.status for info in before} <= {JobStatus.STARTED}
    killed = "interrupted: the program was ended by signal SIGKILL; it is not known who sent it; it will run again"
    assert any(killed in info.message for info in before)
    assert {info.reason for info in before} == {""}
    assert engine.scheduled == 3


def test_an_operation_that_is_killed_while_nobody_asks_runs_again(
    service: JobService, engine: DeadlyEngine, context: JobContext
) -> None:
    engine.times = 1
    service.submit_copy(REQUEST)

    def ended() -> bool:
        watch(service)
        service.recover()
        return record_of(context, COPY).phase is Phase.FINAL

    assert eventually(ended)
    assert (record_of(context, COPY).status, engine.scheduled) == (JobStatus.SUCCEEDED, 2)


def test_an_operation_that_is_always_killed_is_undefined_in_the_end_and_can_be_posted_again(
    service: JobService, engine: DeadlyEngine, context: JobContext
) -> None:
    engine.times = RUNS
    service.submit_copy(REQUEST)
    end, before = end_of(service, COPY)
    assert end.status is JobStatus.UNDEFINED
    assert f"interrupted in each of its {RUNS} runs" in end.message
    assert "run it again" in end.message
    assert not any(info.status.final for info in before)
    assert engine.scheduled == RUNS
    assert record_of(context, COPY).phase is Phase.FINAL
    service.submit_copy(REQUEST)
    assert end_of(service, COPY)[0].message == "copied 1 files, 5 bytes"
    assert engine.scheduled == RUNS + 1


@pytest.mark.parametrize("script", ["exit 1", KILLED])
def test_a_failure_that_the_operation_has_told_stays_one(
    service: JobService, engine: DeadlyEngine, storebase: StoreBase, script: str
) -> None:
    engine.script, engine.times = f"until test -e {storebase.root}/go; do sleep 0.02; done; {script}", RUNS
    service.submit_copy(REQUEST)
    write_progress(storebase.job(JID), COPY, Progress("no such store", failed=True))
    (storebase.root / "go").touch()
    end, _ = end_of(service, COPY)
    assert (end.status, end.message, engine.scheduled) == (JobStatus.FAILED, "no such store", 1)
    assert end.reason == ""


def test_an_operation_that_ends_by_itself_without_a_word_has_failed(service: JobService, engine: DeadlyEngine) -> None:
    engine.script, engine.times = "exit 1", RUNS
    service.submit_copy(REQUEST)
    end, _ = end_of(service, COPY)
    assert (end.status, end.reason, engine.scheduled) == (JobStatus.FAILED, Reason.EXIT_CODE, 1)
    assert end.message == "the program failed with exit code 1"


def test_what_is_told_of_an_earlier_deletion_is_no_reason_of_the_next_one(
    service: JobService, engine: DeadlyEngine, storebase: StoreBase
) -> None:
    storebase.job(JID).make()
    write_progress(storebase.job(JID), DELETE, Progress("a file can't be removed", failed=True))
    engine.times = 1
    service.submit_delete(JID, Resources())
    assert end_of(service, DELETE)[0].status is JobStatus.SUCCEEDED
    assert engine.scheduled == 2


def test_an_operation_that_somebody_removes_from_the_engine_runs_again(
    service: JobService, engine: DeadlyEngine, context: JobContext
) -> None:
    engine.script, engine.times = "sleep 600", 1
    service.submit_copy(REQUEST)
    engine.remove(COPY.engine_name(JID))
    assert service.status(JID, COPY)[0].status is not JobStatus.FAILED
    with context.journal._database.begin() as connection:  # as if the engine had had it for long
        connection.execute(sqlalchemy.update(jobs).values(changed_at=jobs.c.changed_at - 60))
    assert end_of(service, COPY)[0].status is JobStatus.SUCCEEDED


def test_a_plugin_job_is_never_run_twice(service: JobService, engine: DeadlyEngine, context: JobContext) -> None:
    zips = JobService(replace(context, storage=make_context(context.storebase, Path("/"), engine).storage))
    upload = spooled(good_zip({"a": b"b"}))
    request = JobRequest(JID, "none", ("sh", "-c"), PluginType.DS, "u", 1, 1000, 300, 0, args=(KILLED,))
    with upload.file:
        zips.submit(request, upload)
    end, _ = end_of(zips, PLUGIN)
    assert (end.status, end.reason) == (JobStatus.FAILED, Reason.SIGNAL)
    assert end.message == "the program was ended by signal SIGKILL; it is not known who sent it"
    assert engine.scheduled == 1


class FullJournal(Journal):
    """One whose disk has no room for a while."""

    full = False

    def begin_again(self, record: Record, claim: str, **values: object) -> bool:
        if self.full:
            raise StorageFull("no room")
        return super().begin_again(record, claim, **values)


def test_an_interrupted_operation_waits_for_room_to_be_run_again(
    context: JobContext, tmp_path: Path, storebase: StoreBase, engine: DeadlyEngine
) -> None:
    journal = FullJournal(lambda: context.journal.database.engine)
    service = JobService(replace(context, journal=journal))
    service.start()
    storebase.job(JID).make()
    journal.full, engine.times = True, 1
    service.submit_copy(REQUEST)
    assert eventually(lambda: "once storeBase has free space" in service.status(JID, COPY)[0].message)
    service.recover()
    info, _ = service.status(JID, COPY)
    assert (info.status.final, engine.scheduled) == (False, 1)
    journal.full = False
    assert end_of(service, COPY)[0].status is JobStatus.SUCCEEDED
    assert engine.scheduled == 2


def test_of_two_who_see_an_interruption_one_runs_the_operation_again(
    service: JobService, engine: DeadlyEngine, context: JobContext
) -> None:
    engine.times = 1
    service.submit_copy(REQUEST)
    assert eventually(lambda: engine.info(COPY.engine_name(JID)).status.final)
    seen = record_of(context, COPY)
    info = replace(engine.info(seen.name), message="killed")
    assert seen.spec is not None
    for _ in range(2):
        assert not run_again(context, seen, seen.spec, info, "").status.final
    again = record_of(context, COPY).spec
    assert again is not None
    assert again.attempt == 2
    assert end_of(service, COPY)[0].status is JobStatus.SUCCEEDED
    assert engine.scheduled == 2


def test_an_interrupted_operation_that_is_deleted_does_not_run_again(
    service: JobService, engine: DeadlyEngine, context: JobContext
) -> None:
    engine.times = 1
    service.submit_copy(REQUEST)
    assert eventually(lambda: "run again" in service.status(JID, COPY)[0].message)
    assert record_of(context, COPY).interrupted
    service.remove(JID, COPY, with_data=False)
    service.recover()
    assert engine.scheduled <= 2  # the removal may have begun it, to end it
    assert record_of(context, COPY).phase is Phase.REMOVED
    assert service.submit_delete(JID, Resources()).status is not JobStatus.FAILED
    assert end_of(service, DELETE)[0].status is JobStatus.SUCCEEDED


def test_an_interrupted_operation_whose_engine_refuses_it_now_is_undefined(
    service: JobService, engine: DeadlyEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.times = 1
    service.submit_copy(REQUEST)
    assert eventually(lambda: engine.info(COPY.engine_name(JID)).status.final)

    def refuse(_spec: JobSpec) -> JobInfo:
        raise Refused("there is no room for it")

    monkeypatch.setattr(engine, "schedule", refuse)
    end, _ = end_of(service, COPY)
    assert (end.status, end.message) == (JobStatus.UNDEFINED, "there is no room for it")


def test_the_specification_of_an_earlier_release_is_of_a_first_run() -> None:
    text = JobSpec("j1", JID, COPY, "", ("x",)).to_json().replace(', "attempt": 1', "")
    assert "attempt" not in text
    assert JobSpec.from_json(text).attempt == 1
