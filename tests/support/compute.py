"""The harness through which the compute contract drives one engine."""

import os
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from pfcon.compute.base import ComputeEngine
from pfcon.errors import PfconError
from pfcon.models import INCOMING, OUTGOING, JobId, JobInfo, JobKind, JobSpec, Mount
from pfcon.paths import StoreBase

from .engines import IMAGE, api_client, docker_url, podman_rootless_url, podman_url, swarm_url
from .settings import compute_settings, docker_at
from .waiting import PATIENCE, eventually, looks

HEARTBEAT = 'while :; do echo x >> "$1"/beat; sleep 0.05; done'  # ``$1``: the output directory


@dataclass(frozen=True)
class Capabilities:
    """What an engine can do of the contract. A test of a missing ability is skipped with the text given here."""

    read_only_inputs: str = ""
    images: str = ""
    asks_for_images: str = ""
    prepare: str = ""
    workers: str = ""
    shm: str = ""
    labels: str = ""
    user: str = ""
    unreachable: str = ""
    endless_lines: str = ""
    pids: str = ""
    orphans: str = ""
    grace: str = ""
    memory: str = ""
    no_capabilities: str = ""
    own_root: str = ""
    mounts: str = ""

    def need(self, ability: str) -> None:
        """Skip the test where the engine lacks an ability."""
        lack = getattr(self, ability)
        if lack:
            pytest.skip(lack)


_ONE_CONTAINER = "a Docker engine runs a job as one container"
_KUBELET = "the nodes of Kubernetes fetch images themselves"
_SLURM = Capabilities(
    user="Slurm runs jobs as the user who submits them",
    mounts="a service on Slurm runs as the same user",
    labels="Slurm's jobs have no labels",
    shm="a node of Slurm decides on /dev/shm",
    pids="a node of Slurm limits the processes of its users",
)
CAPABILITIES = {
    "docker": Capabilities(workers=_ONE_CONTAINER),
    "podman": Capabilities(
        endless_lines="Podman's log tail leaves out a line that it had to store in pieces", workers=_ONE_CONTAINER
    ),
    "swarm": Capabilities(asks_for_images="the nodes of a Swarm fetch images themselves"),
    "cromwell": Capabilities(
        no_capabilities="Cromwell's backend decides on capabilities; the fake's keeps them",
        own_root="Cromwell's backend decides what a job sees; the fake's jobs see their host",
        grace="Cromwell's backend decides how a job is killed; the fake's ends its first process with the others",
        images="Cromwell's backend fetches images itself",
        asks_for_images="Cromwell's backend fetches images itself",
        workers="Cromwell runs a job as one task",
        shm="Cromwell's backend has a /dev/shm of its own",
        labels="pfcon gives Cromwell no labels but its own",
        user="Cromwell's backend chooses the user of a job",
        pids="Cromwell's backend limits no processes",
        orphans="the fake's tasks are processes of this machine, whose first process takes its time",
    ),
    "kubernetes": Capabilities(
        asks_for_images=_KUBELET, prepare=_KUBELET, pids="a kubelet limits the processes of a pod"
    ),
    "slurm": _SLURM,
    "slurm-charliecloud": replace(
        _SLURM, no_capabilities="Charliecloud gives a job's root those of a user namespace of its own"
    ),
    "slurm-container": replace(_SLURM, workers="Slurm's own containers run a job as one task"),
    "fake-kubernetes": Capabilities(
        no_capabilities="the fake's pods are processes of the user who runs the test",
        read_only_inputs="the fake's pods are processes, without mounts",
        own_root="the fake's pods are processes, without mounts",
        mounts="the fake's pods are processes, without mounts",
        asks_for_images=_KUBELET,
        prepare=_KUBELET,
        pids="a kubelet limits the processes of a pod",
        orphans="the fake's pods are processes of this machine, whose first process takes its time",
        shm="the fake's pods share their host's /dev/shm",
        user="" if os.geteuid() == 0 else "the fake needs root to give a pod another user",
    ),
    "process": Capabilities(
        no_capabilities="process runs jobs as its own user, with all that this user may do",
        read_only_inputs="process has no mounts: file permissions alone protect the inputs",
        own_root="process has no mounts: a job sees what the service's user sees",
        mounts="process has no mounts",
        images="process runs programs of its own host and ignores the image",
        asks_for_images="process ignores the image",
        workers="process runs one process for a job",
        shm="process shares its host's /dev/shm",
        labels="process has nothing to label",
        user="" if os.geteuid() == 0 else "process needs root to give a job another user",
        unreachable="process has no service that could be away",
    ),
}


@dataclass
class Harness:
    """One engine with a storeBase of its own."""

    name: str
    engine: ComputeEngine
    storebase: StoreBase
    make_dead: Callable[[], ComputeEngine] | None = None
    labels_of: Callable[[str], dict[str, str]] = lambda name: {}  # those that the engine shows of a job
    names: list[str] = field(default_factory=list)
    told_early: bool = False  # the engine may say that a job has ended while its last process is being killed

    @property
    def can(self) -> Capabilities:
        """What the engine is able to do."""
        if self.name == "podman-rootless":
            from .podman_rootless import capabilities

            return capabilities(CAPABILITIES["podman"])
        return CAPABILITIES[self.name]

    def dead(self) -> ComputeEngine:
        """An engine of the same class at an address where nobody answers."""
        self.can.need("unreachable")
        assert self.make_dead
        return self.make_dead()

    def spec(self, argv: list[str], **overrides: Any) -> JobSpec:
        """A job under a fresh name, with its two directories made and mounted."""
        jid = JobId.parse(f"pfcon-test-{uuid.uuid4().hex[:12]}")
        name = overrides.pop("name", str(jid))
        job = self.storebase.job(jid)
        job.make()
        job.incoming.mkdir()
        job.make_outgoing(overrides.get("user"))
        if self.engine.by_path or self.name == "fake-kubernetes":  # whose pods are processes, without mounts
            job.let_pass(overrides.get("user"))
        if self.name == "podman-rootless":
            from .podman_rootless import give_to_its_user

            give_to_its_user(job.path)
        mounts = (
            Mount(PurePosixPath(job.incoming_source), INCOMING, read_only=True),
            Mount(PurePosixPath(job.outgoing_source), OUTGOING, read_only=False),
        )
        self.names.append(name)
        fields: dict[str, Any] = {"kind": JobKind.PLUGIN, "image": IMAGE, "mounts": mounts, **overrides}
        return JobSpec(name=name, jid=jid, argv=tuple(argv), **fields)

    def shell(self, script: str, *args: str, **overrides: Any) -> JobSpec:
        """A job that runs a shell script; ``$1`` is the output directory, ``args`` follow."""
        return self.spec(["sh", "-c", script, "sh", str(OUTGOING), *args], **overrides)

    def incoming(self, spec: JobSpec) -> Path:
        """The job's inputs on this side."""
        return self.storebase.job(spec.jid).incoming

    def outgoing(self, spec: JobSpec) -> Path:
        """The job's outputs on this side."""
        return self.storebase.job(spec.jid).outgoing

    def wait(self, name: str, timeout: float = PATIENCE) -> JobInfo:
        """Poll until the job has ended."""
        for _ in looks(timeout):
            info = self.engine.info(name)
            if info.status.final:
                return info
        raise AssertionError(f"{name} has not ended in {timeout} s: {info}")

    def run(self, spec: JobSpec, timeout: float = PATIENCE) -> JobInfo:
        """Schedule a job and wait for its end."""
        self.engine.schedule(spec)
        return self.wait(spec.name, timeout)

    def has_stopped(self, path: Path) -> bool:
        """Whether a job that has ended, as the engine tells, writes no more to a file."""
        return not still_changes(path) or (self.told_early and eventually(lambda: not still_changes(path)))

    def close(self) -> None:
        """Remove every job that a test may have scheduled."""
        with ThreadPoolExecutor(8) as pool:
            faults = [fault for fault in pool.map(self._remove, dict.fromkeys(self.names)) if fault]
        assert not faults, f"jobs left on {self.name}: {faults}"

    def _remove(self, name: str) -> str:
        try:
            self.engine.remove(name)
        except PfconError as fault:
            return f"{name}: {fault}"
        return ""


def jobs_directory(compute: Harness) -> Path:
    """Where the process engine keeps its jobs."""
    return compute.storebase.private / "process"


def read_number(path: Path) -> int:
    """The number that a job writes to a file as a line, as soon as it is there."""
    assert eventually(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())


def still_changes(path: Path) -> bool:
    """Whether a file grows in the next 0.4 seconds."""
    before = path.stat().st_size
    time.sleep(0.4)
    return path.stat().st_size != before


_ALIVE: list[ComputeEngine] = []  # engines live as long as their process, in the service too: they have no close()


_URLS = {"docker": docker_url, "podman": podman_url, "podman-rootless": podman_rootless_url, "swarm": swarm_url}


def make_harness(name: str, root: Path) -> Harness:
    """The harness of an engine; skips or fails the test where the engine does not answer."""
    storebase = StoreBase(root)
    if name == "process":
        from pfcon.compute.process.engine import ProcessEngine

        return Harness(name, ProcessEngine(storebase, stop_grace=2), storebase)
    if name == "cromwell":
        from .cromwell import cromwell_harness

        return cromwell_harness(root)
    if name.startswith("slurm-"):
        from .slurm import slurm_harness

        _, mode, launcher = name.split("-")
        return slurm_harness(root, mode, launcher)
    if name in ("kubernetes", "fake-kubernetes"):
        from .kubernetes import kubernetes_harness

        return kubernetes_harness(name, root)
    url = _URLS[name]()

    def at(address: str) -> ComputeEngine:
        settings = compute_settings(storebase=PurePosixPath(root), own=docker_at(address))
        _ALIVE.append(_api_engine(name)(settings, settings.own, root, stop_grace=2))
        return _ALIVE[-1]

    return Harness(name, at(url), storebase, lambda: at("tcp://127.0.0.1:1"), lambda job: _labels(name, url, job))


def _api_engine(name: str) -> Callable[..., ComputeEngine]:
    if name == "swarm":
        from pfcon.compute.swarm.engine import SwarmEngine

        return SwarmEngine
    from pfcon.compute.docker.engine import DockerEngine

    return DockerEngine


def _labels(name: str, url: str, job: str) -> dict[str, str]:

    with api_client(url) as client:
        found = client.inspect_service(job)["Spec"] if name == "swarm" else client.inspect_container(job)["Config"]
    labels: dict[str, str] = found["Labels"]
    return labels
