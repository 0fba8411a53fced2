"""What each engine lacks of the compute contract, and why."""

import os
from dataclasses import replace

from pfcon.testing.compute.capabilities import Capabilities

_KEPT_BY_ENGINE = "the engine itself keeps its jobs"
_OWN_DIRECTORIES = "names are directories of pfcon's own"
_ONE_MACHINE = "a Docker engine runs all jobs on its own machine"
_KUBELET = "the nodes of Kubernetes fetch images themselves"
_NO_OTHER_USER = "only crun and runc run the jobs of root as other users"
_JSON_FILE = "Docker's log driver json-file keeps text: other bytes are replaced"
_SLURM = Capabilities(
    unique_names="Slurm has no unique names",
    user="" if os.geteuid() == 0 else "a job's user is seen in its container only",
    mounts="a service on Slurm runs as the same user",
    pids="a node of Slurm limits the processes of its users",
    image_digest="Slurm runs an unpacked image, which has no digest",
)
_HTCONDOR = replace(
    _SLURM,
    unique_names="HTCondor has no unique names",
    user="HTCondor runs jobs as the user who submits them",
    mounts="a service on HTCondor runs as the same user",
    pids="a node of HTCondor limits the processes of its users",
    image_digest="HTCondor runs an unpacked image, which has no digest",
)
_FAKE_CLUSTER = Capabilities(
    no_capabilities="the fake's pods are processes of the user who runs the test",
    read_only_inputs="the fake's pods are processes, without mounts",
    own_root="the fake's pods are processes, without mounts",
    mounts="the fake's pods are processes, without mounts",
    asks_for_images=_KUBELET,
    prepare=_KUBELET,
    pids="a kubelet limits the processes of a pod",
    workdir="the fake's pods are processes, without images",
    orphans="the fake's pods are processes of this machine, whose first process takes its time",
    shm="the fake's pods share their host's /dev/shm",
    image_digest="the fake's pods ignore the image",
    user="" if os.geteuid() == 0 else "the fake needs root to give a pod another user",
)
CAPABILITIES = {
    "docker": Capabilities(keeper=_KEPT_BY_ENGINE, node=_ONE_MACHINE, log_bytes=_JSON_FILE),
    "podman": Capabilities(
        endless_lines="Podman's log tail leaves out a line that it had to store in pieces",
        keeper=_KEPT_BY_ENGINE,
        node=_ONE_MACHINE,
    ),
    "swarm": Capabilities(
        asks_for_images="the nodes of a Swarm fetch images themselves",
        keeper=_KEPT_BY_ENGINE,
        log_bytes=_JSON_FILE,
        image_digest="a Swarm's nodes choose the image of a tag, and do not report which one it was",
    ),
    "cromwell": Capabilities(
        foreign_jobs=_OWN_DIRECTORIES,
        keeper=_KEPT_BY_ENGINE,
        no_capabilities="Cromwell's backend decides on capabilities; the fake's keeps them",
        own_root="Cromwell's backend decides what a job sees; the fake's jobs see their host",
        grace="Cromwell's backend decides how a job is killed; the fake's ends its first process with the others",
        images="Cromwell's backend fetches images itself",
        asks_for_images="Cromwell's backend fetches images itself",
        workers="Cromwell runs a job as one task",
        user="" if os.geteuid() == 0 else "the fake needs root to give a job another user",
        pids="Cromwell's backend limits no processes",
        started_at="Cromwell reports when it submitted a job to its backend, not when the command started",
        node="Cromwell does not know on which node its backend runs a job",
        image_digest="Cromwell's backend does not report which image it has run",
        orphans="the fake's tasks are processes of this machine, whose first process takes its time",
    ),
    "kubernetes": Capabilities(
        asks_for_images=_KUBELET,
        prepare=_KUBELET,
        pids="a kubelet limits the processes of a pod",
        log_bytes="a node's container runtime decides how it keeps bytes that are no text",
    ),
    "htcondor": _HTCONDOR,
    "htcondor-charliecloud": replace(
        _HTCONDOR, no_capabilities="Charliecloud gives a job's root those of a user namespace of its own"
    ),
    "slurm": _SLURM,
    "slurm-charliecloud": replace(
        _SLURM,
        user=_NO_OTHER_USER,
        no_capabilities="Charliecloud gives a job's root those of a user namespace of its own",
    ),
    "slurm-apptainer": replace(_SLURM, user=_NO_OTHER_USER),
    "slurm-podman": replace(_SLURM, user=_NO_OTHER_USER),
    "slurm-container": replace(_SLURM, user=_NO_OTHER_USER, workers="Slurm's own containers run a job as one task"),
    "fake-kubernetes": _FAKE_CLUSTER,
    "fake-kubernetes-1.20": _FAKE_CLUSTER,
    "process": Capabilities(
        foreign_jobs=_OWN_DIRECTORIES,
        no_capabilities="process runs jobs as its own user, with all that this user may do",
        read_only_inputs="process has no mounts: file permissions alone protect the inputs",
        own_root="process has no mounts: a job sees what the service's user sees",
        mounts="process has no mounts",
        images="process runs programs of its own host and ignores the image",
        image_digest="process ignores the image",
        asks_for_images="process ignores the image",
        hostnames="the workers of process are processes of one machine",
        user="" if os.geteuid() == 0 else "process needs root to give a job another user",
        unreachable="process has no service that could be away",
    ),
}
