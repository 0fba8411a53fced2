"""The harness of each engine by its name, for the compute contract."""

import json
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from pfcon.compute.base import ComputeEngine
from pfcon.compute.docker.engine import DockerEngine
from pfcon.compute.swarm.engine import SwarmEngine
from pfcon.paths import StoreBase
from pfcon.testing.compute.harness import Harness
from pfcon.testing.waiting import eventually

from .capabilities import CAPABILITIES
from .engines import IMAGE, WORKDIR, api_client, docker_url, podman_rootless_url, podman_url, swarm_url
from .foreign import foreign_container, foreign_service
from .outside import end_supervisor, kill_container, kill_task
from .podman_rootless import capabilities, give_to_its_user
from .settings import compute_settings, docker_at

SHORT_MINUTE = 1.5  # seconds; of time limits


def jobs_directory(compute: Harness) -> Path:
    """Where the process engine keeps its jobs."""
    return compute.storebase.private / "process"


def read_number(path: Path) -> int:
    """The number that a job writes to a file as a line, as soon as it is there."""
    assert eventually(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())


@dataclass
class ApiHarness(Harness):
    """An engine with a Docker API. It has no close(), for it lives as long as its process: here, tests are many.

    made: all engines that the test has used.
    """

    made: list[DockerEngine | SwarmEngine] = field(default_factory=list)

    def close(self) -> None:
        """Remove the jobs, and close the connections."""
        try:
            super().close()
        finally:
            for engine in self.made:
                if calls := engine._connection._made:
                    calls._client.close()  # idle ones beside the SDK's are closed when the engine is collected
            self.made.clear()


_URLS = {"docker": docker_url, "podman": podman_url, "podman-rootless": podman_rootless_url, "swarm": swarm_url}


def make_harness(name: str, root: Path) -> Harness:
    """The harness of an engine; skips or fails the test where the engine does not answer."""
    storebase = StoreBase(root)
    if name == "process":
        from pfcon.compute.process.engine import ProcessEngine

        engine = ProcessEngine(storebase, stop_grace=2, minute=SHORT_MINUTE)
        abilities = CAPABILITIES[name]
        return Harness(
            engine,
            storebase,
            IMAGE,
            name,
            abilities,
            end_keeper=end_supervisor,
            minute=SHORT_MINUTE,
            workdir=None,
            labels_of=lambda job: _kept_labels(storebase, job),
        )
    if name == "cromwell":
        from .cromwell import cromwell_harness

        return cromwell_harness(root)
    if name.startswith("slurm-"):
        from .slurm import slurm_harness

        _, mode, launcher = name.split("-")
        return slurm_harness(root, mode, launcher)
    if name.startswith("htcondor-"):
        from .htcondor import htcondor_harness

        return htcondor_harness(root, name.removeprefix("htcondor-"))
    if name == "kubernetes" or name.startswith("fake-kubernetes"):
        from .kubernetes import kubernetes_harness

        return kubernetes_harness(name, root)
    url = _URLS[name]()

    made: list[DockerEngine | SwarmEngine] = []

    def at(address: str) -> ComputeEngine:
        settings = compute_settings(storebase=PurePosixPath(root), own=docker_at(address))
        made.append((SwarmEngine if name == "swarm" else DockerEngine)(settings, settings.own, root, stop_grace=2))
        return made[-1]

    rootless = name == "podman-rootless"
    return ApiHarness(
        at(url),
        storebase,
        IMAGE,
        name,
        capabilities(CAPABILITIES["podman"]) if rootless else CAPABILITIES[name],
        make_dead=lambda: at("tcp://127.0.0.1:1"),
        labels_of=lambda job: _labels(name, url, job),
        foreign_job=partial(foreign_service if name == "swarm" else foreign_container, url),
        prepare_job=give_to_its_user if rootless else None,
        kill_outside=partial(kill_task if name == "swarm" else kill_container, url),
        workdir=WORKDIR,
        made=made,
    )


def _kept_labels(storebase: StoreBase, job: str) -> dict[str, str]:
    """The labels of a job of the process engine, as its administrator reads them; its kind is not a label."""
    kept = json.loads((storebase.private / "process" / job / "spec.json").read_text())
    return dict(kept["labels"]) | {"org.chrisproject.job_type": kept["kind"]}


def _labels(name: str, url: str, job: str) -> dict[str, str]:
    with api_client(url) as client:
        found = client.inspect_service(job)["Spec"] if name == "swarm" else client.inspect_container(job)["Config"]
    labels: dict[str, str] = found["Labels"]
    return labels
