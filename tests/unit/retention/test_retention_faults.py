"""Jobs that can't be removed now do not keep others."""

import logging

import pytest
from support.old_jobs import PLUGIN, age_data, age_records, ended
from support.retention import A, B, C, TroubledEngine, is_gone, run

from pfcon.jobs import JobService
from pfcon.jobs.context import JobContext
from pfcon.jobs.failures import IN_A_ROW
from pfcon.jobs.removal import Remover
from pfcon.jobs.retention import Retention
from pfcon.models import JobId, JobStatus
from pfcon.records import Phase, Record
from pfcon.settings.jobs import RetentionSettings
from pfcon.testing.compute.harness import Harness


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
