"""What a job may write to is in others' way until nothing of it can run any more, whatever its record says."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from support.job_context import make_context

from pfcon.compute.base import Mine, anyone
from pfcon.compute.process.engine import ProcessEngine
from pfcon.compute.stopping import Stop
from pfcon.errors import Absent, Conflict, ImageMissing, Refused, Unreachable
from pfcon.jobs import JobService
from pfcon.jobs.context import JobContext
from pfcon.jobs.removal import Remover
from pfcon.jobs.scheduling import Scheduler
from pfcon.models import JobId, JobInfo, JobKind, JobRequest, JobSpec, JobStatus, PluginType, Resources
from pfcon.paths import StoreBase
from pfcon.reasons import CANCELLED
from pfcon.records import Phase
from pfcon.testing.waiting import eventually

A, B = JobId("job-a"), JobId("job-b")
OUT = "home/u/feed"


class StubbornEngine(ProcessEngine):
    """``before`` and ``after`` happen around the next start of a job; ``away``: it answers nothing."""

    before: Callable[[], object] | None = None
    after: Callable[[], object] | None = None
    image: Callable[[], object] | None = None  # what its preparation does, where the job has to be prepared
    away = False

    def schedule(self, spec: JobSpec) -> JobInfo:
        if self.image:
            raise ImageMissing("the image has to be fetched")
        before, self.before = self.before, None
        if before:
            before()
        info = super().schedule(spec)
        after, self.after = self.after, None
        if after:
            after()
        return info

    def prepare(self, spec: JobSpec, report: Callable[[str], None], stop: Stop) -> None:
        image, self.image = self.image, None
        assert image
        image()

    def info(self, name: str, mine: Mine = anyone) -> JobInfo:
        if self.away:
            raise Unreachable("the engine is away")
        return super().info(name, mine)

    def remove(self, name: str, mine: Mine = anyone) -> None:
        if self.away:
            raise Unreachable("the engine is away")
        super().remove(name, mine)


@pytest.fixture
def engine(storebase: StoreBase) -> Iterator[StubbornEngine]:
    engine = StubbornEngine(storebase, stop_grace=2)
    yield engine
    for jid in (A, B):
        engine.remove(jid)


@pytest.fixture
def context(storebase: StoreBase, engine: StubbornEngine, tmp_path: Path) -> JobContext:
    (storebase.root / "home/u/in").mkdir(parents=True)
    return make_context(storebase, tmp_path, engine, "filesystem")


@pytest.fixture
def service(context: JobContext) -> JobService:
    service = JobService(context)
    service.renew_lease()
    return service


def request(jid: JobId, output: str, script: str = "sleep 600") -> JobRequest:
    return JobRequest(
        jid=jid,
        image="none",
        entrypoint=("sh", "-c"),
        args=(script,),
        type=PluginType.DS,
        auid="u",
        number_of_workers=1,
        cpu_limit=1000,
        memory_limit=300,
        gpu_limit=0,
        input_dirs=(PurePosixPath("home/u/in"),),
        output_dir=PurePosixPath(output),
    )


def is_in_the_way(service: JobService) -> bool:
    """Whether job A keeps another one from what lies below its outputs."""
    try:
        service.submit(request(B, f"{OUT}/x", "true"), None)
    except Conflict as conflict:
        return f"job {A} " in str(conflict)
    service.remove(B, JobKind.PLUGIN, with_data=True)
    return False


def cancel(_: JobService, context: JobContext) -> None:
    """What a delete job does first to a job whose owner asks the engine."""
    record = context.journal.get(A, JobKind.PLUGIN)
    assert record is not None
    assert Scheduler(context, Remover(context)).fail(record, CANCELLED)


def delete(service: JobService, _: JobContext) -> None:
    service.remove(A, JobKind.PLUGIN, with_data=True)


@pytest.mark.parametrize("end", [cancel, delete])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_job_that_is_ended_while_the_engine_is_asked_is_in_the_way_until_it_is_rolled_back(
    service: JobService,
    context: JobContext,
    engine: StubbornEngine,
    end: Callable[[JobService, JobContext], None],
    moment: str,
) -> None:
    seen: list[bool] = []

    def meanwhile() -> None:
        end(service, context)
        seen.append(is_in_the_way(service))

    setattr(engine, moment, meanwhile)
    service.submit(request(A, OUT), None)
    assert seen == [True]
    with pytest.raises(Absent):
        engine.info(A)
    assert not is_in_the_way(service)


def test_a_job_that_is_cancelled_while_its_image_is_fetched_is_in_the_way_until_then(
    service: JobService, context: JobContext, engine: StubbornEngine
) -> None:
    seen: list[bool] = []

    def fetch() -> None:
        cancel(service, context)
        seen.append(is_in_the_way(service))

    engine.image = fetch
    service.submit(request(A, OUT), None)
    assert eventually(lambda: seen and not is_in_the_way(service))
    assert seen == [True]


def test_a_job_whose_image_can_not_be_had_is_in_nobodys_way(service: JobService, engine: StubbornEngine) -> None:
    def fetch() -> None:
        raise Refused("no such image")

    engine.image = fetch
    service.submit(request(A, OUT), None)
    assert eventually(lambda: service.status(A, JobKind.PLUGIN)[0].status is JobStatus.FAILED)
    assert eventually(lambda: not is_in_the_way(service))


def test_a_refused_job_is_in_nobodys_way(service: JobService, engine: StubbornEngine) -> None:
    def refuse() -> None:
        raise Refused("no such job, ever")

    engine.before = refuse
    with pytest.raises(Refused):
        service.submit(request(A, OUT), None)
    assert not is_in_the_way(service)


def test_a_job_is_in_the_way_while_its_engine_is_away(service: JobService, engine: StubbornEngine) -> None:
    service.submit(request(A, OUT), None)
    engine.away = True
    with pytest.raises(Unreachable):
        is_in_the_way(service)
    engine.away = False
    assert is_in_the_way(service)


def test_what_was_taken_by_an_engine_that_went_away_is_in_the_way_until_it_is_removed(
    service: JobService, engine: StubbornEngine
) -> None:
    def go_away() -> None:
        engine.away = True
        raise Unreachable("no answer; the job may have been created")

    engine.after = go_away
    with pytest.raises(Unreachable):
        service.submit(request(A, OUT), None)
    with pytest.raises(Unreachable):
        is_in_the_way(service)
    engine.away = False
    assert not is_in_the_way(service)
    with pytest.raises(Absent):
        engine.info(A)


def test_a_job_whose_owner_died_before_it_rolled_it_back_is_removed_by_who_comes_next(
    service: JobService, context: JobContext, engine: StubbornEngine
) -> None:
    service.submit(request(A, OUT), None)
    record = context.journal.get(A, JobKind.PLUGIN)
    assert record is not None
    assert context.journal.move(record, Phase.FINAL, status=JobStatus.FAILED.value, message="cancelled")
    assert not is_in_the_way(service)
    with pytest.raises(Absent):
        engine.info(A)


def test_where_jobs_are_kept_one_that_was_told_to_stop_is_in_the_way_until_it_has(
    service: JobService, context: JobContext, engine: StubbornEngine
) -> None:
    keeping = JobService(replace(context, options=replace(context.options, remove_jobs=False)))
    keeping.submit(request(A, OUT, "trap '' TERM; while :; do sleep 0.05; done"), None)
    keeping.remove(A, JobKind.PLUGIN, with_data=True)
    if not engine.info(A).status.final:
        assert is_in_the_way(keeping)
    assert eventually(lambda: engine.info(A).status.final)
    assert not is_in_the_way(keeping)


def test_a_cancelled_job_is_posted_again_at_once(service: JobService) -> None:
    service.submit(request(A, OUT), None)
    service.submit_delete(A, Resources())
    assert eventually(lambda: service.status(A, JobKind.DELETE)[0].status.final)
    assert service.submit(request(A, OUT), None).info.name == A
