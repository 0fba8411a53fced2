"""What jobs of the process engine survive, and what it makes of those that do not."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.compute import jobs_directory, make_harness, read_number

from pfcon.compute.process.engine import ProcessEngine
from pfcon.errors import Absent
from pfcon.models import JobSpec, JobStatus
from pfcon.paths import StoreBase
from pfcon.reasons import Reason
from pfcon.testing.compute.harness import HEARTBEAT, Harness, still_changes
from pfcon.testing.waiting import eventually


def test_a_killed_supervisor_is_told_and_takes_its_job_with_it(compute: Harness) -> None:
    script = f"""echo $PPID > "$1"/parent; (setsid sh -c '{HEARTBEAT}' sh "$1" &); sleep 600"""
    spec = compute.shell(script)
    compute.engine.schedule(spec)
    assert eventually((compute.outgoing(spec) / "beat").exists)
    os.kill(read_number(compute.outgoing(spec) / "parent"), signal.SIGKILL)
    info = compute.wait(spec.name)
    assert (info.status, info.reason, info.interrupted) == (JobStatus.FAILED, Reason.INTERRUPTED, True)
    assert (
        info.message == "interrupted: the machine was restarted, or the program of pfcon that runs the job was killed"
    )
    assert not still_changes(compute.outgoing(spec) / "beat")
    assert compute.engine.info(spec.name) == info
    compute.engine.cancel(spec.name)
    compute.engine.remove(spec.name)


def test_the_command_of_a_killed_supervisor_ends_before_anybody_asks(compute: Harness) -> None:
    spec = compute.shell(f'echo $PPID > "$1"/parent; {HEARTBEAT}')
    compute.engine.schedule(spec)
    assert eventually((compute.outgoing(spec) / "beat").exists)
    os.kill(read_number(compute.outgoing(spec) / "parent"), signal.SIGKILL)
    assert eventually(lambda: not still_changes(compute.outgoing(spec) / "beat"))


def test_remove_ends_what_a_killed_supervisor_left(compute: Harness) -> None:
    spec = compute.shell(f"""echo $PPID > "$1"/parent; (setsid sh -c '{HEARTBEAT}' sh "$1" &); sleep 600""")
    compute.engine.schedule(spec)
    assert eventually((compute.outgoing(spec) / "beat").exists)
    os.kill(read_number(compute.outgoing(spec) / "parent"), signal.SIGKILL)
    compute.engine.remove(spec.name)
    assert not still_changes(compute.outgoing(spec) / "beat")


def test_sigterm_to_the_supervisor_ends_the_job_and_is_no_cancellation(compute: Harness) -> None:
    spec = compute.shell('echo $PPID > "$1"/parent; sleep 600')
    compute.engine.schedule(spec)
    os.kill(read_number(compute.outgoing(spec) / "parent"), signal.SIGTERM)
    info = compute.wait(spec.name)
    assert (info.status, info.interrupted) == (JobStatus.FAILED, True)
    assert info.reason == Reason.INTERRUPTED
    assert info.message == "interrupted: the service or the machine was stopped"


def test_sigterm_to_the_supervisor_of_a_cancelled_job_changes_nothing(compute: Harness) -> None:
    spec = compute.shell('echo $PPID > "$1"/parent; trap "echo heard" TERM; while :; do sleep 0.1; done')
    compute.engine.schedule(spec)
    parent = read_number(compute.outgoing(spec) / "parent")
    compute.engine.cancel(spec.name)
    assert eventually(lambda: "heard" in compute.engine.logs(spec.name, 5))
    os.kill(parent, signal.SIGTERM)
    info = compute.wait(spec.name)
    assert (info.message, info.interrupted) == ("cancelled", False)


SERVICE = """
import sys
from pathlib import Path
from pfcon.compute.process.engine import ProcessEngine
from pfcon.models import JobSpec
from pfcon.paths import StoreBase
engine = ProcessEngine(StoreBase(Path(sys.argv[1])))
spec = JobSpec.from_json(sys.stdin.read())
print("ready", flush=True)
engine.schedule(spec)
print("scheduled", flush=True)
sys.stdin.close()
import time; time.sleep(60)
"""


def start_service(compute: Harness, spec: JobSpec) -> subprocess.Popen[bytes]:
    """A process that schedules one job; it has said that it is about to."""
    words = [sys.executable, "-c", SERVICE, str(compute.storebase.root)]
    service = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert service.stdin
    assert service.stdout
    service.stdin.write(spec.to_json().encode())
    service.stdin.close()
    assert service.stdout.readline() == b"ready\n"
    return service


def test_a_job_outlives_the_service_that_started_it(compute: Harness) -> None:
    spec = compute.shell('while [ ! -e "$1"/go ]; do sleep 0.05; done; echo done')
    with start_service(compute, spec) as service:
        assert service.stdout
        assert service.stdout.readline() == b"scheduled\n"
        service.kill()
    assert compute.engine.info(spec.name).status is JobStatus.STARTED
    compute.outgoing(spec).joinpath("go").touch()
    assert compute.wait(spec.name).status is JobStatus.SUCCEEDED
    assert compute.engine.logs(spec.name, 5) == "done\n"


@pytest.mark.slow
def test_a_service_killed_while_it_schedules_leaves_a_whole_job_or_none(compute: Harness) -> None:
    step = time_to_schedule(compute) * 1.5 / 20
    ran: list[int] = []
    for number in range(200):
        if number >= 20 and ran:
            break
        spec = compute.shell('touch "$1"/ran')
        with start_service(compute, spec) as service:
            time.sleep(number * step)
            service.kill()
        assert eventually(lambda: is_settled(jobs_directory(compute)))
        with contextlib.suppress(Absent):
            assert compute.engine.info(spec.name).status is JobStatus.SUCCEEDED
            ran.append(number)
        assert compute.outgoing(spec).joinpath("ran").exists() == (number in ran)
    assert ran, "no service lived long enough: the delays test nothing"


def time_to_schedule(compute: Harness) -> float:
    """Seconds from a service's "ready" to its "scheduled"."""
    with start_service(compute, compute.shell("true")) as service:
        begun = time.monotonic()
        assert service.stdout
        assert service.stdout.readline() == b"scheduled\n"
        took = time.monotonic() - begun
        service.kill()
    return took


def is_settled(jobs: Path) -> bool:
    """Whether no supervisor is at work. One that is may give its directory another name while we look."""
    before = set(jobs.iterdir())
    return not any(is_locked(entry) for entry in before) and set(jobs.iterdir()) == before


def is_locked(directory: Path) -> bool:
    return subprocess.run(["flock", "-n", directory / "lock", "true"], check=False).returncode != 0


@pytest.mark.parametrize(("age", "held", "stays"), [(3600, False, False), (3600, True, True), (10, False, True)])
def test_leftovers_are_swept_when_they_are_old_and_nobody_holds_them(
    storebase: StoreBase, age: int, held: bool, stays: bool
) -> None:
    leftover = storebase.private_dir("process") / ".tmp-abc"
    leftover.mkdir()
    lock = leftover / "lock"
    lock.touch()
    os.utime(leftover, (time.time() - age,) * 2)
    words = ["flock", str(lock), "sh", "-c", "echo; read _"] if held else ["sh", "-c", "echo; read _"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        holder.stdout.readline()
        ProcessEngine(storebase)
        assert leftover.exists() is stays
        holder.communicate(b"\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small file system")
def test_a_full_disk_hides_no_end_of_a_job(storebase: StoreBase) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", storebase.root], check=False)
    if mounted.returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        compute = make_harness("process", storebase.root)
        spec = compute.shell('head -c 2000000 /dev/zero > "$1"/big; echo lost; exit 4')
        compute.engine.schedule(spec)
        info = compute.wait(spec.name)
        assert info.reason == Reason.EXIT_CODE
        assert info.message.startswith("the program failed with exit code 4; a part of its log is lost")
        assert compute.storebase.free_bytes() < 65536  # still full but for what the end has given back
        compute.close()
    finally:
        # A supervisor that is about to exit keeps it busy.
        assert eventually(lambda: subprocess.run(["umount", storebase.root], check=False).returncode == 0)


def test_what_a_kill_has_left_is_removed_without_a_restart(compute: Harness) -> None:
    engine = compute.engine
    assert isinstance(engine, ProcessEngine)
    jobs = jobs_directory(compute)
    jobs.mkdir(parents=True, exist_ok=True)
    names = [".gone-half", ".tmp-old", ".tmp-young"]  # none has a lock: its service was killed before or after that
    for name in names:
        (jobs / name).mkdir()
    os.utime(jobs / ".tmp-old", (0, 0))
    engine._swept -= 120  # seconds, as after a while
    with pytest.raises(Absent):
        engine.info("unknown")
    assert [path.name for path in jobs.iterdir()] == [".tmp-young"]


def test_a_supervisor_whose_directory_is_deleted_ends_with_its_command(compute: Harness, tmp_path: Path) -> None:
    spec = compute.shell(f"echo $PPID >{tmp_path}/parent; while [ ! -e {tmp_path}/go ]; do sleep 0.1; done")
    compute.engine.schedule(spec)
    assert eventually((tmp_path / "parent").exists)
    supervisor = Path("/proc", str(read_number(tmp_path / "parent")))
    shutil.rmtree(jobs_directory(compute) / spec.name)
    (tmp_path / "go").touch()
    assert eventually(lambda: not (supervisor / "exe").exists())
