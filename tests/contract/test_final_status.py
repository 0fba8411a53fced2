"""What a client was told as the end of a job stays, whatever the engine says later, and whichever process is asked."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from support.job_context import make_context
from support.journals import Database
from support.watched_service import post, watch

from pfcon.compute.base import Mine, anyone
from pfcon.compute.process.engine import ProcessEngine
from pfcon.errors import StorageFull
from pfcon.jobs import JobService
from pfcon.jobs.context import JobContext
from pfcon.models import JobId, JobInfo, JobKind, JobSpec, JobStatus
from pfcon.paths import StoreBase
from pfcon.records import Journal, Phase, Record
from pfcon.records.database import connect
from pfcon.records.events import EventLog
from pfcon.records.schema import jobs
from pfcon.testing.waiting import eventually

PLUGIN = JobKind.PLUGIN
JID = JobId("j1")
FAILED, STARTED, SUCCEEDED = JobStatus.FAILED, JobStatus.STARTED, JobStatus.SUCCEEDED


class TurningEngine(ProcessEngine):
    """Says that ended jobs run again, from a moment on. meanwhile: called once, while the engine is asked."""

    turned_back = False
    refuses = False
    meanwhile: Callable[[], object] | None = None

    def schedule(self, spec: JobSpec) -> JobInfo:
        info = super().schedule(spec)
        return replace(info, status=FAILED, message="it can't start") if self.refuses else info

    def info(self, name: str, mine: Mine = anyone) -> JobInfo:
        info = super().info(name, mine)
        found = replace(info, status=STARTED, reason="", finished_at=None) if self.turned_back else info
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return found


class FullJournal(Journal):
    """The records of a process. full: whether no end of a job can be written."""

    full = False

    def move(self, record: Record, phase: Phase, **values: Any) -> bool:
        if self.full and phase is Phase.FINAL:
            raise StorageFull("the database of pfcon's records is full")
        return super().move(record, phase, **values)


def connected(engine: sqlalchemy.Engine) -> sqlalchemy.Engine:
    return engine


@pytest.fixture
def engine(storebase: StoreBase) -> Iterator[TurningEngine]:
    engine = TurningEngine(storebase, stop_grace=2)
    yield engine
    engine.remove(JID)


@pytest.fixture
def contexts(
    storebase: StoreBase, database: Database, tmp_path: Path, engine: TurningEngine
) -> Iterator[list[JobContext]]:
    """Those of two service processes with the same records."""
    opened = [connect(*database) for _ in range(2)]
    context = make_context(storebase, tmp_path, engine)
    yield [replace(context, journal=FullJournal(partial(connected, one))) for one in opened]
    for one in opened:
        one.dispose()


@pytest.fixture
def services(contexts: list[JobContext]) -> list[JobService]:
    found = [JobService(context) for context in contexts]
    for service in found:
        service.start()
    return found


def status(service: JobService) -> JobInfo:
    return service.status(JID, PLUGIN)[0]


def ended(engine: TurningEngine) -> bool:
    return ProcessEngine.info(engine, JID).status.final


def events(context: JobContext) -> list[str]:
    return [event.status for event in EventLog(context.journal.database).read(0, 100).events]


@pytest.mark.parametrize(("script", "told"), [("exit 0", SUCCEEDED), ("exit 3", FAILED)])
def test_an_end_that_was_told_stays_in_each_process(
    services: list[JobService], contexts: list[JobContext], engine: TurningEngine, script: str, told: JobStatus
) -> None:
    post(services[0], JID, script)
    assert eventually(lambda: status(services[0]).status.final)
    first = status(services[0])
    engine.turned_back = True
    for service in services:
        watch(service)
        assert status(service) == first
        assert service.cancel(JID, PLUGIN)[0] == first
    assert first.status is told
    assert events(contexts[0])[-1] == told


def test_a_cancelled_job_stays_cancelled(services: list[JobService], engine: TurningEngine) -> None:
    post(services[0], JID)
    services[0].cancel(JID, PLUGIN)
    assert eventually(lambda: status(services[1]).status.final)
    engine.turned_back = True
    assert [(status(one).status, status(one).message) for one in services] == [(FAILED, "cancelled")] * 2


def test_an_older_answer_of_the_engine_does_not_hide_the_end_that_another_process_has_recorded(
    services: list[JobService], contexts: list[JobContext], engine: TurningEngine
) -> None:
    post(services[0], JID, "sleep 0.5; exit 3")
    assert eventually(lambda: ended(engine))
    told: list[JobInfo] = []

    def other_process() -> None:
        engine.turned_back = False
        told.append(status(services[1]))

    engine.turned_back, engine.meanwhile = True, other_process
    found = status(services[0])
    assert [info.status for info in told] == [FAILED]
    assert found == told[0]
    assert events(contexts[0])[-1] == FAILED


def test_an_end_that_a_full_disk_keeps_from_being_recorded_stays_and_is_recorded_later(
    services: list[JobService], contexts: list[JobContext], engine: TurningEngine
) -> None:
    post(services[0], JID, "echo why; sleep 0.5; exit 3")
    assert eventually(lambda: ended(engine))
    journal = contexts[0].journal
    assert isinstance(journal, FullJournal)
    journal.full = True
    first, log = services[0].status(JID, PLUGIN)
    assert first.status is FAILED
    assert "storeBase is full" in first.message
    engine.turned_back = True
    assert services[0].status(JID, PLUGIN) == (first, log)
    journal.full = False
    watch(services[0])
    assert eventually(lambda: status(services[1]).status is FAILED)
    for service in services:
        found, its_log = service.status(JID, PLUGIN)
        assert (found.status, found.reason, found.details.exit_code) == (FAILED, first.reason, 3)
        assert found.message in first.message
        assert "why" in its_log
    assert events(contexts[0]).count(FAILED) == 1


def test_the_end_of_a_job_whose_record_is_lost_stays(
    services: list[JobService], contexts: list[JobContext], engine: TurningEngine
) -> None:
    post(services[0], JID, "echo all is well; sleep 0.5")
    assert eventually(lambda: ended(engine))
    with contexts[0].journal.database.engine.begin() as connection:
        connection.execute(sqlalchemy.delete(jobs))
    first, log = services[0].status(JID, PLUGIN)
    assert first.status is SUCCEEDED
    engine.turned_back = True
    for service in services:
        found, its_log = service.status(JID, PLUGIN)
        assert (found.status, found.image, found.argv) == (SUCCEEDED, first.image, first.argv)
        assert its_log == log
    services[1].remove(JID, PLUGIN, with_data=True)
    assert not contexts[0].storebase.job(JID).exists()


def test_an_end_at_once_is_told_only_when_it_is_recorded(
    services: list[JobService], contexts: list[JobContext], engine: TurningEngine
) -> None:
    journal = contexts[0].journal
    assert isinstance(journal, FullJournal)
    engine.refuses, journal.full = True, True
    assert post(services[0], JID).status is STARTED
    assert JobStatus.FAILED not in events(contexts[0])
    engine.refuses = False  # it turns back
    journal.full = False
    services[0].recover()
    assert [status(service).status for service in services] == [STARTED] * 2
