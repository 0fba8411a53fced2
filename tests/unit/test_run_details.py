"""RunDetails: how those of several sources become one, and that the record keeps them."""

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy
from support.job_context import make_context
from support.zips import good_zip, spooled

from pfcon.compute.details import digest_of, node_names, of_workers, own_exit_code
from pfcon.compute.process.engine import ProcessEngine
from pfcon.jobs import JobService
from pfcon.jobs.context import JobContext
from pfcon.models import JobId, JobInfo, JobKind, JobRequest, JobStatus, PluginType, RunDetails
from pfcon.paths import StoreBase
from pfcon.records import Claimed, Phase
from pfcon.records.rows import details_row
from pfcon.records.schema import jobs
from pfcon.testing.waiting import eventually

AT = datetime(2026, 11, 20, 9, 40, tzinfo=UTC)
DIGEST = "sha256:" + "0a" * 32
ALL = RunDetails(AT, 3, "n1", DIGEST, 1024, 0.5, AT - timedelta(seconds=2))
JID = JobId("j1")
PLUGIN = JobKind.PLUGIN


def test_newer_details_replace_only_what_they_know() -> None:
    assert ALL.updated(RunDetails()) == ALL
    assert RunDetails().updated(ALL) == ALL
    assert ALL.updated(RunDetails(exit_code=0, cpu_seconds=0.0)) == replace(ALL, exit_code=0, cpu_seconds=0.0)
    assert RunDetails(node="n1").updated(RunDetails(exit_code=0)).known() == {"node": "n1", "exit_code": 0}


def test_the_earlier_place_stays() -> None:
    """The service may have fetched the image before the engine made the container."""
    early, late = RunDetails(placed_at=AT), RunDetails(placed_at=AT + timedelta(seconds=9), node="n1")
    assert early.updated(late) == late.updated(early) == replace(late, placed_at=AT)


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        (DIGEST, DIGEST),
        (f"docker-pullable://registry.example.org:5000/a/b@{DIGEST}", DIGEST),
        ("registry.example.org/a/b:1", None),
        (DIGEST[:-1], None),
        (f"{DIGEST} or so", None),
        ("", None),
        (None, None),
        ({"digest": DIGEST}, None),
    ],
)
def test_a_digest_is_the_end_of_an_image_s_name_or_id(text: object, digest: str | None) -> None:
    assert digest_of(text) == digest


@pytest.mark.parametrize(("code", "own"), [(0, 0), (3, 3), (137, 137), (-9, 137), (254, 254), (255, None), (-1, None)])
def test_a_code_that_runtimes_use_for_a_lost_container_is_not_an_exit_code(code: int, own: int | None) -> None:
    assert own_exit_code(code) == own
    assert own_exit_code(256 + abs(code)) is None


def test_names_of_nodes_are_in_order_and_each_once() -> None:
    assert node_names(["n2", "n1", None, "n2", "", "no name", "-x", 3]) == "n1,n2"
    assert node_names(["rack-3.example.org"]) == "rack-3.example.org"
    assert node_names([None, "a/b", "x" * 300]) is None


def test_of_several_workers_the_first_start_and_all_nodes_count() -> None:
    later = AT + timedelta(seconds=5)
    runs = [RunDetails(later, 0, "n2", DIGEST), RunDetails(placed_at=later), RunDetails(AT, 3, "n1", DIGEST)]
    runs.append(RunDetails(placed_at=AT))
    assert of_workers(runs, 3) == RunDetails(AT, 3, "n1,n2", DIGEST, placed_at=AT)
    other = RunDetails(image_digest="sha256:" + "0b" * 32)
    assert of_workers([*runs, other], None).image_digest is None
    assert of_workers([], None) == RunDetails()


@pytest.fixture
def engine(storebase: StoreBase) -> Iterator[ProcessEngine]:
    engine = ProcessEngine(storebase, stop_grace=2)
    yield engine
    engine.remove(JID)


@pytest.fixture
def context(storebase: StoreBase, tmp_path: Path, engine: ProcessEngine) -> JobContext:
    return make_context(storebase, tmp_path, engine)


@pytest.fixture
def service(context: JobContext) -> JobService:
    service = JobService(context)
    service.start()
    return service


def posted(service: JobService, script: str) -> None:
    request = JobRequest(JID, "none", ("sh", "-c"), PluginType.DS, "u", 1, 1000, 300, 0, args=(script,))
    upload = spooled(good_zip({"a": b"b"}))
    with upload.file:
        service.submit(request, upload)


def status(service: JobService) -> JobInfo:
    return service.status(JID, PLUGIN)[0]


def test_the_record_keeps_the_details_of_an_ended_job_that_the_engine_forgets(
    service: JobService, engine: ProcessEngine
) -> None:
    posted(service, "exit 3")
    assert eventually(lambda: status(service).status.final)
    ended = status(service)
    assert ended.details.exit_code == 3
    assert ended.details.known().keys() >= {"started_at", "exit_code", "node", "cpu_seconds"}
    assert ended.created_at is not None
    assert ended.created_at <= ended.details.started_at <= ended.finished_at  # type: ignore[operator]
    engine.remove(JID)
    assert status(service) == ended


def test_the_record_keeps_what_was_known_of_a_running_job_that_is_removed_outside(
    service: JobService, context: JobContext, engine: ProcessEngine
) -> None:
    posted(service, "exec sleep 600")
    assert eventually(lambda: status(service).details.started_at)
    running = status(service)
    assert running.details.exit_code is None
    engine.remove(JID)
    with context.journal._database.begin() as connection:  # as if the engine had had the job for long
        connection.execute(sqlalchemy.update(jobs).values(changed_at=jobs.c.changed_at - 60))
    lost = status(service)
    assert (lost.status, lost.details) == (JobStatus.FAILED, running.details)


def test_a_job_that_is_posted_again_has_none_of_the_details_of_the_failed_one(service: JobService) -> None:
    posted(service, 'test -e "$PWD/../again" || { touch "$PWD/../again"; exit 3; }; exec sleep 600')
    assert eventually(lambda: status(service).status.final)
    failed = status(service).details
    assert failed.exit_code == 3
    posted(service, "exec sleep 600")
    assert eventually(lambda: status(service).details.started_at)
    again = status(service).details
    assert again.exit_code is None
    assert again.started_at > failed.started_at  # type: ignore[operator]


def test_values_that_no_run_can_have_are_not_recorded() -> None:
    """A job of the process engine may change the files that its engine reads."""
    odd = RunDetails(exit_code=-1, node="n" * 200_000, image_digest="x" * 101, max_memory=1 << 70, cpu_seconds=math.nan)
    assert details_row(odd) == {}
    good = RunDetails(AT, 3, "n", "sha256:" + "0" * 64, 1 << 40, 1.5, AT)
    assert details_row(good) == {**good.known(), "started_at": AT.timestamp(), "placed_at": AT.timestamp()}


def test_an_operation_that_runs_again_has_none_of_the_details_of_its_last_run(context: JobContext) -> None:
    claimed = context.journal.claim(JID, JobKind.COPY, "r")
    assert isinstance(claimed, Claimed)
    assert context.journal.move(claimed.record, Phase.SCHEDULED)
    context.journal.save_status(claimed.record, JobInfo("j", JobStatus.STARTED, "", details=ALL), "")
    before = context.journal.get(JID, JobKind.COPY)
    assert before is not None
    assert before.details == ALL
    assert context.journal.begin_again(before, "c" * 32)
    again = context.journal.get(JID, JobKind.COPY)
    assert again is not None
    assert again.details == RunDetails()
