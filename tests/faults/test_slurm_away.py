"""A real Slurm whose daemons go away and come back, on a cluster of these tests' own; and who submits jobs there."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from support.engines import IMAGE, slurm_cluster
from support.slurm import job_directory, slurm_engine
from support.slurm_user import OTHER, acting_as, ordinary_harness

from pfcon.compute.base import ComputeEngine
from pfcon.compute.slurm.engine import SlurmEngine
from pfcon.errors import Absent, Conflict, Unreachable
from pfcon.models import JobSpec, JobStatus
from pfcon.paths import StoreBase
from pfcon.testing.compute.harness import Harness
from pfcon.testing.waiting import eventually

pytestmark = pytest.mark.engine("slurm")
SCRIPT = Path(__file__).parents[1] / "engines" / "slurm.sh"
AWAY = 20.0  # seconds that the controller is away
GO_ON = 'echo begun; while [ ! -e "$1"/go ]; do sleep 0.1; done; echo ended'


@dataclass
class Cluster:
    """A cluster without cgroups, whose daemons tests may end."""

    directory: Path

    def call(self, subcommand: str) -> None:
        """Start what does not run of it, or stop all."""
        environ = {**os.environ, "PFCON_ENGINES_DIR": str(self.directory), "PFCON_SLURM_CLUSTERS": "plain"}
        done = subprocess.run(
            [SCRIPT, subcommand], env=environ, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr

    @property
    def conf(self) -> str:
        """Its slurm.conf."""
        return str(self.directory / "slurm/plain/slurm.conf")

    def end(self, daemon: str, number: signal.Signals) -> None:
        """Send slurmctld or slurmd a signal that ends it; their jobs' processes live on."""
        pid = int(self.directory.joinpath(f"{daemon}-plain.pid").read_text().split()[0])
        os.kill(pid, number)
        assert eventually(lambda: not Path(f"/proc/{pid}/cmdline").exists() or not _cmdline(pid))


def _cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Started where Slurm is installed: where the cluster of the other tests answers."""
    slurm_cluster("plain")
    if os.geteuid() != 0:
        pytest.skip("to start a cluster takes root")
    with tempfile.TemporaryDirectory(prefix="pfcon-slurm-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        found = Cluster(Path(name))
        try:
            found.call("start")
            yield found
        finally:
            found.call("stop")


@pytest.fixture
def compute(cluster: Cluster, storebase: StoreBase) -> Iterator[Harness]:
    """An engine on it."""
    harness = Harness(slurm_engine(cluster.conf, storebase.root), storebase, IMAGE)
    yield harness
    harness.close()


def test_jobs_outlive_twenty_seconds_without_the_controller(cluster: Cluster, compute: Harness) -> None:
    engine = compute.engine
    impatient = slurm_engine(cluster.conf, compute.storebase.root, timeout=2)  # seconds; each command takes all of it
    running, ending, later = compute.shell(GO_ON), compute.shell(GO_ON), compute.shell("echo later")
    for spec in (running, ending):
        assert eventually(partial(_is_scheduled, impatient, spec))  # which learns the cluster's settings so
        assert eventually(partial(_has_begun, engine, spec))
    cluster.end("slurmctld", signal.SIGTERM)  # so that it saves what it knows
    back = time.monotonic() + AWAY
    with pytest.raises(Unreachable, match="may have been created"):
        impatient.schedule(later)
    for call in (impatient.info, impatient.cancel, impatient.remove):
        with pytest.raises(Unreachable):
            call(running.name)
    with pytest.raises(Unreachable):
        impatient.check()
    assert engine.logs(running.name, 1) == "begun\n"
    compute.outgoing(ending).joinpath("go").touch()
    assert eventually(lambda: _status(impatient, ending.name) is JobStatus.SUCCEEDED)  # its own record tells
    time.sleep(max(0.0, back - time.monotonic()))
    cluster.call("start")
    assert eventually(lambda: _status(engine, later.name) is JobStatus.NOT_STARTED)
    engine.schedule(later)  # the same request again, as the service does when it goes on
    assert compute.wait(later.name).status is JobStatus.SUCCEEDED
    # It was cancelled while nobody could be told; that is made up for when somebody asks again.
    engine.cancel(running.name)
    assert compute.wait(running.name).message == "cancelled"


def _is_scheduled(engine: SlurmEngine, spec: JobSpec) -> bool:
    """Ask for it, and whether it is there; a busy cluster may take longer than the engine waits."""
    try:
        engine.schedule(spec)
    except Unreachable:
        return False
    except Conflict:  # it was there already
        return True
    return True


def _has_begun(engine: ComputeEngine, spec: JobSpec) -> bool:
    return engine.logs(spec.name, 1) == "begun\n"


def _status(engine: ComputeEngine, name: str) -> JobStatus | None:
    try:
        return engine.info(name).status
    except Unreachable:
        return None


def test_a_job_goes_on_while_slurmd_is_restarted(cluster: Cluster, compute: Harness) -> None:
    spec = compute.shell(GO_ON)
    compute.engine.schedule(spec)
    assert eventually(lambda: compute.engine.logs(spec.name, 1) == "begun\n")
    cluster.end("slurmd", signal.SIGKILL)
    cluster.call("start")
    assert compute.engine.info(spec.name).status is JobStatus.STARTED
    compute.outgoing(spec).joinpath("go").touch()
    assert compute.wait(spec.name).status is JobStatus.SUCCEEDED
    assert compute.engine.logs(spec.name, 9) == "begun\nended\n"


@pytest.mark.parametrize("launcher", ["crun", "charliecloud", "runc"])
def test_an_ordinary_user_s_jobs_run_with_no_more_than_that_user_may(storebase: StoreBase, launcher: str) -> None:
    harness = ordinary_harness(storebase, launcher)
    with acting_as(OTHER):
        spec = harness.shell('cat "$2"/in.txt; id -u; touch "$1"/made; echo x >"$2"/in.txt', "/share/incoming")
        harness.incoming(spec).joinpath("in.txt").write_text("staged\n")
        info = harness.run(spec)
        log = harness.engine.logs(spec.name, 9).splitlines()
    # runc copies stdout and stderr side by side, so that what comes at once on both may come in any order
    assert [line for line in log if "Read-only file system" not in line] == ["staged", "0"], log
    assert len(log) == 3
    assert info.status is JobStatus.FAILED
    assert harness.outgoing(spec).joinpath("made").stat().st_uid == OTHER
    assert harness.incoming(spec).joinpath("in.txt").read_text() == "staged\n"
    assert job_directory(storebase, spec.name).stat().st_uid == OTHER
    with acting_as(OTHER):
        harness.close()
        with pytest.raises(Absent):
            harness.engine.info(spec.name)
