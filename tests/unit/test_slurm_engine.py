"""The slurm engine with commands that only pretend: what no real Slurm does on demand."""

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fakes.slurm import Cluster

from pfcon.compute.slurm.folders import STALE
from pfcon.errors import Absent, Conflict, DamagedJob, Refused, Unreachable
from pfcon.models import JobSpec, JobStatus
from pfcon.paths import StoreBase
from pfcon.reasons import Reason


@pytest.fixture
def cluster(tmp_path: Path, storebase: StoreBase) -> Cluster:
    """A cluster without jobs."""
    return Cluster(tmp_path, storebase)


def test_two_hundred_statuses_cost_one_squeue(cluster: Cluster) -> None:
    specs = [cluster.harness.spec(["true"]) for _ in range(200)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(cluster.harness.engine.schedule, specs))
    rows = ""
    for number, spec in enumerate(specs):
        cluster.folder(spec).write("id", str(number))
        rows += f"{number}|RUNNING|0|None|N/A|pfcon {cluster.folder(spec).marker}|\n"
    cluster.answer("rows", rows)
    engine = cluster.engine()
    assert {engine.info(spec.name).status for spec in specs} == {JobStatus.STARTED}
    assert len(cluster.calls("squeue")) == 1


def test_a_submission_without_an_answer_is_found_by_its_marker(cluster: Cluster) -> None:
    cluster.answer("unanswered", "")
    spec = cluster.harness.spec(["true"])
    with pytest.raises(Unreachable, match="may have been created"):
        cluster.harness.engine.schedule(spec)
    cluster.directory.joinpath("unanswered").unlink()
    cluster.answer("rows", f"77|PENDING|0|None|N/A|pfcon {cluster.folder(spec).marker}|\n")
    with pytest.raises(Conflict):
        cluster.harness.engine.schedule(spec)
    assert cluster.folder(spec).id == "77"
    assert len(cluster.calls("sbatch")) == 1


def test_a_submission_that_a_crash_cut_short_is_made_up_for_by_the_same_request_alone(cluster: Cluster) -> None:
    cluster.answer("unanswered", "")
    spec = cluster.harness.spec(["true"], request="aa")
    with pytest.raises(Unreachable):
        cluster.harness.engine.schedule(spec)
    cluster.directory.joinpath("unanswered").unlink()
    other = JobSpec(spec.name, spec.jid, spec.kind, spec.image, ("other",), mounts=spec.mounts, request="bb")
    with pytest.raises(Conflict):
        cluster.harness.engine.schedule(other)
    cluster.harness.engine.schedule(spec)
    assert len(cluster.calls("sbatch")) == 2
    assert cluster.folder(spec).id == "41"


def test_a_controller_that_is_away_for_sure_leaves_nothing(cluster: Cluster) -> None:
    spec = cluster.harness.spec(["true"])
    cluster.scheduled()  # so that the cluster's settings are known
    cluster.answer("away", "")
    with pytest.raises(Unreachable, match="Unable to contact"):
        cluster.harness.engine.schedule(spec)
    with pytest.raises(Absent):
        cluster.folder(spec)


@pytest.mark.parametrize(("state", "interrupted"), [("NODE_FAIL", True), ("FAILED", False)])
def test_whether_a_job_was_interrupted_outlives_slurm_s_memory(cluster: Cluster, state: str, interrupted: bool) -> None:
    spec = cluster.scheduled()
    cluster.answer("rows", f"41|{state}|768|None|2026-11-21T08:03:20|pfcon {cluster.folder(spec).marker}|\n")
    info = cluster.engine().info(spec.name)
    assert (info.status, info.interrupted) == (JobStatus.FAILED, interrupted)
    cluster.answer("rows", "")
    assert cluster.engine().info(spec.name) == info


def test_an_end_that_an_earlier_release_has_kept_is_no_interruption(cluster: Cluster) -> None:
    spec = cluster.scheduled()
    kept = {"status": "finishedWithError", "message": "its node failed", "finished_at": 1.0}
    cluster.folder(spec).write("end.json", json.dumps(kept))
    info = cluster.harness.engine.info(spec.name)
    assert (info.status, info.message, info.interrupted) == (JobStatus.FAILED, "its node failed", False)


def test_what_was_never_submitted_ends_and_can_never_begin(cluster: Cluster) -> None:
    cluster.answer("unanswered", "")
    spec = cluster.harness.spec(["true"])
    with pytest.raises(Unreachable):
        cluster.harness.engine.schedule(spec)
    assert cluster.harness.engine.info(spec.name).status is JobStatus.NOT_STARTED
    info = cluster.engine(patience=-100).info(spec.name)  # more than the time of a command ago
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.INTERRUPTED)
    assert info.message == "interrupted: the service was stopped before it submitted the job; run it again"
    assert info.interrupted
    assert os.readlink(cluster.folder(spec).path / "claim") == "pfcon"


def test_a_job_of_two_submissions_is_the_one_that_claimed_its_directory(cluster: Cluster) -> None:
    spec = cluster.scheduled()
    folder = cluster.folder(spec)
    folder.path.joinpath("claim").symlink_to("42")
    rows = f"41|FAILED|25088|NonZeroExitCode|N/A|pfcon {folder.marker}|\n42|RUNNING|0|None|N/A|pfcon {folder.marker}|\n"
    cluster.answer("rows", rows)
    assert cluster.harness.engine.info(spec.name).status is JobStatus.STARTED
    cluster.engine(stop_grace=0).cancel(spec.name)  # its script first, then all of it
    assert cluster.calls("scancel") == ["scancel --batch --signal=TERM 42", "scancel 42"]


def test_the_accounting_database_is_asked_where_the_site_has_it(cluster: Cluster) -> None:
    cluster.answer("config", "AccountingStorageType   = accounting_storage/slurmdbd\n")
    cluster.answer("accounting", "41|NODE_FAIL|1:0|2026-11-21T08:03:20\n")
    spec = cluster.scheduled()
    cluster.answer("rows", "")
    info = cluster.harness.engine.info(spec.name)
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.NODE_LOST)
    assert info.message == "the machine that ran the job failed"
    assert info.finished_at is not None
    assert info.finished_at.isoformat() == "2026-11-21T08:03:20+00:00"
    cluster.answer("away", "")
    assert cluster.harness.engine.info(spec.name) == info  # it was written down


def test_a_job_that_nobody_knows_is_undefined_and_says_who_was_asked(cluster: Cluster) -> None:
    cluster.answer("config", "AccountingStorageType   = accounting_storage/slurmdbd\n")
    spec = cluster.scheduled()
    cluster.answer("rows", "")
    info = cluster.harness.engine.info(spec.name)
    assert info.status is JobStatus.UNDEFINED
    assert "forgotten job 41" in info.message
    assert info.message.endswith("/exit, sacct)")


def test_the_number_of_a_federated_cluster_is_the_part_before_its_name(cluster: Cluster) -> None:
    cluster.answer("number", "41;hospital")
    assert cluster.folder(cluster.scheduled()).id == "41"


def test_the_script_that_slurm_gets_is_the_one_in_the_job_s_directory(cluster: Cluster) -> None:
    spec = cluster.scheduled()
    text = cluster.directory.joinpath("script").read_text()
    assert text == cluster.folder(spec).path.joinpath("job.sh").read_text()
    [call] = cluster.calls("sbatch")
    assert "--time=5" in call


def test_a_directory_that_lost_its_link_is_swept_after_a_while(cluster: Cluster) -> None:
    kept, lost, fresh = (cluster.scheduled() for _ in range(3))
    root = cluster.storebase.private / "slurm"
    paths = {spec.name: cluster.folder(spec).path for spec in (kept, lost, fresh)}
    for spec in (lost, fresh):
        root.joinpath(spec.name).unlink()
    for spec in (kept, lost):
        os.utime(paths[spec.name], (0, time.time() - STALE - 1))
    cluster.engine()
    assert {name for name, path in paths.items() if path.exists()} == {kept.name, fresh.name}


def test_a_link_without_its_directory_is_no_job_and_gives_its_name_free(cluster: Cluster) -> None:
    spec = cluster.scheduled()
    path = cluster.folder(spec).path
    path.rename(path.with_name("elsewhere"))
    for call in (cluster.harness.engine.info, lambda name: cluster.harness.engine.logs(name, 1)):
        with pytest.raises(Absent):
            call(spec.name)
    cluster.harness.engine.schedule(spec)


def test_a_job_with_damaged_records_is_not_absent_and_never_runs_twice(cluster: Cluster) -> None:
    spec = cluster.scheduled()
    engine = cluster.harness.engine
    (cluster.folder(spec).path / "spec.json").write_text("{")
    calls: list[Callable[[], object]] = [
        lambda: engine.info(spec.name),
        lambda: engine.logs(spec.name, 1),
        lambda: engine.cancel(spec.name),
        lambda: engine.remove(spec.name),
    ]
    for call in calls:
        with pytest.raises(DamagedJob, match=rf"may still run.*\.pfcon/slurm/{spec.name} "):
            call()
    with pytest.raises(Conflict):
        engine.schedule(spec)
    assert len(cluster.calls("sbatch")) == 1


def test_a_job_with_damaged_records_that_may_not_be_submitted_yet_is_not_submitted(cluster: Cluster) -> None:
    cluster.answer("unanswered", "")
    spec = cluster.harness.spec(["true"])
    with pytest.raises(Unreachable):
        cluster.harness.engine.schedule(spec)
    (cluster.folder(spec).path / "spec.json").write_text("")
    with pytest.raises(DamagedJob):
        cluster.harness.engine.schedule(spec)
    assert len(cluster.calls("sbatch")) == 1


def test_a_storebase_that_is_away_is_unreachable_not_absent(cluster: Cluster) -> None:
    spec = cluster.scheduled()
    root = cluster.storebase.root
    moved = root.rename(root.with_name(f"{root.name}.away"))
    engine = cluster.harness.engine
    calls: list[Callable[[], object]] = [
        lambda: engine.info(spec.name),
        lambda: engine.remove(spec.name),
        lambda: engine.schedule(spec),
    ]
    try:
        for call in calls:
            with pytest.raises(Unreachable):
                call()
    finally:
        moved.rename(root)


def test_an_input_that_is_not_there_is_refused_before_anything_is_made(cluster: Cluster) -> None:
    spec = cluster.harness.spec(["true"])
    cluster.harness.incoming(spec).rmdir()
    with pytest.raises(Refused, match="incoming"):
        cluster.harness.engine.schedule(spec)
    assert not list(cluster.storebase.private.joinpath("slurm").iterdir())
