"""How jobs end on a real Slurm, when they do not end by themselves, and what is known of them later."""

import dataclasses
import json
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath

import pytest
from support.engines import slurm_cluster
from support.slurm import default_mode, job_directory, leftovers, refusal_of, slurm_command, slurm_engine, slurm_harness

from pfcon.compute.slurm.engine import SlurmEngine
from pfcon.compute.slurm.folder import JobFolder
from pfcon.errors import Absent, Refused
from pfcon.models import JobSpec, JobStatus, Mount, Resources
from pfcon.paths import StoreBase
from pfcon.testing.compute.harness import Harness
from pfcon.testing.waiting import eventually

pytestmark = pytest.mark.engine("slurm")
FORGOTTEN = 240.0  # seconds: MinJobAge, and the time between two looks of slurmctld for what is older


@dataclass
class Slurm:
    """A harness, its cluster, and jobs that begin before all tests and are looked at in the last ones."""

    conf: str
    harness: Harness
    long: JobSpec
    old: dict[str, JobSpec]

    def engine(self, **options: object) -> SlurmEngine:
        """Another engine over the same storeBase; ``options`` as of slurm_engine."""
        return slurm_engine(self.conf, self.harness.storebase.root, **options)  # type: ignore[arg-type]

    def folder(self, spec: JobSpec) -> Path:
        """The job's directory."""
        return job_directory(self.harness.storebase, spec.name)

    def number(self, spec: JobSpec) -> str:
        """What Slurm calls a job."""
        return self.folder(spec).joinpath("id").read_text()

    def state(self, spec: JobSpec) -> str:
        """What squeue says of a job; nothing when it has forgotten it."""
        words = ("squeue", "--noheader", "--states=all", "--Format=JobID:|,State:|")
        rows = dict(line.split("|")[:2] for line in slurm_command(self.conf, *words).splitlines())
        return rows.get(self.number(spec), "")


def _soon() -> str:
    # Slurm refuses a time that is over when it is asked.
    return (datetime.now() + timedelta(seconds=30)).isoformat(timespec="seconds")


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    """The cluster that the contract runs on."""
    with tempfile.TemporaryDirectory(prefix="pfcon-slurm-", ignore_cleanup_errors=True) as name:
        root = Path(name)
        root.chmod(0o755)
        harness = slurm_harness(root)
        conf = slurm_cluster(default_mode())
        long = harness.shell("trap '' TERM; while :; do sleep 6171.5; done", resources=Resources(time_limit=1))
        harness.engine.schedule(long)
        old = {script: harness.shell(script) for script in ("exit 0", "exit 3", "exit 4")}
        for spec in old.values():
            harness.engine.schedule(spec)
        assert eventually(lambda: harness.engine.info(long.name).status is JobStatus.STARTED)
        ready = Slurm(conf, harness, long, old)
        # A minute is the least that Slurm lets a job ask for; an administrator may take some of it away.
        slurm_command(conf, "scontrol", "update", f"JobId={ready.number(long)}", f"EndTime={_soon()}")
        yield ready
        harness.close()


def test_cancel_of_a_waiting_job_keeps_it_from_ever_running(slurm: Slurm) -> None:
    engine = slurm.engine(options=("--begin=now+1hour",))
    spec = slurm.harness.shell('touch "$1"/ran')
    engine.schedule(spec)
    assert eventually(lambda: "BeginTime" in engine.info(spec.name).message)
    assert engine.info(spec.name).status is JobStatus.NOT_STARTED
    engine.cancel(spec.name)
    info = slurm.harness.wait(spec.name)
    assert (info.status, info.message) == (JobStatus.FAILED, "cancelled")
    assert slurm.state(spec) == "CANCELLED"
    # Even if Slurm had not heard of it: its script finds the directory taken.
    script = slurm.folder(spec) / "job.sh"
    late = slurm_command(slurm.conf, "sbatch", "--wait", "--output=/dev/null", str(script), check=False)
    assert late
    assert not slurm.harness.outgoing(spec).joinpath("ran").exists()


def test_cancel_of_a_running_job_leaves_nothing_over(slurm: Slurm) -> None:
    spec = slurm.harness.shell("sleep 4711.5 & trap '' TERM; wait; sleep 4711.5")
    slurm.harness.engine.schedule(spec)
    assert eventually(lambda: len(leftovers("4711.5")) >= 1)
    slurm.harness.engine.cancel(spec.name)
    assert slurm.harness.wait(spec.name).message == "cancelled"
    assert eventually(lambda: not leftovers("4711.5") and not leftovers(slurm.folder(spec).name))
    slurm.harness.engine.remove(spec.name)
    root = slurm.harness.storebase.private / "slurm"
    assert not (root / spec.name).is_symlink()


def test_what_a_killed_job_left_on_its_node_is_removed_by_the_next(slurm: Slurm) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    here = f"{os.uname().nodename} {Path('/proc/self/ns/pid').readlink()}"
    lines = {
        f"{dead.pid} {here}\n": False,
        f"{os.getpid()} {here}\n": True,
        "": True,  # another script is about to write it
        f"{dead.pid}": True,
        f"{dead.pid} other-node {here.partition(' ')[2]}\n": True,  # TMPDIR may be shared
        f"{dead.pid} {os.uname().nodename} pid:[1]\n": True,
    }
    paths = {line: Path("/tmp", f"pfcon.{uuid.uuid4().hex[:6]}") for line in lines}
    for line, path in paths.items():
        path.mkdir(mode=0o700)
        path.joinpath("pid").write_text(line)
    try:
        assert slurm.harness.run(slurm.harness.spec(["true"])).status is JobStatus.SUCCEEDED
        assert {line: path.exists() for line, path in paths.items()} == lines
    finally:
        for path in paths.values():
            shutil.rmtree(path, ignore_errors=True)


@pytest.mark.parametrize(("workers", "part"), [(1, ""), (2, ""), (2, ".0")], ids=["job", "workers", "step"])
def test_a_job_cancelled_in_slurm_is_told_apart(slurm: Slurm, workers: int, part: str) -> None:
    spec = slurm.harness.shell("echo begun; sleep 600", resources=Resources(workers=workers))
    slurm.harness.engine.schedule(spec)
    assert eventually(lambda: slurm.harness.engine.logs(spec.name, 9) == "begun\n" * workers)
    slurm_command(slurm.conf, "scancel", slurm.number(spec) + part)
    info = slurm.harness.wait(spec.name)
    assert (info.status, info.message) == (JobStatus.FAILED, "stopped in Slurm, not by pfcon")


def test_workers_that_slurm_does_not_start_are_told_in_its_words(slurm: Slurm) -> None:
    spec = slurm.harness.shell("sleep 600", resources=Resources(workers=2))
    slurm.engine(options=("--ntasks=1",)).schedule(spec)
    info = slurm.harness.wait(spec.name)
    assert info.status is JobStatus.FAILED
    assert "Slurm ended its workers, or could not start them: srun: error: " in info.message


def test_two_submissions_of_one_job_at_once_run_it_once(slurm: Slurm) -> None:
    spec = slurm.harness.shell('echo ran >> "$1"/ran; sleep 0.5')
    slurm.harness.engine.schedule(spec)
    script = slurm.folder(spec) / "job.sh"
    number = slurm_command(slurm.conf, "sbatch", "--parsable", "--output=/dev/null", str(script)).strip()
    assert slurm.harness.wait(spec.name).status is JobStatus.SUCCEEDED
    assert eventually(lambda: number not in slurm_command(slurm.conf, "squeue", "-h", "-o", "%i").split())
    assert slurm.harness.outgoing(spec).joinpath("ran").read_text() == "ran\n"


def test_a_job_larger_than_any_node_ends_with_the_reason(slurm: Slurm) -> None:
    engine = slurm.engine(patience=1)
    spec = slurm.harness.spec(["true"], resources=Resources(cpu=64_000))
    if refusal := refusal_of(engine, spec):  # of Slurm 24.11, neither of 22.05 nor of 26.05
        assert "CPU count per node can not be satisfied" in refusal
        return
    assert eventually(lambda: engine.info(spec.name).status is JobStatus.FAILED)
    assert "it requests more than the machines of the partition have" in engine.info(spec.name).message
    assert slurm.state(spec) == "CANCELLED"


def test_what_slurm_refuses_is_told_in_its_own_words_and_leaves_nothing(slurm: Slurm) -> None:
    spec = slurm.harness.spec(["true"], resources=Resources(memory=2_000_000))
    with pytest.raises(Refused, match="Requested node configuration is not available"):
        slurm.harness.engine.schedule(spec)
    with pytest.raises(Refused, match="invalid partition"):
        slurm.engine(partition="nowhere").schedule(spec)
    engine = slurm.engine(launcher="apptainer", gres="fpga")  # which the cluster does not have
    with pytest.raises(Refused, match=r"Slurm refuses the job: Invalid generic resource \(gres\) specification"):
        engine.schedule(dataclasses.replace(spec, resources=Resources(gpus=1)))
    with pytest.raises(Absent):
        slurm.harness.engine.info(spec.name)


def test_a_held_job_waits_and_says_for_what(slurm: Slurm) -> None:
    engine = slurm.engine(options=("--hold",))
    spec = slurm.harness.spec(["true"])
    engine.schedule(spec)
    assert eventually(lambda: "held" in engine.info(spec.name).message)
    assert engine.info(spec.name).status is JobStatus.NOT_STARTED
    slurm_command(slurm.conf, "scontrol", "release", slurm.number(spec))
    assert slurm.harness.wait(spec.name).status is JobStatus.SUCCEEDED


@pytest.mark.parametrize("kind", ["absent", "a file"])
def test_a_directory_that_nodes_do_not_have_is_the_reason(slurm: Slurm, tmp_path: Path, kind: str) -> None:
    """Slurm 24.11 creates an absent one."""
    root = tmp_path / "storeBase" if kind == "absent" else Path("/dev/null")
    engine = slurm.engine(storebase=PurePosixPath(root))
    spec = slurm.harness.spec(["true"])
    engine.schedule(spec)
    assert eventually(lambda: engine.info(spec.name).status is JobStatus.FAILED)
    message = engine.info(spec.name).message
    assert f": {root}/.pfcon/slurm must exist on the machines (STOREBASE)" in message
    assert "could not write the job's log" in message or "does not have the job's directory" in message
    with pytest.raises(Refused, match=rf"the probe job .* wrote nothing to {root}"):
        engine.check()


@pytest.mark.parametrize("launcher", ["container", "no-such-launcher"])
def test_a_job_never_runs_on_the_host(slurm: Slurm, launcher: str) -> None:
    engine = slurm.engine(launcher="container" if launcher == "container" else "crun")
    spec = slurm.harness.shell('touch "$1"/ran; touch /tmp/pfcon-ran-on-the-host')
    engine.schedule(spec)
    slurm_command(slurm.conf, "scancel", slurm.number(spec))
    folder = slurm.folder(spec)
    assert eventually(lambda: slurm.state(spec) in ("CANCELLED", "COMPLETED", "FAILED"))
    # The very same script without its container, as on a node without oci.conf, or without its launcher.
    script = folder.joinpath("job.sh").read_text().replace("PROGRAM=crun", "PROGRAM=no-such-launcher")
    folder.joinpath("host.sh").write_text(script)
    for name in ("claim", "exit", "end.json", "slurm.log"):
        folder.joinpath(name).unlink(missing_ok=True)
    output = slurm_command(
        slurm.conf, "sbatch", "--parsable", "--wait", "--output=/dev/null", str(folder / "host.sh"), check=False
    )
    folder.joinpath("id").write_text(output.strip())
    info = engine.info(spec.name)
    assert info.status is JobStatus.FAILED
    assert ("directories are not mounted" if launcher == "container" else "has no crun") in info.message
    assert not slurm.harness.outgoing(spec).joinpath("ran").exists()
    assert not Path("/tmp/pfcon-ran-on-the-host").exists()


@pytest.mark.parametrize("launcher", ["crun", "charliecloud", "container"])
def test_a_directory_within_a_read_only_one_can_be_written_to(slurm: Slurm, launcher: str) -> None:
    """As a copy operation has it: all of storeBase to read, the job's directory in it to write."""
    root = PurePosixPath("/share/storebase")
    spec = slurm.harness.shell(f"touch {root}/$0 || touch {root}/key-$0/made && exit 5; exit 6")
    inner = Mount(PurePosixPath(f"key-{spec.jid}"), root / f"key-{spec.jid}", read_only=False)
    spec = dataclasses.replace(
        spec,
        argv=("sh", "-c", spec.argv[2], str(spec.jid)),
        mounts=(Mount(PurePosixPath(), root, read_only=True), inner),
    )
    engine = slurm.engine(launcher=launcher)
    engine.schedule(spec)
    assert slurm.harness.wait(spec.name).message == "the program failed with exit code 5", engine.logs(spec.name, 9)
    assert slurm.harness.outgoing(spec).parent.joinpath("made").exists()
    assert not slurm.harness.storebase.root.joinpath(str(spec.jid)).exists()


def test_an_ended_job_is_known_when_slurm_has_forgotten_it(slurm: Slurm) -> None:
    assert eventually(lambda: all(slurm.state(spec) == "" for spec in slurm.old.values()), FORGOTTEN)
    infos = {script: slurm.harness.engine.info(spec.name) for script, spec in slurm.old.items() if script != "exit 4"}
    assert infos["exit 0"].status is JobStatus.SUCCEEDED
    assert infos["exit 3"].status is JobStatus.FAILED
    assert infos["exit 3"].message == "the program failed with exit code 3"
    assert all(info.finished_at for info in infos.values())
    lost = slurm.old["exit 4"]
    slurm.folder(lost).joinpath("exit").unlink()
    info = slurm.harness.engine.info(lost.name)
    assert info.status is JobStatus.UNDEFINED
    assert f"Slurm has forgotten job {slurm.number(lost)}" in info.message
    assert "checked: squeue, " in info.message


def test_a_job_is_ended_by_its_time_limit(slurm: Slurm) -> None:
    engine = slurm.harness.engine
    assert eventually(lambda: engine.info(slurm.long.name).status.final)
    assert engine.info(slurm.long.name).status is JobStatus.FAILED
    assert engine.info(slurm.long.name).message == "stopped at its time limit of 1 minute"
    assert eventually(lambda: not leftovers("6171.5"))


def test_a_job_s_files_are_its_user_s_alone_and_hold_its_environment_only_while_it_runs(storebase: StoreBase) -> None:
    harness = slurm_harness(storebase.root)
    spec = harness.shell('echo begun; until [ -e "$1"/end ]; do sleep 0.1; done', env=(("TOKEN", "a-users-token"),))
    harness.engine.schedule(spec)
    assert eventually(lambda: harness.engine.logs(spec.name, 1) == "begun\n")
    folder = job_directory(storebase, spec.name)

    def holding() -> set[str]:
        return {path.name for path in folder.iterdir() if path.is_file() and "a-users-token" in path.read_text()}

    assert holding() == {"config.json"}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert json.loads(folder.joinpath("config.json").read_text())["process"]["noNewPrivileges"] is True
    harness.outgoing(spec).joinpath("end").touch()
    assert harness.wait(spec.name).status is JobStatus.SUCCEEDED
    assert holding() == set()
    assert JobFolder.open(storebase.private / "slurm", spec.name).spec().env == ()
    harness.close()
