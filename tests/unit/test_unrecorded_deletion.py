"""A delete job of what has no record: that says nothing of what the engine runs."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.job_context import make_context

from pfcon.compute.base import Mine, anyone
from pfcon.compute.process.engine import ProcessEngine
from pfcon.errors import Conflict, Refused
from pfcon.jobs import JobService
from pfcon.jobs.context import JobContext, request_id
from pfcon.jobs.removal import Remover
from pfcon.models import JobInfo, JobKind, JobSpec, JobStatus, Resources
from pfcon.paths import StoreBase
from pfcon.records import Claimed, Phase, Record
from pfcon.testing.compute.harness import HEARTBEAT, Harness
from pfcon.testing.waiting import eventually


@pytest.fixture
def context(storebase: StoreBase, tmp_path: Path, compute: Harness) -> JobContext:
    return make_context(storebase, tmp_path, compute.engine)


def running(context: JobContext, compute: Harness, *, signed: bool) -> JobSpec:
    """A job that runs on data of storeBase; no record speaks of it."""
    spec = compute.shell(HEARTBEAT)
    request = request_id("digest", "claim")
    spec = replace(spec, request=context.signer.sign(spec.name, request) if signed else request)
    compute.engine.schedule(spec)
    context.storebase.job(spec.jid).make()
    return spec


def test_it_ends_the_job_first(context: JobContext, compute: Harness) -> None:
    spec = running(context, compute, signed=True)
    service = JobService(context)
    service.start()
    told = service.submit_delete(spec.jid, Resources())
    assert told.status is JobStatus.NOT_STARTED
    assert eventually(lambda: service.status(spec.jid, JobKind.DELETE)[0].status is JobStatus.SUCCEEDED)
    assert "cancel" in compute.engine.info(spec.name).message
    assert not context.storebase.job(spec.jid).exists()


def test_it_leaves_the_data_of_a_job_that_may_be_another_pfcon_s(context: JobContext, compute: Harness) -> None:
    spec = running(context, compute, signed=False)
    service = JobService(context)
    service.start()
    with pytest.raises(Conflict, match="not deleted: another pfcon service has a job"):
        service.submit_delete(spec.jid, Resources())
    assert compute.engine.info(spec.name).status is JobStatus.STARTED
    assert context.storebase.job(spec.jid).exists()


def test_it_deletes_the_data_once_that_job_has_ended_and_leaves_the_job(context: JobContext, compute: Harness) -> None:
    spec = running(context, compute, signed=False)
    compute.engine.cancel(spec.name)
    ended = compute.wait(spec.name)
    service = JobService(context)
    service.start()
    service.submit_delete(spec.jid, Resources())
    assert eventually(lambda: service.status(spec.jid, JobKind.DELETE)[0].status is JobStatus.SUCCEEDED)
    assert not context.storebase.job(spec.jid).exists()
    assert compute.engine.info(spec.name) == ended


class OnlyPassive(ProcessEngine):
    """One that may not be asked for what is another's: on some engines, to look is to act."""

    def info(self, name: str, mine: Mine = anyone) -> JobInfo:
        assert mine is not anyone
        return super().info(name, mine)


def test_another_s_job_is_not_looked_at(context: JobContext, compute: Harness) -> None:
    spec = running(context, compute, signed=False)
    service = JobService(replace(context, engine=OnlyPassive(context.storebase)))
    with pytest.raises(Conflict, match="not deleted: another pfcon service has a job"):
        service.submit_delete(spec.jid, Resources())


def failed(context: JobContext, record: Record, meanwhile: Callable[[], object]) -> None:
    """A POST whose engine refuses the job, for what somebody does meanwhile, or not."""
    with Remover(context).rolling_back(record, with_data=True):
        meanwhile()
        raise Refused("invalid mount config: bind source path does not exist")


def test_a_post_whose_job_is_deleted_meanwhile_says_so_whatever_has_broken(
    context: JobContext, compute: Harness
) -> None:
    spec = compute.shell("true")
    claimed = context.journal.claim(spec.jid, JobKind.PLUGIN, "digest")
    assert isinstance(claimed, Claimed)
    with pytest.raises(Conflict, match="deleted or cancelled"):
        failed(context, claimed.record, lambda: context.journal.move(claimed.record, Phase.REMOVED))
    again = context.journal.claim(spec.jid, JobKind.PLUGIN, "digest")
    assert isinstance(again, Claimed)
    with pytest.raises(Refused):
        failed(context, again.record, lambda: None)
    assert context.journal.get(spec.jid, JobKind.PLUGIN) is None
