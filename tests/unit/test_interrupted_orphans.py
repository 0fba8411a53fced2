"""Removals of orphans that an engine interrupts, and engines that can't answer for some of them."""

import logging
from dataclasses import replace
from itertools import permutations
from pathlib import Path, PurePosixPath

import pytest
from support.compute import make_harness
from support.job_context import make_context
from support.old_jobs import PLUGIN, age_data, posted, unrecorded

from pfcon.compute.base import Mine, anyone
from pfcon.compute.process.engine import ProcessEngine
from pfcon.errors import Absent, Conflict, Unreachable
from pfcon.jobs import JobService
from pfcon.jobs.orphan_removal import OrphanRemover
from pfcon.jobs.orphans import OrphanFinder
from pfcon.jobs.removal import Remover
from pfcon.models import CopyRequest, JobId, JobInfo, JobKind, JobStatus
from pfcon.paths import StoreBase
from pfcon.records.removals import removing
from pfcon.testing.compute.harness import HEARTBEAT
from pfcon.testing.waiting import eventually

JID = JobId("job-a")


@pytest.mark.parametrize("order", list(permutations(JobKind)), ids=" ".join)
def test_an_interrupted_removal_is_completed_in_any_order(
    storebase: StoreBase, tmp_path: Path, order: tuple[JobKind, ...]
) -> None:
    context = make_context(storebase, tmp_path, ProcessEngine(storebase), "fslink")
    service = JobService(context)
    service.start()
    (storebase.root / "home/in").mkdir(parents=True)
    job = storebase.job(JID)
    job.make()
    with removing(context.journal, JID, dict.fromkeys(JobKind), with_data=True):
        pass
    for kind in order:
        if context.journal.get(JID, PLUGIN):
            with pytest.raises(Conflict):
                service.submit_copy(CopyRequest(JID, (PurePosixPath("home/in"),), PurePosixPath("home/out"), 100, 100))
            assert job.exists()
        if record := context.journal.get(JID, kind):  # else that request has completed it
            service._recovery.recover(record)
        if kind is PLUGIN:
            assert not job.is_taken()
            job.make()  # as a new job does
    assert job.exists()
    assert not any(context.journal.get(JID, kind) for kind in JobKind)


class AwayEngine(ProcessEngine):
    """One that does not answer when it is to remove something; and that can't list its jobs."""

    away = False

    def jobs(self) -> None:  # type: ignore[override]
        return None

    def remove(self, name: str, mine: Mine = anyone) -> None:
        if self.away:
            raise Unreachable("the engine is away")
        super().remove(name, mine)


def test_a_removal_that_the_engine_interrupts_is_completed_and_logged_later(
    storebase: StoreBase, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = AwayEngine(storebase)
    context = make_context(storebase, tmp_path, engine)
    service = JobService(context)
    service.start()
    storebase.job(JID).make()
    age_data(context, JID, 3)
    (orphan,) = OrphanFinder(context).find()
    engine.away = True
    with pytest.raises(Unreachable):
        OrphanRemover(context, Remover(context)).remove(orphan)
    assert storebase.job(JID).exists()
    engine.away = False
    with caplog.at_level(logging.INFO, "pfcon.jobs.removal"):
        service.recover()
    assert f"removed what was left, without a record, of the plugin job of {JID}: it ended 3.0 days ago" in caplog.text
    assert not storebase.job(JID).is_taken()
    with pytest.raises(Absent):
        service.records_of(JID)


def test_an_engine_that_can_not_list_its_jobs_is_asked_for_each(storebase: StoreBase, tmp_path: Path) -> None:
    harness = make_harness("process", storebase.root)
    harness.engine = AwayEngine(storebase)
    context = make_context(storebase, tmp_path, harness.engine)
    spec = unrecorded(context, harness, HEARTBEAT)
    assert [(orphan.name, orphan.active) for orphan in OrphanFinder(context).find()] == [(f"key-{spec.jid}", True)]
    harness.close()


def test_data_of_a_job_that_is_posted_before_the_rest_is_removed_are_kept(storebase: StoreBase, tmp_path: Path) -> None:
    """The engine of plugins answers, that of operations does not."""
    harness = make_harness("process", storebase.root)
    operations = AwayEngine(storebase)
    context = replace(make_context(storebase, tmp_path, harness.engine), operations=operations)
    service = JobService(context)
    service.start()
    storebase.job(JID).make()
    (orphan,) = OrphanFinder(context).find()
    operations.away = True
    with pytest.raises(Unreachable):
        OrphanRemover(context, Remover(context)).remove(orphan)
    harness.names.append(JID)
    posted(service, JID)
    assert eventually(lambda: service.status(JID, PLUGIN)[0].status is JobStatus.SUCCEEDED)
    operations.away = False
    service.recover()
    assert (storebase.job(JID).incoming / "a").read_text() == "b"
    assert {kind for kind in JobKind if context.journal.get(JID, kind)} == {PLUGIN}
    harness.close()


def test_an_orphan_that_the_engine_can_not_answer_for_does_not_hide_others(
    storebase: StoreBase, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class ForgetfulEngine(ProcessEngine):
        unanswered: str | None = None

        def info(self, name: str, mine: Mine = anyone) -> JobInfo:
            if name == self.unanswered:
                raise Unreachable("no answer")
            return super().info(name, mine)

    engine = ForgetfulEngine(storebase)
    harness = make_harness("process", storebase.root)
    harness.engine = engine
    context = make_context(storebase, tmp_path, engine)
    JobService(context).start()
    first, second = (unrecorded(context, harness, "true") for _ in range(2))
    for spec in (first, second):
        harness.wait(spec.name)
    engine.unanswered = first.name
    assert [orphan.name for orphan in OrphanFinder(context).find()] == [second.name, f"key-{second.jid}"]
    assert f"job {first.name} of process is left out: no answer" in caplog.text
    assert f"the data of job {first.jid} are left out: no answer" in caplog.text
    engine.unanswered = None
    harness.close()
