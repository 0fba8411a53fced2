"""``pfcon records orphans`` as an administrator types it."""

import json
import subprocess
import time

import pytest
from support.job_context import make_context
from support.old_jobs import age_data, unrecorded
from support.records import add, job_row, rows_of
from support.records_command import move_to_another_database, run_records, use_records

from pfcon.jobs.context import JobContext
from pfcon.models import JobSpec, JobStatus
from pfcon.paths import StoreBase
from pfcon.records.database import connect
from pfcon.testing.compute.harness import HEARTBEAT, Harness
from pfcon.units import DAY


@pytest.fixture
def context(storebase: StoreBase, compute: Harness) -> JobContext:
    """Of a service whose records begin a year ago."""
    records = storebase.private_dir("records")
    engine = connect(None, records)
    add(engine, [job_row("first", created_at=time.time() - 365 * DAY)])
    engine.dispose()
    use_records(storebase)
    return make_context(storebase, records, compute.engine)


@pytest.fixture
def ended(context: JobContext, compute: Harness) -> JobSpec:
    """A job without a record that has ended; its data were changed 3 days ago."""
    spec = unrecorded(context, compute, "true")
    compute.wait(spec.name)
    age_data(context, spec.jid, 3)
    return spec


@pytest.fixture
def data(context: JobContext, compute: Harness) -> JobSpec:
    """A job that has left data only, of 3 days ago."""
    spec = compute.shell("true")
    (context.storebase.job(spec.jid).outgoing / "out").write_bytes(b"x" * 5000)
    age_data(context, spec.jid, 3)
    return spec


def run(storebase: StoreBase, *words: str) -> subprocess.CompletedProcess[str]:
    return run_records(storebase, "orphans", *words)


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What it has printed to standard error, without the time of log lines."""
    assert done.returncode == 0, done.stderr
    return [line.partition("pfcon.jobs.orphan_removal: ")[2] or line for line in done.stderr.splitlines()]


def test_it_only_lists_at_first(
    storebase: StoreBase, context: JobContext, compute: Harness, ended: JobSpec, data: JobSpec
) -> None:
    done = run(storebase, "--older-than", "0")
    assert said(done) == ["would remove 3: add --remove to do it"]
    job, *directories = [line.split() for line in done.stdout.splitlines()]
    assert job == [ended.name, "plugin", "process", "ended", "0.0", "hours", "-"]
    assert sorted(directories) == sorted(
        [
            [f"key-{data.jid}", "data", "storeBase", "ended", "3.0", "days", "8.0", "KiB"],
            [f"key-{ended.jid}", "data", "storeBase", "ended", "0.0", "hours", "0", "bytes"],  # as old as its job
        ]
    )
    assert compute.engine.info(ended.name).status is JobStatus.SUCCEEDED
    assert context.storebase.job(ended.jid).exists()


def test_every_removal_is_logged_and_complete_at_the_end(
    storebase: StoreBase, context: JobContext, ended: JobSpec, data: JobSpec
) -> None:
    done = run(storebase, "--remove", "--older-than", "0")
    assert sorted(said(done)) == sorted(
        [
            f"removed the plugin job {ended.name} without a record (process): 0.0 hours jid={ended.jid} kind=plugin",
            # Its job is removed by then.
            f"removed the data key-{ended.jid} without a record (storeBase): 3.0 days jid={ended.jid}",
            f"removed the data key-{data.jid} without a record (storeBase): 3.0 days jid={data.jid}",
            "removed 3",
        ]
    )
    for spec in (ended, data):
        assert not context.storebase.job(spec.jid).is_taken()
    assert list(storebase.trash.iterdir()) == []
    assert run(storebase).stdout == ""
    rows, _ = rows_of(context.journal.database.engine)
    assert {row["jid"] for row in rows} == {"first"}


def test_an_active_job_is_kept_without_its_option(storebase: StoreBase, context: JobContext, compute: Harness) -> None:
    spec = unrecorded(context, compute, HEARTBEAT)
    done = run(storebase, "--remove", "--older-than", "0")
    assert said(done) == ["removed 0", "kept 2: active; --active stops and removes it"]
    assert [line.split()[3] for line in done.stdout.splitlines()] == ["ACTIVE", "ACTIVE"]
    assert compute.engine.info(spec.name).status is JobStatus.STARTED
    assert said(run(storebase, "--remove", "--active", "--older-than", "0"))[-1] == "removed 2"
    assert not context.storebase.job(spec.jid).is_taken()


def test_what_is_older_than_all_records_is_kept_without_its_option(
    storebase: StoreBase, context: JobContext, data: JobSpec
) -> None:
    age_data(context, data.jid, 366)
    assert said(run(storebase, "--remove", "--older-than", "0")) == [
        "removed 0",
        "kept 1: older than all records, which may have been lost; --older-than-records removes it",
    ]
    assert context.storebase.job(data.jid).exists()
    assert said(run(storebase, "--remove", "--older-than-records"))[-1] == "removed 1"
    assert not context.storebase.job(data.jid).is_taken()


def test_a_new_database_says_that_records_may_be_lost(storebase: StoreBase, compute: Harness) -> None:
    context = make_context(storebase, storebase.private_dir("records"), compute.engine)
    unrecorded(context, compute, "true")
    assert run(storebase).returncode == 1  # there is no database at all
    context.journal.renew_lease()
    refused = run(storebase, "--remove", "--older-than", "0")
    assert refused.returncode == 1
    assert "the service has not used these records yet" in refused.stderr
    use_records(storebase)
    assert said(run(storebase, "--remove", "--older-than", "0"))[0].startswith(
        "there are no records: if they were lost"
    )
    assert len(run(storebase).stdout.splitlines()) == 2


def test_json_has_an_object_for_each(storebase: StoreBase, ended: JobSpec) -> None:
    job, data = (json.loads(line) for line in run(storebase, "--json", "--older-than", "0").stdout.splitlines())
    assert {**job, "since": None} == {
        "jid": ended.jid,
        "name": ended.name,
        "kind": "plugin",
        "where": "process",
        "active": False,
        "since": None,
        "bytes": None,
        "kept": None,
    }
    assert (data["name"], data["kind"], data["bytes"]) == (f"key-{ended.jid}", "data", 0)
    assert data["since"].endswith("Z")


def test_what_is_younger_than_a_week_is_kept_without_its_option(
    storebase: StoreBase, context: JobContext, data: JobSpec
) -> None:
    young = "not known to be older than 7 days; --older-than changes that"
    assert said(run(storebase, "--remove")) == ["removed 0", f"kept 1: {young}"]
    age_data(context, data.jid, 8)
    assert said(run(storebase, "--remove"))[-1] == "removed 1"


def test_records_that_the_service_does_not_use_remove_nothing(storebase: StoreBase, data: JobSpec) -> None:
    move_to_another_database(storebase)
    refused = run(storebase, "--remove", "--older-than", "0", "--older-than-records")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "these are not the records that the service used last" in refused.stderr
    assert (storebase.root / f"key-{data.jid}").exists()
    listed = said(run(storebase))
    assert "these are not the records" in listed[0]
    assert not any("there are no records" in line for line in listed)


def test_after_a_change_of_the_records_older_data_are_kept(
    storebase: StoreBase, context: JobContext, data: JobSpec
) -> None:
    move_to_another_database(storebase)
    use_records(storebase)
    assert said(run(storebase, "--remove", "--older-than", "0"))[1].startswith("kept 1: older than all")
