"""Ended jobs are removed after the time of the settings: never what an active job uses."""

import logging
import threading

import pytest
from support.old_jobs import PLUGIN, age_data, age_records, ended, posted
from support.retention import A, B, is_gone, run

from pfcon.errors import Absent
from pfcon.jobs import JobService
from pfcon.jobs.context import JobContext
from pfcon.jobs.removal import Remover
from pfcon.jobs.retention import _POOL, Retention
from pfcon.models import JobId, JobKind, JobStatus
from pfcon.records import Phase, ages
from pfcon.records.events import EventLog
from pfcon.records.removals import removing
from pfcon.settings.jobs import RetentionSettings
from pfcon.testing.waiting import eventually


def test_jobs_that_ended_long_ago_are_removed_with_data_and_each_is_logged(
    service: JobService, context: JobContext, caplog: pytest.LogCaptureFixture
) -> None:
    for jid in (A, B):
        ended(service, jid)
    age_records(context, 7.5, A)
    age_records(context, 6.5, B)
    with caplog.at_level(logging.INFO, "pfcon.jobs.removal"):
        run(context)
    assert is_gone(service, A)
    assert service.status(B, PLUGIN)[0].status is JobStatus.SUCCEEDED
    assert context.storebase.job(B).exists()
    assert [record.getMessage() for record in caplog.records] == [
        f"removed the plugin job of {A}: it ended 7.5 days ago"
    ]


def test_runs_that_take_longer_than_their_interval_do_not_pile_up(
    context: JobContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    retention, begun, may_end = Retention(context, Remover(context)), list[int](), threading.Event()

    def run_once() -> None:
        begun.append(1)
        may_end.wait(10)

    monkeypatch.setattr(retention, "run_once", run_once)
    monkeypatch.setattr("pfcon.jobs.retention.INTERVAL", 0.0)
    for _ in range(3):
        retention.run_if_due()
    assert eventually(lambda: begun)
    may_end.set()
    _POOL.wait()
    assert len(begun) == 1
    retention.run_if_due()
    _POOL.wait()
    assert len(begun) == 2


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


def test_nothing_remains_of_kinds_that_a_jid_did_not_have(service: JobService, context: JobContext) -> None:
    ended(service, A)
    age_records(context, 8)
    run(context)
    assert {kind for kind in JobKind if context.journal.get(A, kind)} == {PLUGIN}
    events = EventLog(context.journal.database).read(0, 100).events
    assert [event.status for event in events if event.kind is PLUGIN][-1] == "removed"
    assert {event.kind for event in events} == {PLUGIN}


def test_clients_do_not_see_kinds_that_a_jid_did_not_have_while_it_is_removed(
    service: JobService, context: JobContext
) -> None:
    ended(service, A)
    found = {kind: context.journal.get(A, kind) for kind in JobKind}
    with removing(context.journal, A, found, with_data=True) as removals:
        assert len(removals) == len(JobKind)
        assert {entry.kind for entry in service.records_of(A)} == {PLUGIN}
        assert service.status(A, PLUGIN)[0].message == "being removed"
        with pytest.raises(Absent):
            service.status(A, JobKind.UPLOAD)


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


def test_the_service_does_that_by_itself(service: JobService, context: JobContext) -> None:
    ended(service, A)
    age_records(context, 8)
    assert eventually(lambda: (service.lead(), service.tidy(), is_gone(service, A))[-1])
    ended(service, B)
    age_records(context, 8, B)
    service.tidy()
    assert not eventually(lambda: is_gone(service, B), 1)  # again in an hour
