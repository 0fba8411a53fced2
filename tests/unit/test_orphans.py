"""What jobs without a record have left: it is found, and removed unless something may use it."""

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from support.compute import make_harness
from support.job_context import make_context
from support.old_jobs import PLUGIN, age_data, age_records, ended, posted, unrecorded

from pfcon.errors import Absent
from pfcon.jobs import JobService
from pfcon.jobs.context import JobContext
from pfcon.jobs.orphan_removal import OrphanRemover
from pfcon.jobs.orphans import Orphan, OrphanFinder
from pfcon.jobs.removal import Remover
from pfcon.models import JobId, JobInfo, JobKind, JobSpec, JobStatus
from pfcon.paths import StoreBase
from pfcon.records import Phase, Record
from pfcon.records.events import EventLog
from pfcon.testing.compute.harness import HEARTBEAT, Harness
from pfcon.testing.waiting import eventually

JID = JobId(f"pfcon-test-{uuid.uuid4().hex[:12]}")  # several runs use one engine
REAL = ("docker", "podman", "swarm", "cromwell")  # a real Kubernetes has one storeBase for all tests
ENGINES = [
    "process",
    "fake-kubernetes",
    *(pytest.param(name, marks=pytest.mark.engine(name)) for name in REAL),
    pytest.param("slurm-plain-crun", marks=pytest.mark.engine("slurm")),
]
LASTS = f"trap '' TERM; {HEARTBEAT}"


@pytest.fixture(params=ENGINES)
def compute(request: pytest.FixtureRequest, storebase: StoreBase) -> Iterator[Harness]:
    harness = make_harness(request.param, storebase.root)
    harness.names.append(JID)
    yield harness
    harness.close()


@pytest.fixture
def context(storebase: StoreBase, tmp_path: Path, compute: Harness) -> JobContext:
    return make_context(storebase, tmp_path, compute.engine)


@pytest.fixture
def service(context: JobContext) -> JobService:
    """A service with a record that is older than all orphans of a test."""
    service = JobService(context)
    service.start()
    found = context.journal.claim(JobId("old"), PLUGIN, "r", phase=Phase.FINAL.value, owner=None)
    assert found
    age_records(context, 1)
    return service


def found(context: JobContext) -> list[Orphan]:
    """Those of this storeBase; an engine may have others."""
    every = OrphanFinder(context).find()
    return [orphan for orphan in every if context.storebase.job(orphan.jid).is_taken() or orphan.kind is None]


def summaries(context: JobContext) -> list[tuple[str, JobKind | None, bool, bool]]:
    return [(orphan.name, orphan.kind, orphan.active, orphan.older_than_records) for orphan in found(context)]


def removed(context: JobContext, *, active: bool = False) -> list[bool]:
    remover = OrphanRemover(context, Remover(context))
    return [remover.remove(orphan, active=active) for orphan in found(context)]


def await_start(compute: Harness, spec: JobSpec) -> JobInfo:
    """Wait until a job runs, and for a moment until the engine knows since when: not all of them report that."""
    assert eventually(lambda: compute.engine.info(spec.name).status is JobStatus.STARTED)
    eventually(lambda: compute.engine.info(spec.name).details.started_at, 2)
    return compute.engine.info(spec.name)


def is_off(compute: Harness, spec: JobSpec) -> bool:
    try:
        compute.engine.info(spec.name)
    except Absent:
        return True
    return False


def test_an_ended_job_and_its_data_are_removed(service: JobService, context: JobContext, compute: Harness) -> None:
    spec = unrecorded(context, compute, "true")
    compute.wait(spec.name)
    assert summaries(context) == [(spec.name, PLUGIN, False, False), (f"key-{spec.jid}", None, False, False)]
    assert removed(context) == [True, True]
    assert is_off(compute, spec)
    assert not context.storebase.job(spec.jid).is_taken()
    assert found(context) == []
    with pytest.raises(Absent):
        service.status(spec.jid, PLUGIN)


def test_an_active_job_and_its_data_are_kept_unless_that_is_wanted(
    service: JobService, context: JobContext, compute: Harness
) -> None:
    spec = unrecorded(context, compute, HEARTBEAT)
    begun = await_start(compute, spec)
    older = begun.details.started_at is None  # as far as is known: an engine may not report when a job started
    assert summaries(context) == [(spec.name, PLUGIN, True, older), (f"key-{spec.jid}", None, True, False)]
    assert removed(context) == [False, False]
    assert compute.engine.info(spec.name).status is JobStatus.STARTED
    assert context.storebase.job(spec.jid).exists()
    remover = OrphanRemover(context, Remover(context))
    assert all(remover.remove(orphan, active=True) for orphan in OrphanFinder(context).find() if orphan.jid == spec.jid)
    assert is_off(compute, spec)
    assert not context.storebase.job(spec.jid).is_taken()


def test_another_service_s_job_is_no_orphan_and_data_that_it_may_use_are_kept(
    service: JobService, context: JobContext, compute: Harness
) -> None:
    spec = unrecorded(context, compute, HEARTBEAT, signed=False)
    await_start(compute, spec)
    assert summaries(context) == [(f"key-{spec.jid}", None, True, False)]
    assert removed(context, active=True) == [False]
    assert compute.engine.info(spec.name).status is JobStatus.STARTED
    assert context.storebase.job(spec.jid).exists()
    compute.engine.cancel(spec.name)
    compute.wait(spec.name)
    assert eventually(lambda: removed(context) == [True])  # an engine may report the end of a foreign job later
    assert not is_off(compute, spec)


def test_what_has_a_record_is_no_orphan(service: JobService, context: JobContext, compute: Harness) -> None:
    ended(service, JID, image=compute.image)
    assert found(context) == []
    service.remove(JID, PLUGIN, with_data=False)
    assert summaries(context) == [(f"key-{JID}", None, False, False)]


def test_where_removed_jobs_are_kept_on_the_engine_they_are_no_orphans(
    service: JobService, context: JobContext, compute: Harness
) -> None:
    keeping = replace(context, options=replace(context.options, remove_jobs=False))
    ended(JobService(keeping), JID, image=compute.image)
    JobService(keeping).remove(JID, PLUGIN, with_data=False)
    assert summaries(keeping) == [(f"key-{JID}", None, False, False)]
    assert removed(keeping) == [True]
    assert compute.engine.info(JID).status is JobStatus.SUCCEEDED
    spec = unrecorded(context, compute, "true")
    compute.wait(spec.name)
    assert removed(keeping) == [True, True]  # what an administrator asks for
    assert is_off(compute, spec)


def test_what_is_older_than_all_records_says_so(service: JobService, context: JobContext, compute: Harness) -> None:
    spec = compute.shell("true")
    age_data(context, spec.jid, 2)
    assert summaries(context) == [(f"key-{spec.jid}", None, False, True)]
    age_records(context, 2)
    assert summaries(context) == [(f"key-{spec.jid}", None, False, False)]


def test_without_any_record_all_is_older_than_the_records(context: JobContext, compute: Harness) -> None:
    spec = unrecorded(context, compute, "true")
    compute.wait(spec.name)
    assert [older for *_, older in summaries(context)] == [True, True]


def test_a_job_that_is_posted_after_the_search_is_kept(
    service: JobService, context: JobContext, compute: Harness
) -> None:
    context.storebase.job(JID).make()
    (orphan,) = found(context)
    posted(service, JID, 'until [ -e "$1/go" ]; do sleep 0.1; done', compute.image)
    remover = OrphanRemover(context, Remover(context))
    assert not remover.remove(orphan, active=True)
    (context.storebase.job(JID).outgoing / "go").touch()
    assert eventually(lambda: service.status(JID, PLUGIN)[0].status is JobStatus.SUCCEEDED)
    assert not remover.remove(orphan)
    assert (context.storebase.job(JID).incoming / "a").read_text() == "b"
    assert [entry.kind for entry in service.records_of(JID)] == [PLUGIN]


def test_only_directories_of_jobs_are_found(service: JobService, context: JobContext, compute: Harness) -> None:
    for name in ("key-", "key-..x", "key-a b", "keys-a", "home"):
        (context.storebase.root / name).mkdir()
    assert found(context) == []


def test_a_link_in_place_of_a_directory_is_removed_and_not_followed(
    service: JobService, context: JobContext, tmp_path: Path, compute: Harness
) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/file").touch()
    (context.storebase.root / "key-link").symlink_to(tmp_path / "precious")
    assert summaries(context) == [("key-link", None, False, False)]
    assert removed(context) == [True]
    assert (tmp_path / "precious/file").exists()


def test_data_of_a_job_that_is_posted_during_the_removal_are_kept(
    service: JobService, context: JobContext, compute: Harness
) -> None:
    class SlowRemover(Remover):
        def remove(self, record: Record, *, with_data: bool) -> bool:
            time.sleep(0.3)
            return super().remove(record, with_data=with_data)

    context.storebase.job(JID).make()
    (orphan,) = found(context)
    with ThreadPoolExecutor(1) as pool:
        removal = pool.submit(OrphanRemover(context, SlowRemover(context)).remove, orphan)
        assert eventually(lambda: context.journal.get(JID, PLUGIN))
        posted(service, JID, image=compute.image)  # waits for the removal
        assert removal.result()
    assert (context.storebase.job(JID).incoming / "a").read_text() == "b"
    assert eventually(lambda: service.status(JID, PLUGIN)[0].status is JobStatus.SUCCEEDED)
    assert {kind for kind in JobKind if context.journal.get(JID, kind)} == {PLUGIN}


def test_a_removal_makes_no_events_of_jobs_that_never_were(
    service: JobService, context: JobContext, compute: Harness
) -> None:
    context.storebase.job(JID).make()
    before = EventLog(context.journal.database).read(0, 0).last
    assert removed(context) == [True]
    assert EventLog(context.journal.database).read(0, 0).last == before
    assert not any(context.journal.get(JID, kind) for kind in JobKind)
