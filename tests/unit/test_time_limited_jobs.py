"""The time limit of jobs that a service submits: the site's, and that of a request."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from support.job_context import make_context
from support.zips import good_zip, spooled

from pfcon.compute.process.engine import ProcessEngine
from pfcon.errors import Conflict
from pfcon.jobs import JobService
from pfcon.jobs.context import JobContext
from pfcon.models import CopyRequest, JobId, JobInfo, JobKind, JobRequest, JobStatus, PluginType
from pfcon.paths import StoreBase
from pfcon.reasons import Reason
from pfcon.records import Record
from pfcon.testing.waiting import eventually

JID = JobId("j1")
LASTING = "echo begun; exec sleep 600"


@pytest.fixture
def context(storebase: StoreBase, tmp_path: Path) -> Iterator[JobContext]:
    """One whose site has a limit of 2 minutes, of half a second each."""
    context = make_context(storebase, tmp_path, ProcessEngine(storebase, stop_grace=2, minute=0.5))
    yield replace(context, options=replace(context.options, timelimit=2))
    for kind in JobKind:
        context.engine.remove(kind.engine_name(JID))


def submit(context: JobContext, script: str, time_limit: int | None = None) -> JobInfo:
    request = JobRequest(
        JID, "none", ("sh", "-c"), PluginType.DS, "u", 1, 1000, 300, 0, args=(script,), time_limit=time_limit
    )
    service = JobService(context)
    service.start()
    upload = spooled(good_zip({"a": b"b"}))
    with upload.file:
        return service.submit(request, upload).info


def recorded(context: JobContext, kind: JobKind = JobKind.PLUGIN) -> Record:
    record = context.journal.get(JID, kind)
    assert record is not None
    return record


def limit_of(context: JobContext, kind: JobKind = JobKind.PLUGIN) -> int | None:
    spec = recorded(context, kind).spec
    assert spec is not None
    return spec.resources.time_limit


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (1, "stopped at its time limit of 1 minute"),
        (None, "stopped at its time limit of 2 minutes"),
    ],
)
def test_a_job_ends_at_its_time_limit_and_the_record_says_so(
    context: JobContext, asked: int | None, message: str
) -> None:
    submit(context, LASTING, asked)
    service = JobService(context)
    assert eventually(lambda: service.status(JID, JobKind.PLUGIN)[0].status.final)
    info, logs = service.status(JID, JobKind.PLUGIN)
    assert (info.status, info.message, info.reason) == (JobStatus.FAILED, message, Reason.TIME_LIMIT)
    assert logs == f"begun\npfcon: {message}\n"
    assert recorded(context).logs == "begun\n"
    assert (recorded(context).info.message, recorded(context).info.reason) == (message, Reason.TIME_LIMIT)
    entry = service.records_of(JID)[0]
    assert (entry.message, entry.reason) == (message, Reason.TIME_LIMIT)


def test_what_a_job_does_after_its_limit_does_not_change_the_message(context: JobContext) -> None:
    """It has more than one process only when it is asked to end, and is killed for that before the grace is over."""
    limited = replace(context, options=replace(context.options, pids=8))
    script = "trap 'for n in 1 2 3 4 5 6 7 8 9; do sleep 600 & done; wait' TERM; while :; do sleep 0.05; done"
    submit(limited, script, 1)
    service = JobService(limited)
    assert eventually(lambda: service.status(JID, JobKind.PLUGIN)[0].status.final)
    info, _ = service.status(JID, JobKind.PLUGIN)
    assert (info.message, info.reason) == ("stopped at its time limit of 1 minute", Reason.TIME_LIMIT)


def test_without_any_limit_a_job_has_none(context: JobContext) -> None:
    submit(replace(context, options=replace(context.options, timelimit=None)), "exit 0")
    assert limit_of(context) is None


def test_a_repeated_request_is_the_same_job_and_one_with_another_limit_is_not(context: JobContext) -> None:
    submit(context, "exit 0", 1)
    first = recorded(context)
    submit(context, "exit 0", 1)
    assert recorded(context).claim == first.claim
    with pytest.raises(Conflict):
        submit(context, "exit 0", 2)


def test_another_limit_of_the_site_does_not_make_another_request(context: JobContext) -> None:
    submit(context, "exit 0")
    submit(replace(context, options=replace(context.options, timelimit=3)), "exit 0")
    assert limit_of(context) == 2


def test_the_site_s_limit_is_not_that_of_operations(context: JobContext, tmp_path: Path) -> None:
    """Large data must be able to arrive."""
    (context.storebase.root / "in").mkdir()
    (context.storebase.root / "in" / "a").write_text("alpha")
    staged = make_context(context.storebase, tmp_path, context.engine, "fslink")
    staged = replace(staged, options=context.options)
    service = JobService(staged)
    service.start()
    service.submit_copy(CopyRequest(JID, (PurePosixPath("in"),), PurePosixPath("out"), 1000, 300))
    assert limit_of(staged, JobKind.COPY) is None
    assert eventually(lambda: service.status(JID, JobKind.COPY)[0].status.final)
