"""A service on the process engine whose jobs are kept for a week, on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.compute import make_harness
from support.job_context import make_context
from support.old_jobs import database_of
from support.retention import WEEK, A, B, C, TroubledEngine

from pfcon.jobs import JobService
from pfcon.jobs.context import JobContext
from pfcon.paths import StoreBase
from pfcon.testing.compute.harness import Harness


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
