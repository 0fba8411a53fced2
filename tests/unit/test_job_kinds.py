"""What is particular to a kind of job, where no test of a whole job's life shows it."""

from dataclasses import replace
from pathlib import Path

import pytest
from support.compute import make_harness
from support.job_context import make_context

from pfcon.compute.process.engine import ProcessEngine
from pfcon.jobs.context import JobContext
from pfcon.jobs.kinds import KINDS
from pfcon.jobs.kinds.operation import Operation
from pfcon.models import JobId, JobInfo, JobKind, JobSpec, JobStatus
from pfcon.operations.__main__ import OPERATIONS
from pfcon.paths import StoreBase
from pfcon.progress import Progress, write_progress
from pfcon.records import Claimed
from pfcon.settings import NoSettings
from pfcon.storage.credentials import Credentials

JID = JobId("j1")
COPY, DELETE, PLUGIN, UPLOAD = JobKind.COPY, JobKind.DELETE, JobKind.PLUGIN, JobKind.UPLOAD


@pytest.fixture
def context(storebase: StoreBase, tmp_path: Path) -> JobContext:
    return make_context(storebase, tmp_path, make_harness("process", storebase.root).engine, "fslink")


def test_each_kind_of_job_has_its_object() -> None:
    assert {job_kind: kind.job_kind for job_kind, kind in KINDS.items()} == {kind: kind for kind in JobKind}


def test_each_operation_has_a_program() -> None:
    assert {kind.job_kind.value for kind in KINDS.values() if isinstance(kind, Operation)} == set(OPERATIONS)


def test_operations_have_an_engine_of_their_own(context: JobContext, storebase: StoreBase) -> None:
    own, former = ProcessEngine(storebase), ProcessEngine(storebase)
    context = replace(context, operations=own, former_operations=former)
    assert (context.engine_of(PLUGIN), KINDS[PLUGIN].former_engine(context)) == (context.engine, None)
    for kind in (COPY, UPLOAD, DELETE):
        assert (context.engine_of(kind), KINDS[kind].former_engine(context)) == (own, former)


def test_a_job_that_only_deletes_gets_no_secrets(context: JobContext) -> None:
    context = replace(context, credentials=Credentials("store", NoSettings(), context.storebase))
    assert {job_kind for job_kind, kind in KINDS.items() if kind.secrets(context)} == {COPY, UPLOAD}


@pytest.mark.parametrize("in_storebase", [True, False])
def test_a_copy_job_alone_sees_the_data_of_users_in_storebase(context: JobContext, in_storebase: bool) -> None:
    vars(context.storage)["in_storebase"] = in_storebase
    readers = {job_kind for job_kind, kind in KINDS.items() if kind.reads_storebase(context)}
    assert readers == ({COPY} if in_storebase else set())


@pytest.mark.parametrize("kind", JobKind)
@pytest.mark.parametrize("with_data", [True, False])
def test_only_a_plugin_job_fails_with_the_service_that_staged_it(
    context: JobContext, kind: JobKind, with_data: bool
) -> None:
    """An operation is to be posted again, and continues with the data that it finds."""
    job = context.storebase.job(JID)
    job.make()
    claimed = context.journal.claim(JID, kind, "digest", with_data=with_data)
    assert isinstance(claimed, Claimed)
    status = KINDS[kind].end_staging(context, claimed.record)
    assert status is (JobStatus.FAILED if kind is PLUGIN else JobStatus.UNDEFINED)
    assert job.exists() is not (kind is PLUGIN and with_data)


def test_a_deletion_that_two_processes_conclude_has_a_message_from_both(context: JobContext) -> None:
    """The first one deletes the operation's report together with the job's directory."""
    job = context.storebase.job(JID)
    job.make()
    spec = JobSpec(DELETE.engine_name(JID), JID, DELETE, "", ("delete",))
    claimed = context.journal.claim(JID, DELETE, "digest", spec=spec.to_json())
    assert isinstance(claimed, Claimed)
    write_progress(job, DELETE, Progress("deleted 3 files", nfiles=3))
    info = JobInfo(spec.name, JobStatus.SUCCEEDED)
    ends = [KINDS[DELETE].conclude(context, claimed.record, spec, info).info for _ in range(2)]
    assert [end.message for end in ends] == ["deleted 3 files", "deleted the data of the job"]
    assert not job.exists()
