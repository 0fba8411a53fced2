"""Copies of logs whose job has no record: deleted after a day, but not where other records may have had the job."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.copied_logs import Logs

from pfcon.errors import Refused
from pfcon.jobs.logs.leftovers import AGE, delete_leftovers
from pfcon.jobs.removal import Remover
from pfcon.jobs.retention import Retention
from pfcon.models import JobSpec
from pfcon.paths import StoreBase


@pytest.fixture
def logs(storebase: StoreBase, tmp_path: Path) -> Iterator[Logs]:
    made = Logs(storebase, tmp_path)
    made.context.records_in_use.update()
    yield made
    made.compute.close()


def copied(logs: Logs, *, recorded: bool) -> JobSpec:
    """A job that has ended, and whose log is copied."""
    spec = logs.start(logs.compute.shell("echo x"))
    logs.end(spec)
    logs.wait_until_complete(spec)
    if not recorded:
        logs.context.journal.delete(logs.record(spec))
    return spec


def age(logs: Logs, spec: JobSpec) -> None:
    """Let a log be older than AGE."""
    at = time.time() - AGE - 60
    for path in (copy(logs, spec), *copy(logs, spec).iterdir()):
        os.utime(path, (at, at))


def copy(logs: Logs, spec: JobSpec) -> Path:
    return logs.context.storebase.private / "logs" / spec.name


def test_an_old_log_without_a_record_is_deleted_every_hour(logs: Logs) -> None:
    gone, young, known = copied(logs, recorded=False), copied(logs, recorded=False), copied(logs, recorded=True)
    age(logs, gone)
    age(logs, known)
    Retention(logs.context, Remover(logs.context)).run_once()
    assert [copy(logs, spec).exists() for spec in (gone, young, known)] == [False, True, True]


def test_what_other_records_may_know_is_kept(logs: Logs, tmp_path: Path) -> None:
    spec = copied(logs, recorded=False)
    age(logs, spec)
    (tmp_path / "other").mkdir()
    other = Logs(logs.context.storebase, tmp_path / "other")
    with pytest.raises(Refused):
        delete_leftovers(other.context)
    other.logs.tidy()
    other.context.records_in_use.update()  # the service is started with them
    assert delete_leftovers(other.context) == 0
    assert copy(logs, spec).exists()
    other.compute.close()


def test_a_copy_that_is_not_finished_is_kept_while_no_record_is_found(logs: Logs) -> None:
    spec = copied(logs, recorded=True)
    logs.context.log_store.note_unfinished(logs.record(spec))
    logs.context.journal.delete(logs.record(spec))
    logs.logs.tidy()
    assert copy(logs, spec).exists()
    assert (logs.context.storebase.private / "logs-unfinished" / spec.name).exists()
