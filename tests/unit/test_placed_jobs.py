"""When a job was placed: on an engine without a queue, before its image is fetched; and what records tell of it."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.job_context import make_context
from support.zips import good_zip, spooled

from pfcon.compute.process.engine import ProcessEngine
from pfcon.compute.stopping import Stop
from pfcon.errors import ImageMissing, Refused
from pfcon.jobs import JobService
from pfcon.jobs.fetching import Fetches
from pfcon.models import JobId, JobInfo, JobKind, JobRequest, JobSpec, JobStatus, PluginType, RunDetails
from pfcon.paths import StoreBase
from pfcon.records import Claimed, Journal, Phase, Record
from pfcon.records.database import connect
from pfcon.records.events import EventLog
from pfcon.testing.waiting import eventually

JID = JobId("j1")
PLUGIN = JobKind.PLUGIN


class FetchingEngine(ProcessEngine):
    """An engine whose images have to be fetched, which takes until ``fetched`` is set. refuses: they do not come."""

    has_queue = False
    missing = True
    refuses = False

    def __init__(self, storebase: StoreBase) -> None:
        super().__init__(storebase, stop_grace=2)
        self.fetching, self.fetched = threading.Event(), threading.Event()

    def schedule(self, spec: JobSpec) -> JobInfo:
        if self.missing:
            raise ImageMissing("fetching image none")
        return super().schedule(spec)

    def prepare(self, spec: JobSpec, report: Callable[[str], None], stop: Stop) -> None:
        self.fetching.set()
        assert self.fetched.wait(60)
        if self.refuses:
            raise Refused("no such image")
        self.missing = False


@pytest.fixture
def engine(storebase: StoreBase) -> Iterator[FetchingEngine]:
    engine = FetchingEngine(storebase)
    yield engine
    engine.fetched.set()
    engine.remove(JID)


@pytest.fixture
def service(storebase: StoreBase, tmp_path: Path, engine: FetchingEngine) -> JobService:
    service = JobService(make_context(storebase, tmp_path, engine))
    service.start()
    return service


def post(service: JobService, script: str = "exit 0") -> None:
    request = JobRequest(JID, "none", ("sh", "-c"), PluginType.DS, "u", 1, 1000, 300, 0, args=(script,))
    upload = spooled(good_zip({"a": b"b"}))
    with upload.file:
        service.submit(request, upload)


def info_of(service: JobService) -> JobInfo:
    return service.status(JID, PLUGIN)[0]


def placed_at(service: JobService) -> datetime | None:
    return info_of(service).details.placed_at


def test_a_job_is_placed_while_its_image_is_fetched(service: JobService, engine: FetchingEngine) -> None:
    """Not only once the engine has it. The beginning of the fetch stays."""
    before = datetime.now(UTC)
    post(service)
    assert engine.fetching.wait(60)
    assert eventually(lambda: placed_at(service))
    placed, seen = placed_at(service), datetime.now(UTC)
    assert info_of(service).status is JobStatus.NOT_STARTED
    assert placed
    assert before < placed < seen
    engine.fetched.set()
    assert eventually(lambda: info_of(service).status.ended)
    details = info_of(service).details
    assert details.placed_at == placed
    assert details.started_at
    assert details.started_at > seen


def test_a_job_whose_image_does_not_come_was_placed(service: JobService, engine: FetchingEngine) -> None:
    engine.refuses = True
    engine.fetched.set()
    post(service)
    assert eventually(lambda: info_of(service).status.ended)
    assert placed_at(service)


def test_a_job_whose_image_is_there_is_placed_when_it_is_scheduled(service: JobService, engine: FetchingEngine) -> None:
    engine.missing = False
    before = datetime.now(UTC)
    post(service)
    placed = placed_at(service)
    assert placed
    assert before < placed < datetime.now(UTC)
    assert eventually(lambda: info_of(service).status.ended)
    assert placed_at(service) == placed


def test_what_an_engine_with_a_queue_fetches_before_is_no_place(service: JobService, engine: FetchingEngine) -> None:
    engine.has_queue = True
    post(service)
    assert engine.fetching.wait(60)
    engine.fetched.set()
    assert eventually(lambda: info_of(service).status.ended)
    assert placed_at(service) is None


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    database = connect(None, tmp_path)
    journal = Journal(lambda: database)
    journal.renew_lease()
    yield journal
    database.dispose()


def claimed(journal: Journal) -> Record:
    found = journal.claim(JID, PLUGIN, "r")
    assert isinstance(found, Claimed)
    return found.record


def test_a_fetch_that_another_process_has_begun_keeps_its_place(journal: Journal, engine: FetchingEngine) -> None:
    """That process was killed; this one begins the fetch again."""
    early = datetime.now(UTC) - timedelta(minutes=5)
    record = replace(claimed(journal), details=RunDetails(placed_at=early))
    told: list[Record] = []
    fetches = Fetches(lambda _record, _text: True, lambda record, _spec, _fault: told.append(record))
    engine.fetched.set()
    fetches.add(engine, record, JobSpec("j", JID, PLUGIN, "i", ("true",)))
    assert eventually(lambda: told)
    assert told[0].details.placed_at == early


def test_events_tell_when_a_job_was_placed(journal: Journal) -> None:
    at = datetime.now(UTC).replace(microsecond=0)
    record = claimed(journal)
    journal.note(replace(record, details=RunDetails(placed_at=at)), "fetching")
    journal.move(record, Phase.SCHEDULED, status=JobStatus.STARTED.value)
    assert [event.placed_at for event in EventLog(journal.database).read(0, 10).events] == [None, at]
