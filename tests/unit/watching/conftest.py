"""A service that leads, with an engine that counts requests and has troubles."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.job_context import leading_service, make_context
from support.watched_service import CountingEngine

from pfcon.jobs import JobService
from pfcon.jobs.context import JobContext
from pfcon.paths import StoreBase


@pytest.fixture
def engine(storebase: StoreBase) -> Iterator[CountingEngine]:
    engine = CountingEngine(storebase)
    yield engine
    engine.away = False
    for name in engine.jobs() or ():
        engine.remove(name)


@pytest.fixture
def context(storebase: StoreBase, tmp_path: Path, engine: CountingEngine) -> JobContext:
    return make_context(storebase, tmp_path, engine)


@pytest.fixture
def service(context: JobContext) -> JobService:
    return leading_service(context)
