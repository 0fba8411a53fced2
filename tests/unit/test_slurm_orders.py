"""A job that Slurm itself starts in its container ends at pfcon's word, also where no signal of Slurm's comes through.

And what one process was told of a job's beginning, all processes tell.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import cast

import pytest
from fakes.slurm import Cluster
from support.settings import compute_settings

from pfcon.compute.slurm.engine import SlurmEngine
from pfcon.compute.slurm.launchers import LAUNCHERS
from pfcon.compute.slurm.node_job import NodeJob
from pfcon.compute.slurm.probe import findings
from pfcon.compute.slurm.run import ORDER
from pfcon.compute.slurm.settings import LauncherName, SlurmSettings
from pfcon.compute.slurm.spec import body, header
from pfcon.models import JobSpec, JobStatus
from pfcon.paths import StoreBase
from pfcon.reasons import Reason
from pfcon.testing.compute.harness import still_changes
from pfcon.testing.waiting import PATIENCE, eventually

LIMIT = "stopped at its time limit of 5 minutes"
STOP = f"stop() {{ {LAUNCHERS[LauncherName.CONTAINER].stop(cast('NodeJob', None))}; }}\n"
FIRST = ("unshare", "-Urmpf", "--mount-proc")  # of its process ids, as in a container
DEAF = "trap '' TERM; while :; do echo x >>\"$JOB/beat\"; sleep 0.05; done"


@pytest.fixture
def cluster(tmp_path: Path, storebase: StoreBase) -> Cluster:
    """A pretended Slurm, whose engine has Slurm itself start the containers."""
    found = Cluster(tmp_path, storebase)
    slurm = SlurmSettings(
        prefix=(str(tmp_path / "fake"), str(tmp_path)),
        images=tmp_path / "images",
        timeout=60,
        launcher=LauncherName.CONTAINER,
    )
    settings = compute_settings(engine="slurm", storebase=PurePosixPath(storebase.root), timelimit=5, own=slurm)
    found.harness.engine = SlurmEngine(settings, settings.own, storebase, staleness=60, stop_grace=0)
    return found


def first(shell: str) -> list[str]:
    """The words that run a script as the first process; skips the test where this machine can't."""
    words = [*FIRST, *shell.split()]
    if subprocess.run([*words, "-c", "true"], capture_output=True, check=False).returncode:
        pytest.skip(f"this machine does not run: {' '.join(words)}")
    return words


@contextmanager
def running(tmp_path: Path, words: list[str], launch: str) -> Iterator[Path]:
    """The directory of a job that runs, as in its container."""
    values = {"JOB": str(tmp_path), "NOW": f"{tmp_path}/now", "PROGRAM": "", "GRACE": "1", "TASKS": "1", "CORES": "1"}
    values |= {"FIRST": "4096", "PART": "2048", "BLOCK": "2048", "BLOCKS": "1", "NUMBERS": "PFCON_WORKER"}
    values |= {"KEPT": "", "GPUS": ""}
    (tmp_path / "script").write_text(header(values) + STOP + body("job.sh"))
    (tmp_path / "job.sh").touch()
    (tmp_path / "launch.sh").write_text(f"export JOB={tmp_path}\n{launch}\n")
    (tmp_path / ORDER).write_text("go\n")
    environ = {**os.environ, "SLURM_JOB_ID": "41"}
    process = subprocess.Popen([*words, tmp_path / "script"], env=environ, start_new_session=True)
    try:
        assert eventually((tmp_path / "beat").exists)
        yield tmp_path
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)


def order_end(job: Path) -> str:
    """What a script has left that was ordered to end."""
    assert not (job / "exit").exists()
    (job / "new").write_text("end\n")
    (job / "new").rename(job / ORDER)
    assert eventually((job / "exit").exists)
    return (job / "exit").read_text().split()[0]


def test_a_script_ends_its_container_when_it_is_ordered_to(tmp_path: Path) -> None:
    with running(tmp_path, ["/bin/sh"], DEAF) as job:
        assert order_end(job) == "137"
        assert not still_changes(job / "beat")


@pytest.mark.parametrize("shell", ["/bin/sh", "busybox sh", "bash"])
def test_what_has_left_the_job_s_session_ends_with_it_and_all_output_is_kept(tmp_path: Path, shell: str) -> None:
    launch = "exec sh -c \"trap '' TERM; (setsid sh -c '$0' &); echo begun; sleep 600\"\n"
    launch = launch.replace("$0", DEAF.replace("'' TERM", "true TERM").replace('"', "").replace("$JOB", str(tmp_path)))
    with running(tmp_path, first(shell), launch) as job:
        assert order_end(job) == "137"
        assert not still_changes(job / "beat")
        assert (job / "log").read_text() == "begun\n"


def test_only_where_slurm_starts_the_container_there_is_an_order() -> None:
    assert [name for name, launcher in LAUNCHERS.items() if not launcher.program] == [LauncherName.CONTAINER]


def end_as_ordered(cluster: Cluster, spec: JobSpec) -> threading.Thread:
    """Be the script of a job: end when it is ordered to, and not before."""
    path = cluster.folder(spec).path

    def obey() -> None:
        if eventually(lambda: (path / ORDER).read_text() == "end\n"):
            (path / "exit").write_text("143\n")

    thread = threading.Thread(target=obey)
    thread.start()
    return thread


@pytest.mark.parametrize("call", ["cancel", "remove"])
def test_a_container_is_ended_by_its_script_and_slurm_is_not_asked(cluster: Cluster, call: str) -> None:
    spec = cluster.scheduled()
    cluster.folder(spec).path.joinpath("claim").symlink_to("41")
    thread = end_as_ordered(cluster, spec)
    getattr(cluster.harness.engine, call)(spec.name)
    thread.join()
    assert cluster.calls("scancel") == []


def test_a_script_that_does_not_obey_is_ended_by_slurm(cluster: Cluster) -> None:
    spec = cluster.scheduled()
    cluster.folder(spec).path.joinpath("claim").symlink_to("41")
    cluster.harness.engine.cancel(spec.name)
    assert cluster.calls("scancel") == ["scancel --batch --signal=TERM 41", "scancel 41"]


@pytest.mark.parametrize("obeys", [True, False])
def test_what_slurm_says_has_ended_is_ordered_to_end_too(cluster: Cluster, *, obeys: bool) -> None:
    """Its container may have outlived what Slurm knows of it. A script that was killed does not obey."""
    spec = cluster.scheduled()
    folder = cluster.folder(spec)
    folder.path.joinpath("claim").symlink_to("41")
    cluster.answer("rows", f"41|TIMEOUT|0:15|TimeLimit|2026-11-21T08:03:20|pfcon {folder.marker}|\n")
    info = cluster.harness.engine.info(spec.name)
    assert (info.status, info.message) == (JobStatus.STARTED, f"{LIMIT}: being ended")
    order = folder.path / ORDER
    assert order.read_text() == "end\n"
    if obeys:
        folder.path.joinpath("exit").write_text("143\n")
    else:
        os.utime(order, (time.time() - 60,) * 2)
    info = cluster.harness.engine.info(spec.name)
    assert (info.status, info.message, info.reason) == (JobStatus.FAILED, LIMIT, Reason.TIME_LIMIT)
    assert order.read_text() == "end\n"


def test_what_began_for_one_process_has_begun_for_all(cluster: Cluster) -> None:
    """Each process keeps an answer of Slurm's for a moment: another's may be older."""
    spec = cluster.scheduled("PENDING")
    behind = cluster.harness.engine
    assert behind.info(spec.name).status is JobStatus.NOT_STARTED
    cluster.answer("rows", f"41|RUNNING|0|None|N/A|pfcon {cluster.folder(spec).marker}|\n")
    assert cluster.engine().info(spec.name).status is JobStatus.STARTED
    assert behind.info(spec.name).status is JobStatus.STARTED
    assert len(cluster.calls("squeue")) == 2  # it still has the answer of before


def test_a_check_names_what_an_oci_conf_runs() -> None:
    said = "oci.conf\ncrun runc\ncrun ch-run\nnode n1\n"
    assert findings(said, "", "") == (
        "node n1",
        [
            "oci.conf beside its slurm.conf: Slurm would run jobs on the node itself, outside of any container",
            "oci.conf that runs crun or runc (SLURM_LAUNCHER=container): its oci.conf runs runc, "
            "which refuses a bundle whose rootfs is a link, as Slurm before 24.11 needs it",
            "oci.conf that runs crun or runc (SLURM_LAUNCHER=container): its oci.conf runs ch-run, "
            "which ignores the mounts of a job's bundle",
        ],
    )


@pytest.mark.parametrize(
    ("conf", "said"),
    [
        ('RunTimeRun="crun --rootless=true --root=/run/user/%U/ run --bundle %b %n.%u.%j.%s.%t"', []),
        ('RunTimeRun="runc --rootless=true --root=/run/user/%U/ run %n.%u.%j.%s.%t -b %b"', ["crun runc"]),
        ('RunTimeCreate="/usr/sbin/runc create %n.%u.%j.%s.%t -b %b"', ["crun runc", "create"]),
        ('RunTimeCreate="crun --rootless=true create --bundle %b %n.%u.%j.%s.%t"', ["create"]),
        ('RunTimeRun="env -i PATH=/bin USER=u ch-run -w %r -- %@"', ["crun ch-run"]),
        ('RunTimeRun="/usr/local/bin/enroot start %r %@"', ["crun enroot"]),
        (None, ["oci.conf"]),
    ],
)
def test_the_probe_reads_the_oci_conf_of_its_node(tmp_path: Path, conf: str | None, said: list[str]) -> None:
    (tmp_path / "scontrol").write_text(f"#!/bin/sh\necho 'SLURM_CONF              = {tmp_path}/slurm.conf'\n")
    (tmp_path / "scontrol").chmod(0o755)
    if conf:
        (tmp_path / "oci.conf").write_text(f'# RunTimeRun="runc run"\n{conf}\n')
    text = header({"JOB": str(tmp_path), "PROGRAM": ""}) + f"PATH={tmp_path}:$PATH\n" + body("probe.sh")
    subprocess.run(["/bin/sh"], input=text.encode(), check=True, timeout=PATIENCE)
    found = (tmp_path / "found").read_text().splitlines()
    assert [line for line in found if line.startswith(("oci", "crun", "create"))] == said
