"""What happens to a job while its engine is asked to run it: somebody else takes it over, or takes it away."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.compute import make_harness
from support.job_context import make_context

from pfcon.compute.process.engine import ProcessEngine
from pfcon.compute.unanswered import MaybeCreated
from pfcon.errors import Absent
from pfcon.jobs.context import JobContext, request_id
from pfcon.jobs.removal import Remover
from pfcon.jobs.scheduling import Scheduler
from pfcon.models import JobInfo, JobKind, JobSpec, JobStatus
from pfcon.paths import StoreBase
from pfcon.reasons import CANCELLED
from pfcon.records import Claimed, Phase, Record
from pfcon.testing.compute.harness import Harness


class SlowEngine(ProcessEngine):
    """One that has a job run at once, and takes long to say so: ``meanwhile`` happens before its first answer."""

    meanwhile: Callable[[], object] | None = None

    def schedule(self, spec: JobSpec) -> JobInfo:
        info = super().schedule(spec)
        first, self.meanwhile = self.meanwhile, None
        if first:
            first()
        return info


@pytest.fixture
def compute(storebase: StoreBase) -> Harness:
    return make_harness("process", storebase.root)


@pytest.fixture
def context(storebase: StoreBase, tmp_path: Path) -> JobContext:
    """Those of a service process, with an engine that a test can keep waiting."""
    return make_context(storebase, tmp_path, SlowEngine(storebase, stop_grace=2))


def claimed(context: JobContext, spec: JobSpec) -> tuple[Record, JobSpec]:
    """A job that is to be scheduled, as its POST leaves it."""
    found = context.journal.claim(spec.jid, JobKind.PLUGIN, "digest")
    assert isinstance(found, Claimed)
    spec = replace(spec, request=request_id("digest", found.record.claim))
    assert context.journal.move(found.record, Phase.SCHEDULING, spec=spec.to_json())
    return replace(found.record, phase=Phase.SCHEDULING, spec_json=spec.to_json()), spec


def test_who_is_late_leaves_a_job_to_the_process_that_has_taken_it_over(context: JobContext, compute: Harness) -> None:
    scheduler = Scheduler(context, Remover(context))
    record, spec = claimed(context, compute.shell('until test -e "$1/go"; do sleep 0.05; done'))

    def take_over() -> None:
        mine = context.journal.take_over(record, "new")
        assert mine is not None
        scheduler.schedule(mine, spec)

    assert isinstance(context.engine, SlowEngine)
    context.engine.meanwhile = take_over
    scheduler.schedule(record, spec)
    current = context.journal.get(spec.jid, JobKind.PLUGIN)
    assert current is not None
    assert current.phase is Phase.SCHEDULED
    compute.outgoing(spec).joinpath("go").touch()
    assert compute.wait(spec.name).message == ""
    compute.close()


@pytest.mark.parametrize("ended", ["deleted", "cancelled"])
def test_who_is_late_takes_a_job_back_that_was_ended_meanwhile(
    context: JobContext, compute: Harness, ended: str
) -> None:
    scheduler = Scheduler(context, Remover(context))
    record, spec = claimed(context, compute.shell("sleep 600"))

    def end() -> None:
        if ended == "deleted":
            assert context.journal.move(record, Phase.REMOVING)
            assert context.journal.move(record, Phase.REMOVED, spec="")
        else:
            assert scheduler.fail(record, CANCELLED)

    assert isinstance(context.engine, SlowEngine)
    context.engine.meanwhile = end
    scheduler.schedule(record, spec)
    with pytest.raises(Absent):
        compute.engine.info(spec.name)


def test_a_job_that_the_engine_may_have_is_neither_rolled_back_nor_begun_twice(
    context: JobContext, compute: Harness
) -> None:
    scheduler = Scheduler(context, Remover(context))
    record, spec = claimed(context, compute.shell('echo ran >> "$1/ran"'))

    def fall_silent() -> None:
        raise MaybeCreated("no answer; the job may have been created")

    assert isinstance(context.engine, SlowEngine)
    context.engine.meanwhile = fall_silent
    info = scheduler.schedule(record, spec)
    assert (info.status, info.message) == (
        JobStatus.NOT_STARTED,
        "no answer; the job may have been created; asking again",
    )
    current = context.journal.get(spec.jid, JobKind.PLUGIN)
    assert current is not None
    assert (current.phase, current.message) == (Phase.SCHEDULING, info.message)
    scheduler.schedule(record, spec)  # as recovery does
    compute.wait(spec.name)
    assert (compute.outgoing(spec) / "ran").read_text() == "ran\n"
    compute.close()


def test_a_job_that_the_engine_has_just_taken_is_not_ended_as_one_that_it_does_not_have(
    context: JobContext, compute: Harness
) -> None:
    scheduler = Scheduler(context, Remover(context))
    record, spec = claimed(context, compute.shell("true"))
    scheduler.schedule(record, spec)
    assert not scheduler.fail(record, CANCELLED)
    compute.wait(spec.name)
    compute.close()
