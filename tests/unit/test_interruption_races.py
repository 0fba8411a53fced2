"""What comes between an interruption, or a silence of the engine, and its recovery."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
import sqlalchemy
from support.job_context import make_context
from support.zips import good_zip, spooled

from pfcon.compute.process.engine import ProcessEngine
from pfcon.compute.unanswered import MaybeCreated
from pfcon.errors import Absent, Conflict, Foreign
from pfcon.jobs import JobService
from pfcon.jobs.context import JobContext
from pfcon.jobs.repetition import run_again
from pfcon.models import CopyRequest, JobId, JobInfo, JobKind, JobRequest, JobSpec, JobStatus, PluginType, Resources
from pfcon.paths import StoreBase
from pfcon.records import Record, unsigned
from pfcon.records.schema import jobs
from pfcon.testing.waiting import eventually

JID = JobId("j1")
COPY, DELETE, PLUGIN = JobKind.COPY, JobKind.DELETE, JobKind.PLUGIN
REQUEST = CopyRequest(JID, (PurePosixPath("home/in"),), PurePosixPath("home/out"), 1000, 300)


class SilentEngine(ProcessEngine):
    """Runs a script in place of operations, and falls silent while or before it makes a job."""

    script = ""
    silent = 0  # answers that are lost
    made = True  # whether the job is made for all that
    asked = 0

    def schedule(self, spec: JobSpec) -> JobInfo:
        self.asked += 1
        if self.script:
            spec = replace(spec, argv=("sh", "-c", self.script))
        if self.silent:
            self.silent -= 1
            if self.made:
                super().schedule(spec)
            raise MaybeCreated("no answer")
        return super().schedule(spec)


@pytest.fixture
def engine(storebase: StoreBase) -> Iterator[SilentEngine]:
    engine = SilentEngine(storebase, stop_grace=2)
    yield engine
    for kind in JobKind:
        engine.remove(kind.engine_name(JID))


@pytest.fixture
def context(storebase: StoreBase, tmp_path: Path, engine: SilentEngine) -> JobContext:
    (storebase.root / "home/in").mkdir(parents=True)
    (storebase.root / "home/in/a").write_text("alpha")
    return make_context(storebase, tmp_path, engine, "fslink")


@pytest.fixture
def service(context: JobContext) -> JobService:
    service = JobService(context)
    service.start()
    return service


def record_of(context: JobContext, kind: JobKind) -> Record:
    record = context.journal.get(JID, kind)
    assert record is not None
    return record


def ended(service: JobService, kind: JobKind) -> bool:
    service.recover()
    return service.status(JID, kind)[0].status.final


def unsign(context: JobContext, engine: SilentEngine, kind: JobKind) -> None:
    """Make a job one of a release that did not sign."""
    record = record_of(context, kind)
    assert record.spec is not None
    bare = unsigned(record.spec.request)
    spec = replace(record.spec, request=bare)
    with context.journal._database.begin() as connection:
        connection.execute(sqlalchemy.update(jobs).where(jobs.c.kind == kind.value).values(spec=spec.to_json()))
    path = context.storebase.private / "process" / record.name / "spec.json"
    path.write_text(path.read_text().replace(record.spec.request, bare))


def test_an_operation_of_an_earlier_release_that_is_interrupted_runs_again(
    service: JobService, context: JobContext, engine: SilentEngine
) -> None:
    engine.script = "sleep 0.5; kill -KILL $$"
    service.submit_copy(REQUEST)
    unsign(context, engine, COPY)
    engine.script = ""
    assert eventually(lambda: ended(service, COPY))
    assert record_of(context, COPY).status is JobStatus.SUCCEEDED, record_of(context, COPY).message


def test_a_copy_of_an_earlier_release_that_failed_can_be_posted_again(
    service: JobService, context: JobContext, engine: SilentEngine
) -> None:
    engine.script = "sleep 0.5; exit 1"
    service.submit_copy(REQUEST)
    unsign(context, engine, COPY)
    assert eventually(lambda: ended(service, COPY))
    assert record_of(context, COPY).status is JobStatus.FAILED
    engine.script = ""
    service.submit_copy(REQUEST)
    assert eventually(lambda: ended(service, COPY))
    assert record_of(context, COPY).status is JobStatus.SUCCEEDED


def test_a_repeated_post_does_not_wait_for_an_engine_that_is_silent(service: JobService, engine: SilentEngine) -> None:
    engine.silent, engine.made = 20, False
    service.submit_copy(REQUEST)
    again = service.submit_copy(REQUEST)
    assert not again.status.final
    assert engine.asked <= 3
    engine.silent = 0
    assert eventually(lambda: ended(service, COPY))


def test_a_delete_job_ends_a_job_whose_beginning_was_not_answered(
    context: JobContext, storebase: StoreBase, engine: SilentEngine
) -> None:
    zips = JobService(replace(context, storage=make_context(storebase, Path("/"), engine).storage))
    zips.start()
    upload = spooled(good_zip({"a": b"b"}))
    request = JobRequest(JID, "none", ("sh", "-c"), PluginType.DS, "u", 1, 1000, 300, 0, args=("sleep 600",))
    engine.silent = 1
    with upload.file:
        zips.submit(request, upload)
    assert not engine.info(PLUGIN.engine_name(JID)).status.final
    zips.submit_delete(JID, Resources())
    assert eventually(lambda: zips.status(JID, DELETE)[0].status.final)
    with pytest.raises(Absent):
        engine.info(PLUGIN.engine_name(JID))


@pytest.mark.parametrize("what", ["file", "link"])
def test_a_delete_job_of_what_is_no_directory(
    service: JobService, context: JobContext, storebase: StoreBase, what: str
) -> None:
    path = storebase.job(JID).path
    if what == "file":
        path.write_text("x")
    else:
        path.symlink_to(path.name)
    service.submit_delete(JID, Resources())
    assert eventually(lambda: ended(service, DELETE))
    assert record_of(context, DELETE).status is JobStatus.SUCCEEDED
    assert not storebase.job(JID).is_taken()


def test_started_stays_started_where_that_could_not_be_written(
    service: JobService, context: JobContext, engine: SilentEngine
) -> None:
    engine.script = "sleep 600"
    service.submit_copy(REQUEST)
    with context.journal._database.begin() as connection:
        connection.execute(sqlalchemy.update(jobs).values(status="notStarted"))
    record = record_of(context, COPY)
    info = JobInfo(record.name, JobStatus.FAILED, "killed", interrupted=True)
    assert record.spec is not None
    assert run_again(context, record, record.spec, info, "").status is JobStatus.STARTED


def an_image(context: JobContext, image: str | None) -> JobContext:
    return replace(context, options=replace(context.options, op_image=image))


@pytest.mark.parametrize("images", [("op", None), (None, "op")], ids=["unset", "set"])
@pytest.mark.parametrize("deleted", [False, True], ids=["looked-at", "deleted"])
def test_an_operation_that_the_engine_of_another_op_image_runs_is_ended_there_first(
    context: JobContext,
    tmp_path: Path,
    engine: SilentEngine,
    images: tuple[str | None, str | None],
    deleted: bool,
) -> None:
    (tmp_path / "other").mkdir()
    other = SilentEngine(StoreBase(tmp_path / "other"))
    first = JobService(an_image(context, images[0]))
    first.start()
    engine.script = other.script = "sleep 600"
    first.submit_copy(REQUEST)
    changed = an_image(context, images[1])
    second = JobService(replace(changed, operations=other, former_operations=engine))
    with context.journal._database.begin() as connection:  # as if the engine had had it for long
        connection.execute(sqlalchemy.update(jobs).values(changed_at=jobs.c.changed_at - 60))
    try:
        if deleted:
            second.remove(JID, COPY, with_data=False)
        else:
            second.status(JID, COPY)
            second.recover()
            assert other.info(COPY.engine_name(JID)).status is JobStatus.STARTED
        with pytest.raises(Absent):
            engine.info(COPY.engine_name(JID))
    finally:
        other.remove(COPY.engine_name(JID))


def test_a_copy_job_whose_name_another_service_has_leaves_nothing_that_its_clean_up_stumbles_over(
    service: JobService, storebase: StoreBase, engine: SilentEngine
) -> None:
    name = COPY.engine_name(JID)
    engine.schedule(JobSpec(name, JID, COPY, "", ("sleep", "600"), request="x.y.z", service="0123456789ab"))
    with pytest.raises(Conflict, match="another pfcon service"):
        service.submit_copy(REQUEST)
    assert not storebase.job(JID).is_taken()
    assert service.submit_delete(JID, Resources()).status is JobStatus.SUCCEEDED
    for kind in (COPY, PLUGIN, JobKind.UPLOAD):
        with pytest.raises(Absent) as gone:  # to a client that deletes, as good as done
            service.remove(JID, kind, with_data=False)
        assert not isinstance(gone.value, Foreign)
    service.remove(JID, DELETE, with_data=False)
    assert not engine.info(name).status.final
