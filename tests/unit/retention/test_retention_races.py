"""What happens while ended jobs are removed: a new job of the jid is never harmed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from support.job_context import LIMITS, make_context
from support.old_jobs import PLUGIN, age_records, posted
from support.retention import A, TroubledEngine, run

from pfcon.compute.process.engine import ProcessEngine
from pfcon.errors import Conflict
from pfcon.jobs import JobService
from pfcon.jobs.context import JobContext
from pfcon.jobs.removal import Remover
from pfcon.models import JobId, JobKind, JobStatus, UploadRequest
from pfcon.paths import StoreBase
from pfcon.records import Claimed, Journal, Phase
from pfcon.records.database import connect
from pfcon.records.removals import removing
from pfcon.storage.fslink import FslinkStorage
from pfcon.testing.compute.harness import Harness
from pfcon.testing.waiting import eventually


def at_the_check(compute: Harness, act: Callable[[], object]) -> None:
    """Let something happen when the engine is asked for the jobs of a jid, after the records were read."""
    assert isinstance(compute.engine, TroubledEngine)
    compute.engine.acts = [act]


def test_a_job_that_is_posted_again_at_that_moment_is_kept(
    service: JobService, context: JobContext, compute: Harness
) -> None:
    posted(service, A, "exit 1")
    assert eventually(lambda: service.status(A, PLUGIN)[0].status is JobStatus.FAILED)
    age_records(context, 8)
    at_the_check(compute, lambda: posted(service, A, "exec sleep 600"))
    run(context)
    assert service.status(A, PLUGIN)[0].status is JobStatus.STARTED
    assert (context.storebase.job(A).incoming / "a").exists()


@pytest.mark.parametrize("phase", [Phase.STAGING, Phase.SCHEDULING, Phase.SCHEDULED])
@pytest.mark.parametrize("kinds", [(PLUGIN, JobKind.UPLOAD), (JobKind.COPY, PLUGIN)], ids=" then ".join)
def test_data_that_a_new_job_of_another_kind_uses_are_kept(
    service: JobService, context: JobContext, compute: Harness, kinds: tuple[JobKind, JobKind], phase: Phase
) -> None:
    old, new = kinds
    context.storebase.job(A).make()
    context.journal.claim(A, old, "r", phase=Phase.FINAL.value, owner=None)
    age_records(context, 8)
    owner = None if phase is Phase.SCHEDULED else context.journal.owner
    at_the_check(compute, lambda: context.journal.claim(A, new, "r", phase=phase.value, owner=owner))
    run(context)
    assert context.storebase.job(A).exists()
    found = {kind: context.journal.get(A, kind) for kind in JobKind}
    assert {kind: record.phase for kind, record in found.items() if record} == {old: Phase.FINAL, new: phase}


class LateJournal(Journal):
    """One in which something happens before an upload job is claimed, after its plugin job was read."""

    act: Callable[[], object] | None = None

    def claim(self, jid: JobId, kind: JobKind, *how: Any, **values: Any) -> Any:
        act, self.act = self.act, None
        if act and kind is JobKind.UPLOAD:
            act()
        return super().claim(jid, kind, *how, **values)


class UploadingStorage(FslinkStorage):
    """One whose outputs an upload job delivers."""

    requires_upload_job = True


def test_an_upload_that_is_posted_while_its_jid_is_removed_is_refused(storebase: StoreBase, tmp_path: Path) -> None:
    context = make_context(storebase, tmp_path, ProcessEngine(storebase), "fslink")
    journal = LateJournal(lambda: connect(None, tmp_path))
    context = replace(context, journal=journal, storage=UploadingStorage(storebase, LIMITS))
    service = JobService(context)
    service.start()
    job = storebase.job(A)
    job.make()
    job.outgoing.mkdir()
    plugin = journal.claim(A, PLUGIN, "r", phase=Phase.FINAL.value, status="finishedSuccessfully", owner=None)
    assert isinstance(plugin, Claimed)

    def begin_removal() -> None:
        with removing(journal, A, {kind: journal.get(A, kind) for kind in JobKind}, with_data=True) as removals:
            (upload,) = (record for record in removals if record.kind is JobKind.UPLOAD)
            Remover(context).finish(upload)  # of the upload job's placeholder, as another process may do first

    journal.act = begin_removal
    with pytest.raises(Conflict, match="was just replaced or removed"):
        service.submit_upload(UploadRequest(A, PurePosixPath("home/out"), 100, 100))
    assert journal.get(A, JobKind.UPLOAD) is None
