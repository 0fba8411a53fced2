"""A /dev/shm of its own for each job of the process engine, which counts as its memory."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from support.outside import end_supervisor
from support.settings import compute_settings

from pfcon.compute.description import EngineContext
from pfcon.compute.process import shm
from pfcon.compute.process.description import PROCESS, ProcessSettings
from pfcon.compute.process.engine import ProcessEngine
from pfcon.compute.process.spec import Plan
from pfcon.compute.process.start import prctl
from pfcon.errors import ConfigurationError
from pfcon.models import JobSpec, JobStatus, Resources
from pfcon.paths import StoreBase
from pfcon.reasons import Reason
from pfcon.testing.compute.harness import Harness
from pfcon.testing.waiting import eventually

NOBODY = 65534
PR_SET_DUMPABLE = 4  # prctl(2)
FILL = "import sys; open('/dev/shm/x', 'wb').write(b'x' * (int(sys.argv[1]) << 20))"
# Three processes that have mapped the same file of 48 MiB, and have read all of it.
SHARE = """
import mmap, os, time
file = os.open('/dev/shm/x', os.O_RDWR | os.O_CREAT)
os.ftruncate(file, 48 << 20)
memory = mmap.mmap(file, 48 << 20)
for page in range(0, 48 << 20, 4096): memory[page] = 1
for _ in range(2):
    if not os.fork(): break
total = sum(memory[page] for page in range(0, 48 << 20, 4096))
time.sleep(1.5)
"""


@pytest.fixture
def compute(storebase: StoreBase) -> Iterator[Harness]:
    if fault := shm.fault():
        pytest.skip(f"no mount namespaces here: {fault}")
    harness = Harness(ProcessEngine(storebase, stop_grace=1), storebase, "any", workdir=None)
    yield harness
    harness.close()


def test_nobody_else_sees_it_and_it_is_gone_with_the_job(compute: Harness) -> None:
    spec = compute.start_lasting("echo secret >/dev/shm/pfcon-own; ", resources=Resources(shm=8))
    assert not Path("/dev/shm/pfcon-own").exists()
    second = compute.shell("ls /dev/shm; df -k /dev/shm | tail -n 1 | awk '{ print $2 }'", resources=Resources(shm=16))
    assert compute.run(second).status is JobStatus.SUCCEEDED
    assert compute.engine.logs(second.name, 10) == f"{16 * 1024}\n"
    mounts = Path("/proc/self/mounts").read_text()
    assert "size=8192k" not in mounts
    compute.engine.cancel(spec.name)
    assert compute.wait(spec.name).message == "cancelled"


def test_without_the_option_a_job_has_that_of_the_machine(compute: Harness) -> None:
    compute.run(spec := compute.shell("readlink /proc/self/ns/mnt"))
    assert compute.engine.logs(spec.name, 10).strip() == os.readlink("/proc/self/ns/mnt")


def test_what_a_job_writes_there_is_its_memory(compute: Harness) -> None:
    fill = compute.spec(["python3", "-c", f"{FILL}; import time; time.sleep(60)", "96"])
    spec = compute.spec(list(fill.argv), resources=Resources(shm=128, memory=64))
    info = compute.run(spec)
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.OUT_OF_MEMORY), info.message


def test_memory_that_several_processes_share_there_counts_once(compute: Harness) -> None:
    info = compute.run(compute.spec(["python3", "-c", SHARE], resources=Resources(shm=64, memory=100)))
    assert info.status is JobStatus.SUCCEEDED, info.message


def test_no_more_fits_than_its_size(compute: Harness) -> None:
    info = compute.run(compute.spec(["python3", "-c", FILL, "9"], resources=Resources(shm=8)))
    assert (info.status, info.details.exit_code) == (JobStatus.FAILED, 1)


def test_workers_share_the_sum_of_theirs(compute: Harness) -> None:
    script = "df -k /dev/shm | tail -n 1 | awk '{ print $2 }'"
    compute.run(spec := compute.shell(script, resources=Resources(shm=8, workers=2)))
    assert compute.engine.logs(spec.name, 10) == f"{16 * 1024}\n" * 2


COPIES = """
import mmap, os, time
file = os.open("/dev/shm/x", os.O_RDWR | os.O_CREAT)
os.posix_fallocate(file, 0, 24 << 20)
private = [mmap.mmap(file, 24 << 20, flags=mmap.MAP_PRIVATE) for _ in range(4)]
for memory in private:
    for page in range(0, 24 << 20, 4096):
        memory[page] = 1
time.sleep(60)
"""


def test_copies_of_what_is_there_are_memory_of_the_job(compute: Harness) -> None:
    """Pages of a private mapping that are written to are not in the file system any more (proc_pid_smaps(5))."""
    info = compute.run(compute.spec(["python3", "-c", COPIES], resources=Resources(shm=64, memory=80)))
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.OUT_OF_MEMORY), info.message


def test_a_killed_supervisor_takes_it_along(compute: Harness) -> None:
    """No process and no mount of the job is left."""
    spec = compute.start_lasting("echo x >/dev/shm/x; readlink /proc/self/ns/mnt; ", resources=Resources(shm=8))
    namespace = compute.engine.logs(spec.name, 1).strip()
    assert namespace in namespaces()
    end_supervisor(spec)
    assert eventually(lambda: compute.engine.info(spec.name).reason == Reason.INTERRUPTED)
    assert eventually(lambda: namespace not in namespaces())


def namespaces() -> set[str]:
    """The mount namespaces of all processes of this machine."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/ns/mnt"):
        with contextlib.suppress(OSError):  # it has just ended
            found.add(os.readlink(path))
    return found


def test_nothing_is_mounted_without_a_namespace_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the machine itself would have the job's small /dev/shm."""
    mounted: list[object] = []
    monkeypatch.setattr(shm, "_mount", lambda *words: mounted.append(words))
    monkeypatch.setattr(shm, "CLONE_NEWNS", 0)  # unshare(2) succeeds, and does nothing
    monkeypatch.setattr(shm, "CLONE_NEWUSER", 0)
    with pytest.raises(OSError, match="unshare"):
        shm.mount_own(1 << 20)
    assert not mounted


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_another_user_than_root_has_one_too_where_the_machine_allows_it() -> None:
    """The answer of ``fault`` is the same for that user as whether it can make a user namespace."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            prctl(PR_SET_DUMPABLE, 1)  # as after execve(2): else its files in /proc belong to root
            text = shm.fault()
            if not text:
                shm.mount_own(4 << 20)
                text = f"{os.statvfs('/dev/shm').f_blocks * os.statvfs('/dev/shm').f_frsize} {os.getuid()}"
            os.write(write_end, text.encode())
        finally:
            os._exit(0)  # pytest must not go on twice
    os.close(write_end)
    with open(read_end) as file:
        said = file.read()
    os.waitpid(pid, 0)
    if said.startswith(("unshare: ", "mount: ", "/proc/")):
        pytest.skip(f"no user namespaces here: {said}")
    assert said == f"{4 << 20} {NOBODY}"


def test_a_machine_that_can_not_do_it_is_refused_at_start_by_name(
    storebase: StoreBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shm, "CLONE_NEWNS", 0x40)  # unshare(2): EINVAL
    settings = compute_settings(engine="process", shm=64)
    with pytest.raises(ConfigurationError, match=r"SHM_SIZE: this machine gives a job no /dev/shm .*unshare"):
        PROCESS.make(EngineContext(settings, ProcessSettings(), storebase, 1))
    PROCESS.make(EngineContext(compute_settings(engine="docker", shm=64), ProcessSettings(), storebase, 1))
    PROCESS.make(EngineContext(compute_settings(engine="process"), ProcessSettings(), storebase, 1))


class WithAnImpossibleSize(ProcessEngine):
    """Its jobs want a /dev/shm that the kernel does not mount."""

    def _plan(self, spec: JobSpec, marker: str) -> Plan:
        return {**super()._plan(spec, marker), "shm": cast("int", "nonsense")}


def test_a_job_whose_own_can_not_be_mounted_fails_by_name_and_does_not_run(storebase: StoreBase) -> None:
    compute = Harness(WithAnImpossibleSize(storebase), storebase, "any", workdir=None)
    info = compute.run(spec := compute.shell('touch "$1/ran"', resources=Resources(shm=8)))
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.ENGINE_SETUP)
    assert "SHM_SIZE: " in info.message
    assert not (compute.outgoing(spec) / "ran").exists()
    compute.close()


def test_sigterm_to_a_job_is_as_without_it(compute: Harness) -> None:
    spec = compute.start_lasting("trap 'exit 5' TERM; ", resources=Resources(shm=8))
    compute.kill_outside(spec, signal.SIGTERM)
    assert compute.wait(spec.name).details.exit_code == 5
