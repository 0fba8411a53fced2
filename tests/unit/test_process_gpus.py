"""GPUs of the process engine: each belongs to one job at a time, and is free when the job has ended in whatever way."""

import concurrent.futures
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.outside import end_supervisor

from pfcon.compute.process import spec as plan
from pfcon.compute.process.engine import ProcessEngine
from pfcon.compute.process.spec import gpus_directory
from pfcon.errors import Refused
from pfcon.models import JobInfo, JobSpec, JobStatus, Resources
from pfcon.paths import StoreBase
from pfcon.reasons import Reason
from pfcon.testing.compute.harness import Harness
from pfcon.testing.waiting import eventually

NAMES = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER")
SAY = f'echo "{"/".join(f"${name}" for name in NAMES)}" >"$1/gpus-$PFCON_WORKER"; '
STAY = "while :; do sleep 0.1; done"
IDS = ("0", "1", "GPU-8932f937")


@pytest.fixture
def compute(storebase: StoreBase) -> Iterator[Harness]:
    """A machine with three GPUs."""
    harness = Harness(ProcessEngine(storebase, stop_grace=1, gpus=IDS), storebase, "any", workdir=None)
    yield harness
    harness.close()


def start(compute: Harness, gpus: int, script: str = STAY, workers: int = 1) -> JobSpec:
    spec = compute.shell(SAY + script, resources=Resources(gpus=gpus, workers=workers))
    compute.engine.schedule(spec)
    return spec


def gpus_of(compute: Harness, spec: JobSpec, worker: int = 0) -> list[str]:
    """The GPUs that a worker sees, as soon as it runs.

    AMD's HIP sees those of ROCR_VISIBLE_DEVICES numbered from 0: it must not choose among them by CUDA's list.
    """
    path = compute.outgoing(spec) / f"gpus-{worker}"
    assert eventually(lambda: path.exists() and path.read_text().endswith("\n"))
    cuda, rocr, hip, order = path.read_text().rstrip("\n").split("/")
    assert cuda == rocr
    found = cuda.split(",") if cuda else []
    if order:  # else pfcon has given the job none
        assert (hip, order) == (",".join(map(str, range(len(found)))), "PCI_BUS_ID")
    return found


def active(compute: Harness) -> dict[str, str]:
    return dict(compute.engine.active_jobs() or {})


def waits(info: JobInfo) -> bool:
    return info.status is JobStatus.NOT_STARTED and "GPUs" in info.message


def test_each_job_has_gpus_of_its_own(compute: Harness) -> None:
    first, second = start(compute, 2), start(compute, 1)
    assert sorted(gpus_of(compute, first) + gpus_of(compute, second)) == sorted(IDS)


def test_a_job_without_gpus_sees_none_of_those_of_others(compute: Harness) -> None:
    assert gpus_of(compute, start(compute, 0)) == []
    env = (("CUDA_VISIBLE_DEVICES", "0"), ("ROCR_VISIBLE_DEVICES", "0"))
    compute.run(spec := compute.shell(SAY, env=env))
    assert gpus_of(compute, spec) == []


def test_without_the_setting_a_job_sees_what_it_asks_for(storebase: StoreBase) -> None:
    compute = Harness(ProcessEngine(storebase), storebase, "any", workdir=None)
    compute.run(spec := compute.shell(SAY, env=(("CUDA_VISIBLE_DEVICES", "0"), ("ROCR_VISIBLE_DEVICES", "0"))))
    assert gpus_of(compute, spec) == ["0"]
    compute.close()


def test_each_worker_has_gpus_of_its_own(compute: Harness) -> None:
    spec = start(compute, 1, workers=3)
    assert sorted(gpu for worker in range(3) for gpu in gpus_of(compute, spec, worker)) == sorted(IDS)


@pytest.mark.parametrize(("gpus", "workers", "reason"), [(4, 1, "needs 4 GPUs"), (2, 2, "needs 4 GPUs for 2 workers")])
def test_a_job_that_needs_more_than_the_machine_has_is_refused(
    compute: Harness, gpus: int, workers: int, reason: str
) -> None:
    with pytest.raises(Refused, match=f"{reason}, but this machine has 3 for jobs .PROCESS_GPUS.") as caught:
        start(compute, gpus, workers=workers)
    assert caught.value.reason == Reason.UNSCHEDULABLE


def test_a_job_waits_for_gpus_says_so_and_starts_when_they_are_free(compute: Harness) -> None:
    first = start(compute, 2)
    second = compute.shell(SAY, resources=Resources(gpus=2))
    info = compute.engine.schedule(second)
    assert waits(info)
    assert info.message == "waiting for 2 of the 3 GPUs that this machine has for jobs: other jobs have them"
    assert active(compute).keys() == {first.name, second.name}
    before = active(compute)[second.name]
    assert (info.details.placed_at, info.details.started_at) == (None, None)
    before_end = datetime.now(UTC)
    compute.engine.cancel(first.name)
    ended = compute.wait(second.name)
    assert ended.status is JobStatus.SUCCEEDED
    assert ended.details.placed_at
    assert before_end < ended.details.placed_at <= ended.details.started_at  # type: ignore[operator]
    assert len(gpus_of(compute, second)) == 2
    assert active(compute).get(second.name) != before


def test_a_job_that_needs_many_is_not_overtaken(compute: Harness) -> None:
    first = start(compute, 2)
    many = start(compute, 3)
    assert eventually(lambda: waits(compute.engine.info(many.name)))
    later = start(compute, 1)  # one GPU is free
    assert waits(compute.engine.info(later.name))
    compute.engine.cancel(first.name)
    assert sorted(gpus_of(compute, many)) == sorted(IDS)
    assert waits(compute.engine.info(later.name))
    compute.engine.cancel(many.name)
    assert len(gpus_of(compute, later)) == 1


@pytest.mark.parametrize("end", ["cancel", "remove", "sigterm"])
def test_a_waiting_job_can_be_ended_and_lets_the_next_one_wait(compute: Harness, end: str) -> None:
    first = start(compute, 3)
    second, third = start(compute, 3), start(compute, 1)
    if end == "remove":
        compute.engine.remove(second.name)
    elif end == "cancel":
        compute.engine.cancel(second.name)
        info = compute.wait(second.name)
        assert (info.status, info.message) == (JobStatus.FAILED, "cancelled")
    else:
        os.kill(supervisor_of(compute, second), signal.SIGTERM)
        info = compute.wait(second.name)
        assert (info.reason, info.interrupted) == (Reason.INTERRUPTED, True)
    assert not (compute.outgoing(second) / "gpus-0").exists()
    compute.engine.cancel(first.name)
    assert len(gpus_of(compute, third)) == 1


def test_a_killed_supervisor_frees_its_gpus_with_the_last_process_of_the_job(compute: Harness) -> None:
    mark = f"mark-{os.getpid()}"
    leaves = f'setsid sh -c "while :; do sleep 0.1; done" & touch "$1/left"; {STAY}'
    spec = compute.shell(SAY + leaves, mark, resources=Resources(gpus=3))
    compute.engine.schedule(spec)
    assert eventually((compute.outgoing(spec) / "left").exists)
    end_supervisor(spec)
    second = start(compute, 1)  # what the job has left still runs: nobody has asked for its state
    assert waits(compute.engine.info(second.name))
    assert compute.wait(spec.name).reason == Reason.INTERRUPTED  # which ends the rest
    assert len(gpus_of(compute, second)) == 1


def test_another_service_process_knows_the_gpus_in_use(compute: Harness, storebase: StoreBase) -> None:
    first = start(compute, 2)
    restarted = Harness(ProcessEngine(storebase, stop_grace=1, gpus=IDS), storebase, "any", workdir=None)
    second, third = start(restarted, 1), start(restarted, 1)
    assert set(gpus_of(compute, first)).isdisjoint(gpus_of(restarted, second))
    assert waits(restarted.engine.info(third.name))
    restarted.close()


def test_many_jobs_at_once_share_no_gpu(compute: Harness, tmp_path: Path) -> None:
    """Each job holds a directory for each of its GPUs while it runs: mkdir(1) fails for one that another job has."""
    use = (
        'for gpu in $(echo "$CUDA_VISIBLE_DEVICES" | tr , " "); do mkdir "$2/$gpu" || exit 9; done; sleep 0.1; '
        'for gpu in $(echo "$CUDA_VISIBLE_DEVICES" | tr , " "); do rmdir "$2/$gpu"; done'
    )
    specs = [compute.shell(use, str(tmp_path), resources=Resources(gpus=1 + number % 3)) for number in range(12)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        list(pool.map(compute.engine.schedule, specs))
    assert {compute.wait(spec.name).message for spec in specs} == {""}


def supervisor_of(compute: Harness, spec: JobSpec) -> int:
    """The process that has the lock of a job that has no process of its own yet."""
    path = str(compute.storebase.private / "process" / spec.name)
    for entry in Path("/proc").glob("[0-9]*/fd"):
        try:
            if any(os.readlink(file) == path for file in entry.iterdir()):
                return int(entry.parent.name)
        except OSError:
            continue
    raise AssertionError(f"no supervisor of {spec.name}")


CLOSING = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(300)"],
                         stdout=open(sys.argv[1] + "/child", "w"))  # close_fds is Python's default
time.sleep(300)
"""


def test_a_program_that_closed_what_it_inherited_does_not_keep_its_gpu(compute: Harness) -> None:
    """It survives a supervisor that is killed; the next job on its GPUs ends it before it starts."""
    first = compute.spec(
        ["python3", "-c", CLOSING, "/share/outgoing", f"closing-{os.getpid()}"], resources=Resources(gpus=3)
    )
    compute.engine.schedule(first)
    path = compute.outgoing(first) / "child"
    assert eventually(lambda: path.exists() and path.read_text().endswith("\n"))
    child = int(path.read_text())
    end_supervisor(first)
    second = start(compute, 3)
    assert sorted(gpus_of(compute, second)) == sorted(IDS)
    assert not Path(f"/proc/{child}/fd").exists() or not os.listdir(f"/proc/{child}/fd")


def test_a_job_cannot_write_to_the_files_of_the_locks(compute: Harness) -> None:
    """They name jobs whose processes are killed."""
    script = (
        'for n in /proc/self/fd/*; do case $(readlink "$n") in *gpu-*) echo x >&"${n##*/}" && echo wrote;; esac; done'
    )
    info = compute.run(spec := compute.shell(script, resources=Resources(gpus=1)))
    assert info.details.exit_code is not None
    assert "wrote" not in compute.engine.logs(spec.name, 10)


def test_services_in_containers_of_one_machine_share_the_locks(
    storebase: StoreBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each container has a host name of its own."""
    found = gpus_directory(storebase)
    monkeypatch.setattr("os.uname", lambda: os.uname_result(("Linux", "another", "6", "1", "x86_64")))
    assert gpus_directory(storebase) == found
    monkeypatch.setattr(plan, "BOOT_ID", Path("/nowhere"))
    assert gpus_directory(storebase).name == "another"


def test_locks_that_cannot_be_used_are_the_reason(compute: Harness, storebase: StoreBase) -> None:
    """Not that the supervisor was killed."""
    directory = gpus_directory(storebase)
    directory.parent.mkdir(parents=True)
    directory.symlink_to("/proc/1/fdinfo")  # no file can be made there
    info = compute.run(compute.shell("true", resources=Resources(gpus=1)))
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.ENGINE_SETUP)
    assert "the locks of the GPUs can't be used" in info.message
