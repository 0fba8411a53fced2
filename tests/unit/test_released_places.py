"""The directories of a job that never ran are released with its end: no record is kept for their sake."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.job_context import make_context

from pfcon.compute.base import Mine, anyone
from pfcon.compute.process.engine import ProcessEngine
from pfcon.errors import Absent, ImageMissing, Refused, Unreachable
from pfcon.jobs import JobService
from pfcon.jobs.context import JobContext, request_id
from pfcon.models import JobId, JobInfo, JobKind, JobSpec, JobStatus
from pfcon.paths import StoreBase
from pfcon.records import Claimed, Journal, Phase, Place, Record
from pfcon.records.cancellations import request_cancellation
from pfcon.records.overview import count_in_use
from pfcon.testing.compute.harness import HEARTBEAT
from pfcon.testing.waiting import eventually

JID = JobId("never-ran")
PLUGIN = JobKind.PLUGIN
PLACE = Place("home/u/out", "home/u/out", writable=True)


class RefusingEngine(ProcessEngine):
    """refusal: what ``schedule`` raises. away: it does not remove anything."""

    refusal: Exception | None = None
    away = False

    def schedule(self, spec: JobSpec) -> JobInfo:
        if self.refusal:
            raise self.refusal
        return super().schedule(spec)

    def prepare(self, *_: object) -> None:
        raise Refused("no such image")

    def remove(self, name: str, mine: Mine = anyone) -> None:
        if self.away:
            raise Unreachable("the engine is away")
        super().remove(name, mine)


@pytest.fixture
def engine(storebase: StoreBase) -> Iterator[RefusingEngine]:
    engine = RefusingEngine(storebase, stop_grace=2)
    yield engine
    engine.away = False
    engine.remove(JID)


@pytest.fixture
def context(storebase: StoreBase, engine: RefusingEngine, tmp_path: Path) -> JobContext:
    return make_context(storebase, tmp_path, engine, "filesystem")


@pytest.fixture
def service(context: JobContext) -> JobService:
    service = JobService(context)
    service.start()
    return service


def abandoned(context: JobContext, phase: Phase, *, started: bool = False) -> Record:
    """A job with a place, whose owner has died. started: after the engine had the job started."""
    dead = Journal(lambda: context.journal.database.engine)
    found = dead.claim(JID, PLUGIN, "r", [PLACE])
    assert isinstance(found, Claimed)
    request = context.signer.sign(JID, request_id("r", found.record.claim))
    spec = JobSpec(JID, JID, PLUGIN, "i", ("sh", "-c", HEARTBEAT, "sh", "/tmp"), request=request)
    if phase is Phase.SCHEDULING:
        assert dead.move(found.record, phase, spec=spec.to_json())
    if started:
        context.engine.schedule(spec)
    dead.end_lease()
    record = context.journal.get(JID, PLUGIN)
    assert record is not None
    return record


def in_use(context: JobContext) -> int:
    """How many records are kept for their places."""
    return count_in_use(context.journal.database.engine, 1e12)


def has_failed(service: JobService) -> bool:
    return service.status(JID, PLUGIN)[0].status is JobStatus.FAILED


@pytest.mark.parametrize("phase", [Phase.STAGING, Phase.SCHEDULING])
def test_those_of_a_job_that_was_cancelled(service: JobService, context: JobContext, phase: Phase) -> None:
    assert request_cancellation(context.journal, abandoned(context, phase))
    service.recover()
    assert has_failed(service)
    assert in_use(context) == 0


def test_those_of_a_job_whose_request_was_lost(service: JobService, context: JobContext) -> None:
    abandoned(context, Phase.STAGING)
    service.recover()
    assert has_failed(service)
    assert in_use(context) == 0


@pytest.mark.parametrize("refusal", [Refused("no such mount"), ImageMissing("pulling")])
@pytest.mark.parametrize("started", [False, True])
def test_those_of_a_job_that_the_engine_refuses_to_another_process(
    service: JobService, context: JobContext, engine: RefusingEngine, refusal: Exception, started: bool
) -> None:
    abandoned(context, Phase.SCHEDULING, started=started)
    engine.refusal = refusal
    service.recover()
    assert eventually(lambda: has_failed(service))
    assert eventually(lambda: in_use(context) == 0)
    with pytest.raises(Absent):
        engine.info(JID)


def test_but_not_while_the_engine_may_still_run_it(
    service: JobService, context: JobContext, engine: RefusingEngine
) -> None:
    abandoned(context, Phase.SCHEDULING, started=True)
    engine.refusal, engine.away = Refused("no such mount"), True
    service.recover()
    assert has_failed(service)
    assert in_use(context) == 1
    assert engine.info(JID).status is JobStatus.STARTED
