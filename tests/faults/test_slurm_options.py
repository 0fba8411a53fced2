"""Options of jobs on a real Slurm: what the contract does not show."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from support.engines import slurm_cluster
from support.generation import TODAY
from support.slurm import default_mode, slurm_command, slurm_engine, slurm_harness
from support.slurm_user import OTHER, acting_as, ordinary_harness

from pfcon.errors import Refused
from pfcon.models import JobStatus, Resources, User
from pfcon.paths import StoreBase
from pfcon.reasons import Reason
from pfcon.testing.waiting import eventually

pytestmark = pytest.mark.engine("slurm")
NODE = socket.gethostname().partition(".")[0]
SOMEBODY = User(1234, 2345)
# Maps what it fills: where root may not protect slurmstepd from the kernel, that kills the largest process of the job.
FILL = """
import mmap, os, sys
size = int(sys.argv[1]) << 20
file = os.open("/dev/shm/x", os.O_RDWR | os.O_CREAT)
os.ftruncate(file, size)
with mmap.mmap(file, size) as shared:
    for place in range(0, size, 4096):
        shared[place] = 1
print("fits")
"""


@contextmanager
def features(conf: str, names: str) -> Iterator[None]:
    """The node of the cluster has these features for a while."""
    change = ("scontrol", "update", f"NodeName={NODE}")
    slurm_command(conf, *change, f"AvailableFeatures={names}", f"ActiveFeatures={names}")
    try:
        yield
    finally:
        slurm_command(conf, *change, "AvailableFeatures=", "ActiveFeatures=")


def test_a_job_runs_on_a_node_with_the_labels_and_a_refusal_names_the_setting(storebase: StoreBase) -> None:
    conf = slurm_cluster(default_mode())
    harness = slurm_harness(storebase.root)
    selected = (("disk", "ssd"), ("topology.org/zone", "a"))
    with features(conf, "disk=ssd,topology.org/zone=a,fast,slow"):
        for constraint in (None, "fast", "fast|slow"):
            harness.engine = slurm_engine(conf, storebase.root, node_selector=selected, constraint=constraint)
            assert harness.run(harness.shell("exit 0")).status is JobStatus.SUCCEEDED
        harness.engine = slurm_engine(conf, storebase.root, node_selector=(("disk", "hdd"),))
        said = r"no machine has what it requests, with the features disk=hdd \(NODE_SELECTOR\): .*Invalid feature"
        with pytest.raises(Refused, match=said):
            harness.engine.schedule(harness.shell("exit 0"))
    harness.close()


def test_a_job_whose_nodes_are_away_waits_and_its_message_names_the_setting(storebase: StoreBase) -> None:
    conf = slurm_cluster(default_mode())
    harness = slurm_harness(storebase.root)
    harness.engine = slurm_engine(conf, storebase.root, node_selector=(("disk", "ssd"),))
    change = ("scontrol", "update", f"NodeName={NODE}")
    with features(conf, "disk=ssd"):
        slurm_command(conf, *change, "State=DRAIN", "Reason=test")
        try:
            spec = harness.shell("exit 0")
            harness.engine.schedule(spec)
            assert eventually(lambda: "NODE_SELECTOR" in harness.engine.info(spec.name).message)
            info = harness.engine.info(spec.name)
            assert (info.status, info.reason) == (JobStatus.NOT_STARTED, Reason.UNSCHEDULABLE)
            assert "the machines with the features disk=ssd (NODE_SELECTOR) are not available" in info.message
        finally:
            slurm_command(conf, *change, "State=RESUME")
        assert harness.wait(spec.name).status is JobStatus.SUCCEEDED
    harness.close()


@pytest.mark.skipif(TODAY, reason="the commands of that Slurm need root")
@pytest.mark.parametrize("launcher", ["crun", "charliecloud"])
def test_the_user_of_an_ordinary_user_s_job_is_that_user_on_the_node(storebase: StoreBase, launcher: str) -> None:
    harness = ordinary_harness(storebase, launcher)
    with acting_as(OTHER):
        spec = replace(harness.shell('id -u; id -G; touch "$1"/made; stat -c %u:%g "$1"/made'), user=SOMEBODY)
        info = harness.run(spec)
        log = harness.engine.logs(spec.name, 9)
    assert (info.status, log) == (JobStatus.SUCCEEDED, "1234\n2345\n1234:2345\n"), info
    assert harness.outgoing(spec).joinpath("made").stat().st_uid == OTHER
    with acting_as(OTHER):
        harness.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone runs jobs as other users")
@pytest.mark.parametrize("launcher", ["crun", "runc"])
def test_the_user_of_a_job_of_root_is_a_user_of_the_node(storebase: StoreBase, launcher: str) -> None:
    harness = slurm_harness(storebase.root, launcher=launcher)
    script = 'cat "$2"/in.txt; echo said >/dev/stderr; id -u; touch /etc/x "$2"/y 2>/dev/null || echo refused'
    spec = harness.shell(script, "/share/incoming", user=SOMEBODY)
    harness.incoming(spec).joinpath("in.txt").write_text("staged\n")
    info = harness.run(spec)
    log = harness.engine.logs(spec.name, 9).split()
    assert (info.status, sorted(log)) == (JobStatus.SUCCEEDED, ["1234", "refused", "said", "staged"]), info
    lasting = harness.start_lasting(user=SOMEBODY)
    assert 1234 in users_of(lasting.argv[-1])
    harness.engine.cancel(lasting.name)
    assert harness.wait(lasting.name).reason == Reason.CANCELLED
    assert not users_of(lasting.argv[-1])
    harness.close()


def users_of(word: str) -> set[int]:
    """Whose the processes are that have a word in their command."""
    found = set()
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if word.encode() in (path / "cmdline").read_bytes().split(b"\0"):
                found.add((path / "cmdline").stat().st_uid)
        except OSError:
            continue  # it ended while we looked
    return found


@pytest.mark.parametrize("launcher", ["crun", "charliecloud", *(["podman"] if TODAY else [])])
def test_what_a_job_has_in_shared_memory_counts_as_its_memory(storebase: StoreBase, launcher: str) -> None:
    harness = slurm_harness(storebase.root, "cgroup", launcher)
    limits = Resources(memory=100, shm=400)
    spec = harness.spec(["python3", "-c", FILL, "40"], resources=limits)
    assert (harness.run(spec).status, harness.engine.logs(spec.name, 9)) == (JobStatus.SUCCEEDED, "fits\n")
    info = harness.run(harness.spec(["python3", "-c", FILL, "300"], resources=limits))
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.OUT_OF_MEMORY), info
    harness.close()
