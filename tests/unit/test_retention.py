"""Ended jobs are removed after the time of the settings, and leftovers: never what an active job uses."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from support.compute import make_harness
from support.job_context import LIMITS, make_context
from support.old_jobs import PLUGIN, age_data, age_records, database_of, ended, posted, unrecorded
from support.records_command import move_to_another_database

from pfcon.compute.base import Mine, anyone
from pfcon.compute.process.engine import ProcessEngine
from pfcon.errors import Absent, Conflict, DamagedJob, Unreachable
from pfcon.jobs import JobService
from pfcon.jobs.context import JobContext
from pfcon.jobs.failures import IN_A_ROW
from pfcon.jobs.removal import Remover
from pfcon.jobs.retention import Retention
from pfcon.models import JobId, JobInfo, JobKind, JobStatus, UploadRequest
from pfcon.paths import StoreBase
from pfcon.records import Claimed, Journal, Phase, Record, ages
from pfcon.records.database import connect
from pfcon.records.events import EventLog
from pfcon.records.removals import removing
from pfcon.settings.jobs import RetentionSettings
from pfcon.storage.fslink import FslinkStorage
from pfcon.testing.compute.harness import HEARTBEAT, Harness
from pfcon.testing.waiting import eventually

A, B, C = JobId("job-a"), JobId("job-b"), JobId("job-c")
WEEK = RetentionSettings(days=7)
ORPHANS = RetentionSettings(orphans_days=7)


class TroubledEngine(ProcessEngine):
    """damaged, unanswered: jobs that it can't read, or answer for. acts: what is done once when it lists its jobs."""

    damaged: frozenset[str] = frozenset()
    unanswered: frozenset[str] = frozenset()
    acts: Sequence[Callable[[], object]] = ()

    def jobs(self) -> Mapping[str, str] | None:  # type: ignore[override]
        acts, self.acts = self.acts, ()
        for act in acts:
            act()
        return None if self.unanswered else super().jobs()

    def info(self, name: str, mine: Mine = anyone) -> JobInfo:
        if name in self.damaged:
            raise DamagedJob(f"the records of job {name} are damaged")
        if name in self.unanswered:
            raise Unreachable("no answer")
        return super().info(name, mine)


@pytest.fixture
def compute(storebase: StoreBase) -> Iterator[Harness]:
    harness = make_harness("process", storebase.root)
    harness.engine = TroubledEngine(storebase, stop_grace=2)
    harness.names += [A, B, C]
    yield harness
    harness.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def context(
    request: pytest.FixtureRequest, storebase: StoreBase, tmp_path: Path, compute: Harness
) -> Iterator[JobContext]:
    with database_of(request.param, tmp_path) as journal:
        yield replace(make_context(storebase, tmp_path, compute.engine), journal=journal, retention=WEEK)


@pytest.fixture
def service(context: JobContext) -> JobService:
    service = JobService(context)
    service.start()
    return service


def run(context: JobContext, **changes: Any) -> None:
    context = replace(context, **changes)
    Retention(context, Remover(context)).run_once()


def is_gone(service: JobService, jid: JobId) -> bool:
    """Whether nothing is left: no answer, no data, no job of the engine."""
    try:
        service.records_of(jid)
    except Absent:
        context = service._context
        with pytest.raises(Absent):
            context.engine.info(jid)
        return not context.storebase.job(jid).is_taken()
    return False


def test_jobs_that_ended_long_ago_are_removed_with_data_and_each_is_logged(
    service: JobService, context: JobContext, caplog: pytest.LogCaptureFixture
) -> None:
    for jid in (A, B):
        ended(service, jid)
    age_records(context, 7.5, A)
    age_records(context, 6.5, B)
    with caplog.at_level(logging.INFO, "pfcon.jobs.retention"):
        run(context)
    assert is_gone(service, A)
    assert service.status(B, PLUGIN)[0].status is JobStatus.SUCCEEDED
    assert context.storebase.job(B).exists()
    assert [record.getMessage() for record in caplog.records] == [
        f"removed the plugin job of {A}: it ended 7.5 days ago"
    ]


def test_nothing_is_removed_by_default(service: JobService, context: JobContext) -> None:
    ended(service, A)
    age_records(context, 10_000)
    run(context, retention=RetentionSettings())
    assert service.status(A, PLUGIN)[0].status is JobStatus.SUCCEEDED


def test_a_job_that_runs_is_kept_however_old_it_is(service: JobService, context: JobContext) -> None:
    posted(service, A, "exec sleep 600")
    age_records(context, 1000)
    run(context)
    assert service.status(A, PLUGIN)[0].status is JobStatus.STARTED


@pytest.mark.parametrize("phase", [Phase.STAGING, Phase.SCHEDULING, Phase.SCHEDULED, Phase.REMOVING])
def test_the_jobs_of_a_jid_are_kept_while_one_of_them_is_active(
    service: JobService, context: JobContext, phase: Phase
) -> None:
    ended(service, A)
    owner = None if phase is Phase.SCHEDULED else context.journal.owner
    context.journal.claim(A, JobKind.UPLOAD, "r", phase=phase.value, owner=owner)
    age_records(context, 1000)
    run(context)
    assert {entry.kind for entry in service.records_of(A)} == {PLUGIN, JobKind.UPLOAD}
    assert context.storebase.job(A).exists()


def test_the_jobs_of_a_jid_are_kept_while_one_of_them_is_young(service: JobService, context: JobContext) -> None:
    ended(service, A)
    context.journal.claim(A, JobKind.UPLOAD, "r", phase=Phase.FINAL.value, owner=None)
    age_records(context, 1000, A, "plugin")
    run(context)
    assert context.storebase.job(A).exists()
    age_records(context, 8, A, "upload")
    run(context)
    assert is_gone(service, A)


def test_a_job_that_has_ended_by_its_record_only_is_kept(
    service: JobService, context: JobContext, caplog: pytest.LogCaptureFixture
) -> None:
    posted(service, A, "exec sleep 600")
    record = context.journal.get(A, PLUGIN)
    assert record
    assert context.journal.move(record, Phase.FINAL, status=JobStatus.UNDEFINED.value)
    age_records(context, 8)
    run(context)
    assert context.engine.info(A).status is JobStatus.STARTED
    assert context.storebase.job(A).exists()
    assert f"the engine runs {A}" in caplog.text


def at_the_check(compute: Harness, act: Callable[[], object]) -> None:
    """Let something happen when the engine is asked for the jobs of a jid, after the records were read."""
    assert isinstance(compute.engine, TroubledEngine)
    compute.engine.acts = [act]


def test_a_job_that_is_posted_again_at_that_moment_is_kept(
    service: JobService, context: JobContext, compute: Harness
) -> None:
    posted(service, A, "exit 1")
    assert eventually(lambda: service.status(A, PLUGIN)[0].status is JobStatus.FAILED)
    age_records(context, 8)
    at_the_check(compute, lambda: posted(service, A, "exec sleep 600"))
    run(context)
    assert service.status(A, PLUGIN)[0].status is JobStatus.STARTED
    assert (context.storebase.job(A).incoming / "a").exists()


@pytest.mark.parametrize("phase", [Phase.STAGING, Phase.SCHEDULING, Phase.SCHEDULED])
@pytest.mark.parametrize("kinds", [(PLUGIN, JobKind.UPLOAD), (JobKind.COPY, PLUGIN)], ids=" then ".join)
def test_data_that_a_new_job_of_another_kind_uses_are_kept(
    service: JobService, context: JobContext, compute: Harness, kinds: tuple[JobKind, JobKind], phase: Phase
) -> None:
    old, new = kinds
    context.storebase.job(A).make()
    context.journal.claim(A, old, "r", phase=Phase.FINAL.value, owner=None)
    age_records(context, 8)
    owner = None if phase is Phase.SCHEDULED else context.journal.owner
    at_the_check(compute, lambda: context.journal.claim(A, new, "r", phase=phase.value, owner=owner))
    run(context)
    assert context.storebase.job(A).exists()
    found = {kind: context.journal.get(A, kind) for kind in JobKind}
    assert {kind: record.phase for kind, record in found.items() if record} == {old: Phase.FINAL, new: phase}


class LateJournal(Journal):
    """One in which something happens before an upload job is claimed, after its plugin job was read."""

    act: Callable[[], object] | None = None

    def claim(self, jid: JobId, kind: JobKind, *how: Any, **values: Any) -> Any:
        act, self.act = self.act, None
        if act and kind is JobKind.UPLOAD:
            act()
        return super().claim(jid, kind, *how, **values)


class UploadingStorage(FslinkStorage):
    """One whose outputs an upload job delivers."""

    requires_upload_job = True


def test_an_upload_that_is_posted_while_its_jid_is_removed_is_refused(storebase: StoreBase, tmp_path: Path) -> None:
    context = make_context(storebase, tmp_path, ProcessEngine(storebase), "fslink")
    journal = LateJournal(lambda: connect(None, tmp_path))
    context = replace(context, journal=journal, storage=UploadingStorage(storebase, LIMITS))
    service = JobService(context)
    service.start()
    job = storebase.job(A)
    job.make()
    job.outgoing.mkdir()
    plugin = journal.claim(A, PLUGIN, "r", phase=Phase.FINAL.value, status="finishedSuccessfully", owner=None)
    assert isinstance(plugin, Claimed)

    def begin_removal() -> None:
        with removing(journal, A, {kind: journal.get(A, kind) for kind in JobKind}, with_data=True) as removals:
            (upload,) = (record for record in removals if record.kind is JobKind.UPLOAD)
            Remover(context).finish(upload)  # of the upload job's placeholder, as another process may do first

    journal.act = begin_removal
    with pytest.raises(Conflict, match="was just replaced or removed"):
        service.submit_upload(UploadRequest(A, PurePosixPath("home/out"), 100, 100))
    assert journal.get(A, JobKind.UPLOAD) is None


def test_nothing_remains_of_kinds_that_a_jid_did_not_have(service: JobService, context: JobContext) -> None:
    ended(service, A)
    age_records(context, 8)
    run(context)
    assert {kind for kind in JobKind if context.journal.get(A, kind)} == {PLUGIN}
    events = EventLog(context.journal.database).read(0, 100).events
    assert [event.status for event in events if event.kind is PLUGIN][-1] == "removed"
    assert {event.kind for event in events} == {PLUGIN}


def test_data_that_were_changed_after_the_end_are_kept(service: JobService, context: JobContext) -> None:
    """As by a service with other records, in which the job was posted again."""
    ended(service, A)
    age_records(context, 8)
    age_data(context, A, 6)
    run(context)
    assert context.storebase.job(A).exists()
    assert service.status(A, PLUGIN)[0].status is JobStatus.SUCCEEDED
    age_data(context, A, 8)
    run(context)
    assert is_gone(service, A)


def test_more_jobs_than_are_read_at_a_time_are_all_removed(
    service: JobService, context: JobContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ages, "CHUNK", 2)
    for number in range(7):
        jid = JobId(f"many-{number}")
        context.journal.claim(jid, PLUGIN, "r", phase=Phase.FINAL.value, owner=None)
        context.storebase.job(jid).make()
    age_records(context, 8)
    run(context)
    assert all(is_gone(service, JobId(f"many-{number}")) for number in range(7))


def test_a_job_that_can_not_be_read_does_not_keep_others(
    service: JobService, context: JobContext, compute: Harness
) -> None:
    for jid in (A, B, C):
        ended(service, jid)
    age_records(context, 8)
    assert isinstance(compute.engine, TroubledEngine)
    compute.engine.damaged = frozenset({B})
    run(context)
    compute.engine.damaged = frozenset()
    assert is_gone(service, A)
    assert is_gone(service, C)
    assert service.status(B, PLUGIN)[0].status is JobStatus.SUCCEEDED


def test_jobs_that_the_engine_can_not_answer_for_do_not_keep_others(
    service: JobService, context: JobContext, compute: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    for jid in (A, B, C):
        ended(service, jid)
    age_records(context, 8)
    assert isinstance(compute.engine, TroubledEngine)
    compute.engine.unanswered = frozenset({A})
    spec = compute.shell("true")
    age_data(context, spec.jid, 7.5)
    run(context, retention=RetentionSettings(days=7, orphans_days=7))
    assert f"job {A} is not removed: no answer" in caplog.text
    compute.engine.unanswered = frozenset()
    assert is_gone(service, B)
    assert is_gone(service, C)
    assert service.status(A, PLUGIN)[0].status is JobStatus.SUCCEEDED
    assert not context.storebase.job(spec.jid).is_taken()


def test_a_job_whose_data_can_not_be_deleted_does_not_keep_others(
    service: JobService, context: JobContext, caplog: pytest.LogCaptureFixture
) -> None:
    class FailingRemover(Remover):
        def remove(self, record: Record, *, with_data: bool) -> bool:
            if record.jid == A and with_data:
                raise PermissionError("not mine")
            return super().remove(record, with_data=with_data)

    for jid in (A, B):
        ended(service, jid)
    age_records(context, 8)
    Retention(context, FailingRemover(context)).run_once()
    assert is_gone(service, B)
    assert f"job {A} is not removed: not mine" in caplog.text
    with caplog.at_level(logging.INFO, "pfcon.jobs.removal"):
        service.recover()
    assert is_gone(service, A)
    assert f"removed the plugin job of {A}: it ended 8.0 days ago" in caplog.text


def test_many_failures_in_a_row_end_a_run_and_the_next_one_goes_on_from_there(
    service: JobService, context: JobContext, compute: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    many = [JobId(f"many-{number:02}") for number in range(IN_A_ROW + 2)]
    for jid in many:
        context.journal.claim(jid, PLUGIN, "r", phase=Phase.FINAL.value, owner=None)
    age_records(context, 8)
    assert isinstance(compute.engine, TroubledEngine)
    compute.engine.unanswered = frozenset(many)
    cycle = Retention(context, Remover(context))
    cycle.run_once()
    assert f"job {many[IN_A_ROW - 1]} is not removed" in caplog.text
    assert f"job {many[IN_A_ROW]} is not removed" not in caplog.text
    assert "trying again in an hour: no answer" in caplog.text
    cycle.run_once()
    assert f"job {many[-1]} is not removed" in caplog.text
    compute.engine.unanswered = frozenset()
    cycle.run_once()
    assert all(is_gone(service, jid) for jid in many)


def test_the_service_does_that_by_itself(service: JobService, context: JobContext) -> None:
    ended(service, A)
    age_records(context, 8)
    assert eventually(lambda: (service.lead(), service.tidy(), is_gone(service, A))[-1])
    ended(service, B)
    age_records(context, 8, B)
    service.tidy()
    assert service.status(B, PLUGIN)[0].status is JobStatus.SUCCEEDED  # again in an hour


def test_leftovers_that_are_old_enough_are_removed(
    service: JobService, context: JobContext, compute: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    ended(service, A)
    age_records(context, 100)
    old, young, runs = (compute.shell("true") for _ in range(3))
    age_data(context, old.jid, 8)
    age_data(context, young.jid, 6)
    active = unrecorded(context, compute, HEARTBEAT)
    with caplog.at_level(logging.INFO, "pfcon.jobs.orphan_removal"):
        run(context, retention=ORPHANS)
    assert not context.storebase.job(old.jid).is_taken()
    for spec in (young, runs, active):
        assert context.storebase.job(spec.jid).exists()
    assert service.status(A, PLUGIN)[0].status is JobStatus.SUCCEEDED
    (line,) = (record.getMessage() for record in caplog.records)
    assert line == f"removed the data key-{old.jid} without a record (storeBase): 8.0 days"


def test_the_data_of_a_job_that_has_ended_just_now_are_kept(
    service: JobService, context: JobContext, compute: Harness
) -> None:
    ended(service, A)
    age_records(context, 100)
    spec = unrecorded(context, compute, "true")
    compute.wait(spec.name)
    age_data(context, spec.jid, 9)
    run(context, retention=ORPHANS)
    assert context.storebase.job(spec.jid).exists()
    assert compute.engine.info(spec.name).status is JobStatus.SUCCEEDED


@pytest.mark.parametrize("case", [(6, "younger than PFCON_ORPHANS_DAYS"), (8, "older than all records")])
def test_leftovers_are_kept_if_the_records_may_have_been_lost(
    service: JobService,
    context: JobContext,
    compute: Harness,
    caplog: pytest.LogCaptureFixture,
    case: tuple[float, str],
) -> None:
    days, why = case
    ended(service, A)
    age_records(context, days)
    spec = compute.shell("true")
    age_data(context, spec.jid, 9)
    run(context, retention=ORPHANS)
    assert context.storebase.job(spec.jid).exists()
    assert why in caplog.text
    age_records(context, 4)
    run(context, retention=ORPHANS)
    assert not context.storebase.job(spec.jid).is_taken()


def test_leftovers_from_before_a_change_of_the_records_are_kept(
    service: JobService, context: JobContext, compute: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    ended(service, A)
    age_records(context, 100)
    spec = compute.shell("true")
    age_data(context, spec.jid, 9)
    move_to_another_database(context.storebase)
    run(context, retention=ORPHANS)
    assert context.storebase.job(spec.jid).exists()
    assert "the records are not those that were last used" in caplog.text
    assert "the records are younger than PFCON_ORPHANS_DAYS" in caplog.text


def test_leftovers_are_kept_without_any_record(service: JobService, context: JobContext, compute: Harness) -> None:
    spec = compute.shell("true")
    age_data(context, spec.jid, 9)
    run(context, retention=ORPHANS)
    assert context.storebase.job(spec.jid).exists()
