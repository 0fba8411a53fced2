"""The cromwell engine after restarts, crashes and lost answers: one name is one job, and none is lost."""

import dataclasses
import json
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.cromwell import MINUTES, CromwellHarness, cromwell_harness, engine_at

from pfcon.compute.cromwell import claims
from pfcon.compute.cromwell.claims import Claims
from pfcon.compute.cromwell.engine import CromwellEngine
from pfcon.compute.cromwell.tracker import LOST
from pfcon.compute.engines import make_engine
from pfcon.compute.signing import Signer
from pfcon.configuration import load
from pfcon.errors import Absent, Conflict, Refused, Unreachable
from pfcon.models import JobSpec, JobStatus
from pfcon.paths import StoreBase
from pfcon.reasons import Reason
from pfcon.testing.waiting import eventually


@pytest.fixture
def compute(storebase: StoreBase) -> Iterator[CromwellHarness]:
    harness = cromwell_harness(storebase.root)
    yield harness
    harness.close()


def restarted(compute: CromwellHarness) -> CromwellEngine:
    """The engine as another process has it."""
    assert compute.server
    return engine_at(compute.server.url, compute.storebase)


def claim_path(compute: CromwellHarness, name: str) -> Path:
    return compute.storebase.private / "cromwell/jobs" / name


def signed(compute: CromwellHarness, spec: JobSpec) -> JobSpec:
    """With a request that a service of this storeBase knows again as its own."""
    return dataclasses.replace(spec, request=Signer(compute.storebase).sign(spec.name, "5eed"))


def test_another_process_knows_the_job_and_its_log(compute: CromwellHarness) -> None:
    spec = compute.shell("echo out; exit 4", "a b", request="5eed")
    info = compute.run(spec)
    again = restarted(compute)
    assert again.info(spec.name) == info
    assert again.logs(spec.name, 10) == "out\n"
    with pytest.raises(Conflict):
        again.schedule(spec)


def test_a_job_whose_claim_is_lost_is_found_by_its_labels(compute: CromwellHarness) -> None:
    assert compute.server
    spec = signed(compute, compute.shell("echo out; sleep 600"))
    compute.engine.schedule(spec)
    assert eventually(lambda: compute.engine.logs(spec.name, 10) == "out\n")
    shutil.rmtree(claim_path(compute, spec.name))
    again = restarted(compute)
    info = again.info(spec.name)
    assert (info.status, info.request, info.argv) == (JobStatus.STARTED, spec.request, ())
    assert again.logs(spec.name, 10) == "out\n"
    with pytest.raises(Conflict):
        again.schedule(spec)
    assert len(compute.server.workflows) == 1


def test_a_removed_job_is_never_found_again(compute: CromwellHarness) -> None:
    spec = compute.shell("exit 0")
    compute.run(spec)
    compute.engine.remove(spec.name)
    with pytest.raises(Absent):
        restarted(compute).info(spec.name)
    assert compute.run(spec).status is JobStatus.SUCCEEDED


def test_a_submission_whose_answer_is_lost_is_found_and_runs_once(compute: CromwellHarness) -> None:
    assert compute.server
    compute.server.deaf_submits = 1
    spec = compute.shell('echo ran >> "$1"/ran')
    with pytest.raises(Unreachable, match="may have been created"):
        compute.engine.schedule(spec)
    with pytest.raises(Conflict):
        compute.engine.schedule(spec)
    assert compute.wait(spec.name).status is JobStatus.SUCCEEDED
    assert compute.outgoing(spec).joinpath("ran").read_text() == "ran\n"


def test_a_submission_that_was_not_taken_is_made_again(compute: CromwellHarness) -> None:
    assert compute.server
    compute.server.faults = [0, 503]  # the look for the name is answered
    spec = compute.shell('echo ran >> "$1"/ran')
    with pytest.raises(Unreachable, match="may have been created"):
        compute.engine.schedule(spec)
    assert compute.engine.info(spec.name).status is JobStatus.NOT_STARTED
    with pytest.raises(Conflict):
        compute.engine.schedule(dataclasses.replace(spec, request="another"))
    assert compute.run(spec).status is JobStatus.SUCCEEDED
    assert compute.outgoing(spec).joinpath("ran").read_text() == "ran\n"


def test_a_submission_that_cromwell_refuses_leaves_nothing(compute: CromwellHarness) -> None:
    assert compute.server
    compute.server.faults = [0, 400]
    spec = compute.shell("exit 0")
    with pytest.raises(Refused, match="as the test wants it"):
        compute.engine.schedule(spec)
    with pytest.raises(Absent):
        compute.engine.info(spec.name)
    assert not claim_path(compute, spec.name).exists()


def test_a_job_whose_service_died_before_it_submitted_is_started_by_the_next(compute: CromwellHarness) -> None:
    spec = compute.shell("exit 0")
    Claims(compute.storebase).take(spec, uuid.uuid4().hex, MINUTES)
    assert compute.engine.info(spec.name).message == "being submitted to Cromwell"
    assert compute.engine.logs(spec.name, 10) == ""
    assert compute.run(spec).status is JobStatus.SUCCEEDED


def test_a_job_that_is_just_being_submitted_is_not_submitted_twice(compute: CromwellHarness) -> None:
    spec = compute.shell("exit 0")
    claim = Claims(compute.storebase).take(spec, uuid.uuid4().hex, MINUTES)
    with claim.submitting() as mine:
        assert mine
        with pytest.raises(Conflict):
            compute.engine.schedule(spec)


def test_a_job_that_never_reached_cromwell_has_failed_in_the_end(compute: CromwellHarness) -> None:
    spec = compute.shell("exit 0")
    Claims(compute.storebase).take(spec, uuid.uuid4().hex, MINUTES)
    path = claim_path(compute, spec.name) / "job.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"created_at": time.time() - LOST - 1}))
    info = compute.engine.info(spec.name)
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.INTERRUPTED)
    assert info.message == "interrupted: Cromwell did not receive the job"
    assert info.interrupted
    compute.engine.cancel(spec.name)
    compute.engine.remove(spec.name)
    assert compute.run(spec).status is JobStatus.SUCCEEDED


def test_a_job_that_cromwell_has_forgotten_is_absent_and_frees_its_name(compute: CromwellHarness) -> None:
    assert compute.server
    spec = compute.shell("exit 0")
    compute.run(spec)
    compute.server.workflows.clear()

    def absent() -> bool:
        try:
            compute.engine.info(spec.name)
        except Absent:
            return True
        return False

    assert eventually(absent)
    compute.engine.remove(spec.name)
    assert compute.run(spec).status is JobStatus.SUCCEEDED


def test_a_claim_taken_away_while_it_is_submitted_ends_the_workflow(compute: CromwellHarness) -> None:
    assert compute.server
    spec = compute.shell("sleep 600")
    claim = Claims(compute.storebase).take(spec, uuid.uuid4().hex, MINUTES)
    Claims(compute.storebase).release(claim)
    assert not claim.set_workflow("an-id")


def test_what_is_old_is_swept(storebase: StoreBase, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Claims(storebase)
    found.sweep()
    removed = storebase.private / "cromwell/removed/token"
    removed.touch()
    storebase.private.joinpath("cromwell/jobs/.tmp-1").mkdir()
    found.sweep()
    assert removed.exists()
    monkeypatch.setattr(claims, "REMEMBERED", -1)
    monkeypatch.setattr(claims, "STALE", -1)
    found.sweep()
    assert not removed.exists()
    assert list(storebase.private.joinpath("cromwell/jobs").iterdir()) == []


def test_a_storebase_that_is_away_is_unreachable(compute: CromwellHarness) -> None:
    assert compute.server
    gone = compute.storebase.root / "gone"
    gone.write_text("no directory")
    engine = engine_at(compute.server.url, StoreBase(gone))
    with pytest.raises(Unreachable, match="can't read the state of"):
        engine.info("a-job")
    with pytest.raises(Unreachable, match="can't record jobs"):
        engine.check()


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "a\0b"])
def test_no_name_leads_out_of_the_claims(storebase: StoreBase, name: str) -> None:
    assert Claims(storebase).get(name) is None


def test_the_settings_choose_the_engine(tmp_path: Path) -> None:
    environ = {
        "APPLICATION_MODE": "development",
        "CONTAINER_ENV": "cromwell",
        "CROMWELL_URL": "http://127.0.0.1:1",
        "TIMELIMIT_MINUTES": "60",
        "STOREBASE": str(tmp_path),
        "STOREBASE_MOUNT": str(tmp_path),
    }
    engine = make_engine(load(environ).compute, StoreBase(tmp_path))
    assert engine.name == "cromwell"
