"""What is left without a record is removed after the time of the settings."""

import logging

import pytest
from support.old_jobs import PLUGIN, age_data, age_records, ended, unrecorded
from support.records_command import move_to_another_database
from support.retention import A, run

from pfcon.jobs import JobService
from pfcon.jobs.context import JobContext
from pfcon.models import JobStatus
from pfcon.settings.jobs import RetentionSettings
from pfcon.testing.compute.harness import HEARTBEAT, Harness

ORPHANS = RetentionSettings(orphans_days=7)


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
