"""A real HTCondor whose schedd goes away and comes back, in a pool of these tests' own."""

import contextlib
import os
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from support.engines import IMAGE, htcondor_pool
from support.htcondor import condor_command, htcondor_engine

from pfcon.compute.base import ComputeEngine
from pfcon.errors import Conflict, Unreachable
from pfcon.models import JobSpec, JobStatus
from pfcon.paths import StoreBase
from pfcon.reasons import Reason
from pfcon.testing.compute.harness import Harness
from pfcon.testing.compute.outside import processes_of
from pfcon.testing.waiting import eventually

pytestmark = pytest.mark.engine("htcondor")
SCRIPT = Path(__file__).parents[1] / "engines" / "htcondor.sh"
GO_ON = 'echo begun; echo run >>"$1"/runs; while [ ! -e "$1"/go ]; do sleep 0.1; done; echo ended'


@dataclass
class Pool:
    """A pool whose daemons tests may end."""

    directory: Path

    def call(self, subcommand: str) -> str:
        """Start or stop it; return what the script prints."""
        environ = {**os.environ, "PFCON_ENGINES_DIR": str(self.directory)}
        done = subprocess.run(
            [SCRIPT, subcommand], env=environ, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def conf(self) -> str:
        """Its condor_config."""
        return str(self.directory / "htcondor/condor_config")

    def schedd(self) -> psutil.Process | None:
        """The daemon that has the jobs."""
        master = psutil.Process(int(self.directory.joinpath("condor_master.pid").read_text().split()[0]))
        return next((child for child in master.children() if child.name() == "condor_schedd"), None)

    def answers(self) -> bool:
        """Whether the schedd answers."""
        try:
            condor_command(self.conf, "condor_q")
        except subprocess.CalledProcessError:
            return False
        return True


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    """Started where HTCondor is installed: where the pool of the other tests answers."""
    htcondor_pool()
    if os.geteuid() != 0:
        pytest.skip("to start a pool takes root")
    with tempfile.TemporaryDirectory(prefix="pfcon-condor-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        found = Pool(Path(name))
        before = os.environ.get("PFCON_TEST_HTCONDOR_PREFIX")
        try:
            lines = dict(shlex.split(line)[1].split("=", 1) for line in found.call("start").splitlines())
            os.environ["PFCON_TEST_HTCONDOR_PREFIX"] = lines["PFCON_TEST_HTCONDOR_PREFIX"]
            yield found
        finally:
            if before is not None:
                os.environ["PFCON_TEST_HTCONDOR_PREFIX"] = before
            found.call("stop")


@pytest.fixture
def compute(pool: Pool, storebase: StoreBase) -> Iterator[Harness]:
    """An engine on it."""
    harness = Harness(htcondor_engine(pool.conf, storebase.root), storebase, IMAGE)
    yield harness
    harness.close()


def begun(compute: Harness, spec: JobSpec) -> bool:
    return compute.engine.logs(spec.name, 1) == "begun\n"


def status(engine: ComputeEngine, spec: JobSpec) -> JobStatus | None:
    try:
        return engine.info(spec.name).status
    except Unreachable:
        return None


def test_no_job_is_lost_or_run_twice_when_the_schedd_dies(pool: Pool, compute: Harness) -> None:
    engine = compute.engine
    running, ending, later = compute.shell(GO_ON), compute.shell(GO_ON), compute.shell("echo later")
    removed = compute.start_lasting()
    for spec in (running, ending):
        engine.schedule(spec)
        assert eventually(lambda spec=spec: begun(compute, spec))  # type: ignore[misc]
    schedd = pool.schedd()
    assert schedd
    schedd.send_signal(signal.SIGSTOP)  # it does not answer
    impatient = htcondor_engine(pool.conf, compute.storebase.root, timeout=2)
    with pytest.raises(Unreachable, match="may have been created"):
        impatient.schedule(later)
    for call in (impatient.info, impatient.cancel):
        with pytest.raises(Unreachable):
            call(running.name)
    with pytest.raises(Unreachable):
        impatient.remove(removed.name)
    assert eventually(lambda: not processes_of(removed))  # its script has found the order
    with pytest.raises(Unreachable):
        impatient.active_jobs()
    compute.outgoing(ending).joinpath("go").touch()
    assert eventually(lambda: status(impatient, ending) is JobStatus.SUCCEEDED)  # its own record tells
    os.kill(schedd.pid, signal.SIGKILL)
    assert eventually(pool.answers)
    assert engine.info(running.name).status is JobStatus.STARTED
    with contextlib.suppress(Conflict):  # it was submitted
        engine.schedule(later)  # the same request again, as the service does when it goes on
    assert compute.wait(later.name).status is JobStatus.SUCCEEDED
    time.sleep(2)
    compute.outgoing(running).joinpath("go").touch()
    # HTCondor decides whether the run goes on: a shadow that can't tell the schedd of the job ends it.
    info = compute.wait(running.name)
    assert info.status is JobStatus.SUCCEEDED or (info.reason == Reason.INTERRUPTED and info.interrupted), info
    assert compute.outgoing(running).joinpath("runs").read_text() == "run\n"
