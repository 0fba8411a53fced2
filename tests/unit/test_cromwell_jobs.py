"""The cromwell engine's jobs beyond the contract: files, logs, ends, and what is kept from others."""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.cromwell import CromwellHarness, cromwell_harness, engine_at, fake_server

from pfcon.compute.cromwell.files import TaskFiles
from pfcon.errors import Absent, Refused, Unreachable
from pfcon.models import JobStatus, Resources, User
from pfcon.paths import StoreBase
from pfcon.reasons import Reason
from pfcon.testing.waiting import eventually


@pytest.fixture
def compute(storebase: StoreBase) -> Iterator[CromwellHarness]:
    harness = cromwell_harness(storebase.root)
    yield harness
    harness.close()


def directory_of(compute: CromwellHarness) -> Path:
    """The execution directory of the one workflow."""
    assert compute.server
    (workflow,) = compute.server.workflows.values()
    assert workflow.run
    return workflow.run.directory


def test_a_job_that_cromwell_does_not_start_waits_and_can_be_cancelled(compute: CromwellHarness) -> None:
    assert compute.server
    compute.server.held = True
    spec = compute.shell("exit 0")
    assert compute.engine.schedule(spec).status is JobStatus.NOT_STARTED
    assert eventually(lambda: compute.engine.info(spec.name).message == "waiting in Cromwell")
    assert compute.engine.info(spec.name).status is JobStatus.NOT_STARTED
    assert compute.engine.logs(spec.name, 10) == ""
    compute.engine.cancel(spec.name)
    info = compute.wait(spec.name)
    assert (info.status, info.message) == (JobStatus.FAILED, "cancelled")
    assert info.finished_at is not None


@pytest.mark.parametrize(
    ("attribute", "fields", "reason"),
    [
        ("pfcon_user", {"user": User(4321, 4321)}, "CONTAINER_USER: "),
        ("pfcon_user", {"user": User(os.getuid(), 4321)}, "CONTAINER_USER: "),
        ("pfcon_shm", {"resources": Resources(shm=33)}, "SHM_SIZE: "),
        ("gpuCount", {"resources": Resources(gpus=1)}, "gpu_limit: "),
    ],
)
def test_an_option_that_the_backend_does_not_know_fails_the_job_by_name(
    compute: CromwellHarness, attribute: str, fields: dict[str, Any], reason: str
) -> None:
    assert compute.server
    compute.server.ignored = {attribute}
    spec = compute.shell('touch "$1/ran"', **fields)
    info = compute.run(spec)
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.ENGINE_SETUP)
    assert f"{reason}Cromwell's backend " in info.message
    assert attribute in info.message
    assert not (compute.outgoing(spec) / "ran").exists()


def test_a_job_starts_in_the_root_where_the_backend_does_not_tell_the_images_directory(
    compute: CromwellHarness,
) -> None:
    assert compute.server
    compute.server.ignored = {"workdir"}
    compute.run(spec := compute.spec(["sh", "-c", 'pwd; echo "$pfcon_workdir"']))
    assert compute.engine.logs(spec.name, 10) == "/\n\n"


def test_a_job_that_somebody_aborts_in_cromwell_has_failed_and_says_so(compute: CromwellHarness) -> None:
    assert compute.server
    spec = compute.shell("sleep 600")
    compute.engine.schedule(spec)
    assert eventually(lambda: compute.engine.info(spec.name).status is JobStatus.STARTED)
    (workflow,) = compute.server.workflows.values()
    compute.server.abort(workflow)
    info = compute.wait(spec.name)
    assert (info.reason, info.message) == (Reason.STOPPED_OUTSIDE, "stopped in Cromwell, not by pfcon")


def test_an_exit_code_that_cromwell_does_not_tell_is_read_from_its_file(compute: CromwellHarness) -> None:
    assert compute.server
    spec = compute.shell("exit 3")
    compute.run(spec)
    (workflow,) = compute.server.workflows.values()
    del workflow.call["returnCode"]
    info = compute.engine.info(spec.name)
    assert (info.reason, info.message) == (Reason.EXIT_CODE, "the program failed with exit code 3")
    directory_of(compute).joinpath("rc").unlink()
    assert "exited with return code 3" in compute.engine.info(spec.name).message


def test_two_equal_jobs_both_run(compute: CromwellHarness) -> None:
    for _ in range(2):
        spec = compute.shell('echo ran > "$1"/ran')
        assert compute.run(spec).status is JobStatus.SUCCEEDED
        assert compute.outgoing(spec).joinpath("ran").read_text() == "ran\n"


def test_a_backend_that_mounts_nothing_is_told(compute: CromwellHarness) -> None:
    assert compute.server
    compute.server.ignored = {"pfcon_mounts"}
    info = compute.run(compute.shell("exit 0"))
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.ENGINE_SETUP)
    assert "does not mount the job's directories" in info.message


def test_what_the_surroundings_of_a_job_say_comes_after_its_own_log(compute: CromwellHarness) -> None:
    spec = compute.shell("echo one; printf two >&2")
    compute.run(spec)
    directory_of(compute).joinpath("stderr").write_text("slurmstepd: DUE TO TIME LIMIT\n")
    assert compute.engine.logs(spec.name, 10) == "one\ntwo\nslurmstepd: DUE TO TIME LIMIT\n"
    assert compute.engine.logs(spec.name, 2) == "two\nslurmstepd: DUE TO TIME LIMIT\n"


def test_a_log_stays_bounded_when_it_is_made_text(compute: CromwellHarness) -> None:
    spec = compute.shell("head -c 1048576 /dev/zero; echo end")
    compute.run(spec)
    log = compute.engine.logs(spec.name, 10)
    assert len(log.encode()) <= 1024 * 1024
    assert log.endswith("\ufffdend\n")


def test_removal_deletes_the_files_of_the_job(compute: CromwellHarness) -> None:
    spec = compute.shell("mkdir d; chmod 0 d; echo x > f", env=(("TOKEN", "s3cret"),))
    compute.run(spec)
    directory = directory_of(compute)
    assert not directory.joinpath("script").exists()  # the environment is in it
    assert directory.joinpath("rc").exists()
    compute.engine.remove(spec.name)
    assert not directory.parents[1].exists()
    assert list(compute.storebase.private.joinpath("cromwell/jobs").iterdir()) == []


def test_values_of_the_environment_are_in_no_record_and_no_log(
    compute: CromwellHarness, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        spec = compute.shell("exit 3", env=(("TOKEN", "s3cret"),))
        info = compute.run(spec)
        log = compute.engine.logs(spec.name, 100)
    claim = compute.storebase.private / "cromwell/jobs" / spec.name
    assert claim.is_dir()
    for path in claim.iterdir():
        assert "s3cret" not in path.read_text()
    assert "s3cret" not in caplog.text + log + repr(info)


@pytest.mark.parametrize("what", ["stdout", "."])
def test_a_job_can_not_make_its_log_show_another_file(compute: CromwellHarness, what: str) -> None:
    secret = compute.storebase.root / "elsewhere"
    secret.mkdir()
    secret.joinpath("stdout").write_text("not for this user\n")
    spec = compute.shell("exit 0")
    compute.run(spec)
    target = directory_of(compute) if what == "." else directory_of(compute) / what
    target.rename(target.with_name("moved"))
    target.symlink_to(secret if what == "." else secret / what)
    assert compute.engine.logs(spec.name, 10) == ""


def test_files_outside_of_storebase_are_neither_read_nor_removed(
    compute: CromwellHarness, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with fake_server(tmp_path) as server:
        engine = engine_at(server.url, compute.storebase)
        spec = compute.shell("echo x")
        engine.schedule(spec)
        assert eventually(lambda: engine.info(spec.name).status is JobStatus.SUCCEEDED)
        with pytest.raises(Refused, match="set the root of its backend"):
            engine.logs(spec.name, 10)
        engine.remove(spec.name)
        (workflow,) = server.workflows.values()
        assert workflow.run
        assert workflow.run.directory.joinpath("stdout").read_text() == "x\n"
    assert "could not be removed" in caplog.text


def test_only_the_directory_of_the_workflow_itself_is_removed(storebase: StoreBase) -> None:
    files = TaskFiles(storebase, storebase.root)  # type: ignore[arg-type]
    storebase.root.joinpath("home").mkdir()
    storebase.root.joinpath("link").symlink_to("home")
    with pytest.raises(Refused, match="it is not removed"):
        files.remove("an-id", f"{storebase.root}/home")
    with pytest.raises(Refused, match="not below STOREBASE"):
        files.remove("an-id", f"{storebase.root}/home/../../an-id")
    storebase.root.joinpath("home/an-id").mkdir()
    files.remove("an-id", f"{storebase.root}/link/an-id")
    assert storebase.root.joinpath("home/an-id").is_dir()


def test_a_job_that_does_not_end_in_time_is_not_called_removed(compute: CromwellHarness) -> None:
    assert compute.server
    compute.server.grace = 15
    spec = compute.shell("trap '' TERM; echo begun; while [ ! -e \"$1\"/go ]; do sleep 0.1; done")
    compute.engine.schedule(spec)
    assert eventually(lambda: compute.engine.logs(spec.name, 10) == "begun\n")
    hasty = engine_at(compute.server.url, compute.storebase, remove_wait=0.1)
    with pytest.raises(Unreachable, match="asked to abort"):
        hasty.remove(spec.name)
    assert compute.engine.info(spec.name).name == spec.name
    compute.outgoing(spec).joinpath("go").touch()
    compute.engine.remove(spec.name)
    with pytest.raises(Absent):
        compute.engine.info(spec.name)


def test_a_service_with_another_storebase_sees_nothing_of_it(compute: CromwellHarness, tmp_path: Path) -> None:
    assert compute.server
    spec = compute.shell("sleep 600")
    compute.engine.schedule(spec)
    other = engine_at(compute.server.url, StoreBase(tmp_path))
    assert eventually(lambda: compute.engine.info(spec.name).status is JobStatus.STARTED)
    with pytest.raises(Absent):
        other.info(spec.name)
    other.remove(spec.name)
    assert compute.engine.info(spec.name).status is JobStatus.STARTED


def test_a_server_without_the_backend_is_told_with_the_remedy(compute: CromwellHarness, tmp_path: Path) -> None:
    with fake_server(tmp_path, backends=("Local", "SLURM")) as server:
        engine = engine_at(server.url, compute.storebase)
        with pytest.raises(Refused, match=r"no backend 'pfcon' \(it has Local, SLURM\).*docs/engines/cromwell\.md"):
            engine.check()
        spec = compute.shell("exit 0")
        engine.schedule(spec)
        assert eventually(lambda: engine.info(spec.name).status is JobStatus.FAILED)
        assert "not registered in configuration file" in engine.info(spec.name).message


def test_the_claim_of_a_job_is_readable_json(compute: CromwellHarness) -> None:
    spec = compute.shell("exit 0", request="5eed")
    compute.run(spec)
    claim = json.loads((compute.storebase.private / "cromwell/jobs" / spec.name / "job.json").read_text())
    assert json.loads(claim["spec"])["request"] == "5eed"
