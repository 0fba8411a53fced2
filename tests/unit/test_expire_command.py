"""``pfcon records expire`` as an administrator types it."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from support.records import add, job_row, rows_of
from support.records_command import move_to_another_database, run_records, use_records

from pfcon.models import JobKind
from pfcon.paths import StoreBase
from pfcon.records.database import connect
from pfcon.units import DAY

LONG_AGO: dict[str, Any] = {"created_at": 1764455000.5, "finished_at": 1764455061.5}


@pytest.fixture
def records(storebase: StoreBase) -> Iterator[Engine]:
    """Those of a job that has ended long ago, one that has ended now, and one that runs; all have data."""
    engine = connect(None, storebase.private_dir("records"))
    rows = [
        job_row("long-ago", **LONG_AGO),
        job_row("long-ago", JobKind.COPY, **LONG_AGO),
        job_row("now", created_at=time.time()),
        job_row("runs", phase="scheduled", status="started", finished_at=None, created_at=time.time() - 99 * DAY),
    ]
    add(engine, rows)
    for name in ("long-ago", "now", "runs"):
        (storebase.root / f"key-{name}").mkdir()
    os.utime(storebase.root / "key-long-ago", (LONG_AGO["finished_at"],) * 2)
    use_records(storebase)
    yield engine
    engine.dispose()


def kept(storebase: StoreBase) -> list[str]:
    return sorted(path.name for path in Path(storebase.root).glob("key-*"))


def test_it_only_lists_at_first(storebase: StoreBase, records: Engine) -> None:
    done = run_records(storebase, "expire", "--older-than", "1")
    assert (done.returncode, done.stderr) == (
        0,
        "would remove the jobs of 1 jid that ended more than 1 days ago, with their data: add --yes to do it\n",
    )
    assert sorted(line.split() for line in done.stdout.splitlines()) == [
        ["long-ago", "copy", "finishedSuccessfully", "2025-11-29T22:24:21Z"],
        ["long-ago", "plugin", "finishedSuccessfully", "2025-11-29T22:24:21Z"],
    ]
    assert kept(storebase) == ["key-long-ago", "key-now", "key-runs"]


def test_every_removal_is_logged(storebase: StoreBase, records: Engine) -> None:
    done = run_records(storebase, "expire", "--older-than", "1", "--yes")
    lines = done.stderr.splitlines()
    removals = [line.partition("pfcon.jobs.removal: ")[2] for line in lines[:-1]]
    assert [removal.partition(":")[0] for removal in removals if removal] == [
        "removed the plugin job of long-ago",
        "removed the copy job of long-ago",
    ]
    assert lines[-1] == "removed the jobs of 1 jid with their data"
    assert kept(storebase) == ["key-now", "key-runs"]
    assert list(storebase.trash.iterdir()) == []
    phases = {(row["jid"], row["kind"]): row["phase"] for row in rows_of(records)[0]}
    assert phases == {
        ("long-ago", "copy"): "removed",
        ("long-ago", "plugin"): "removed",
        ("now", "plugin"): "final",
        ("runs", "plugin"): "scheduled",
    }


def test_the_age_is_required(storebase: StoreBase, records: Engine) -> None:
    assert run_records(storebase, "expire", "--yes").returncode == 2
    assert len(kept(storebase)) == 3


def test_it_refuses_records_that_the_service_does_not_use(storebase: StoreBase, records: Engine) -> None:
    move_to_another_database(storebase)
    done = run_records(storebase, "expire", "--older-than", "1", "--yes")
    assert (done.returncode, done.stdout) == (1, "")
    assert "these are not the records that the service used last" in done.stderr
    assert len(kept(storebase)) == 3
