"""The sentences of all reasons, for users, and what administrators can do: docs/reasons.md is made from them.

A sentence is the end of a job's message: no capital, no full stop. Fields in braces are given by the engine or storage.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pfcon.reasons.codes import Reason


@dataclass(frozen=True)
class Explanation:
    """sentences: for users, those with the most fields first: see ``explain``. advice: for administrators."""

    sentences: tuple[str, ...]
    advice: str


_PROGRAM = {
    Reason.EXIT_CODE: Explanation(
        (
            "the program failed with exit code {code}",
            "exit code {or_lost}: the program returned this code, or its machine or engine was restarted while it ran",
        ),
        "Read the end of the job's log: the program itself reports an error. With 255 and nothing in the log, run "
        "the job again.",
    ),
    Reason.SIGNAL: Explanation(
        (
            "the program crashed: signal {crash}",
            "the program was ended by signal {signal}, maybe because it exceeded its memory limit of {limit} MiB",
            "the program was ended by signal {signal}; it is not known who sent it",
            "exit code {code}: the program was ended by signal {or_signal}, maybe because it exceeded its memory "
            "limit of {limit} MiB, or returned this code itself",
            "exit code {code}: the program was ended by signal {or_signal}, or returned this code itself",
        ),
        "If the message names a memory limit, raise `memory_limit` of the job first. After a crash, report it to the "
        "authors of the program. After `SIGKILL` or `SIGTERM`, look who stopped the job's processes: an "
        "administrator, a restart of the engine or the machine, or the machine's lack of memory.",
    ),
    Reason.OUT_OF_MEMORY: Explanation(
        (
            "out of memory: the job exceeded its limit of {limit} MiB",
            "exit code {log_code}: the program's log shows a lack of memory; its limit is {log_limit} MiB",
            "exit code {log_code}: the program's log shows a lack of memory",
            "out of memory: the job needed more memory than it gets",
        ),
        "Raise `memory_limit` of the job, or give it less data at a time. Without `memory_limit`, the limit may be "
        "that of the machine, Slurm's `DefMemPerNode` or `DefMemPerCPU`, or a `LimitRange` of the namespace.",
    ),
    Reason.TIME_LIMIT: Explanation(
        (
            "stopped at its time limit of {duration}",
            "stopped at the time limit of this site for waiting and running: {site_limit}",
            "stopped by {engine} at the job's deadline",
            "stopped at its time limit",
        ),
        "Raise `time_limit` of the job up to the site's `TIMELIMIT_MINUTES`, or that one: [time "
        "limits](engines/README.md#time-limits). On Kubernetes, `KUBERNETES_DEADLINE_MINUTES` limits the time that a "
        "job waits and runs.",
    ),
    Reason.TOO_MANY_PROCESSES: Explanation(
        (
            "the job needed more than the {limit} processes and threads that it may have",
            "exit code {log_code}: the program could not start a process or thread; the job may have {log_limit}",
            "exit code {log_code}: the program could not start a process or thread",
            "the job needed too many processes",
        ),
        "Let the program start fewer processes and threads, or raise the limit: `PFCON_PIDS_LIMIT` with Docker, "
        "Podman, Swarm and the process engine, `podPidsLimit` of the kubelets on Kubernetes, that of the machines "
        "with Slurm and Cromwell.",
    ),
    Reason.DISK_FULL: Explanation(
        (
            "image {image} can't be fetched: no space is left on the disk for images",
            "no space is left on the disk: {where}",
            "exit code {log_code}: the program found no space on a disk",
            "no space is left on the disk",
        ),
        "The disk is that of storeBase (delete old jobs: [retention](retention.md)), that of the engine's images and "
        "containers (`docker system df`, the image cache of a kubelet or of Slurm), or the job's `/tmp`.",
    ),
    Reason.COMMAND_NOT_FOUND: Explanation(
        (
            "no such command in image {image}: {script} needs an interpreter that is not in the image",
            "no such command in image {image}: {command}",
            "no such command: {script} needs an interpreter that is not on the machine",
            "no such command: {command}",
        ),
        "Correct `selfexec` or `selfpath` of the plugin, or the image. A script's first line must name a program of "
        "the image, and must not end with a carriage return (Windows line ends).",
    ),
    Reason.NOT_EXECUTABLE: Explanation(
        ("not executable in image {image}: {command}", "not executable: {command}"),
        "Set the execute permission in the image (`chmod +x`), and check that the command is not a directory and has "
        "no file capabilities (`getcap`): jobs have none.",
    ),
    Reason.WRONG_ARCHITECTURE: Explanation(
        (
            "not executable in image {image}: {command} is for another type of processor ({architecture})",
            "not executable in image {image}: {command} is for another type of processor, or a script without #! in "
            "its first line",
            "not executable: {command} is for another type of processor, or a script without #! in its first line",
            "image {image} is for another type of processor than the machines that run jobs have",
        ),
        "Build the image for the processor of the machines that run jobs; or add `#!` and an interpreter to the "
        "script.",
    ),
    Reason.ARGUMENT_TOO_LONG: Explanation(
        ("an argument or a variable of the command is longer than the operating system allows (128 KiB)",),
        "Pass long values in a file. Linux limits each argument to 128 KiB, and all of them together to some MiB.",
    ),
}
_IMAGE = {
    Reason.IMAGE_NOT_FOUND: Explanation(
        ("image {image} can't be fetched: its registry does not have it",),
        "Check the name and the version of the image, and whether it was pushed.",
    ),
    Reason.IMAGE_REFUSED: Explanation(
        ("image {image} can't be fetched: its registry denies access, or does not have it",),
        "Log in to the registry on the machines that run jobs; on Kubernetes set `IMAGE_PULL_SECRETS`; with Slurm "
        "use `skopeo login`. Many registries answer the same for an image that does not exist.",
    ),
    Reason.INVALID_IMAGE_NAME: Explanation(
        ("{image} is not a valid name of an image",),
        "Correct the name: `registry/repository:version`, in small letters.",
    ),
    Reason.IMAGE_CORRUPT: Explanation(
        ("image {image} can't be fetched: its registry delivers damaged data",),
        "Push the image again; check the registry's storage and the proxies before it.",
    ),
    Reason.IMAGE_FAILED: Explanation(
        ("image {image} can't be fetched: {cause}", "image {image} can't be fetched"),
        "A text may be the engine's own. Fetch the image by hand on a machine that runs jobs.",
    ),
    Reason.REGISTRY_UNREACHABLE: Explanation(
        ("image {image} can't be fetched: its registry can't be reached, or answers with an error",),
        "Check the registry and its certificate, and the network, proxy and name resolution of the machines that run "
        "jobs.",
    ),
    Reason.REGISTRY_LIMIT: Explanation(
        ("image {image} can't be fetched now: its registry limits the number of downloads",),
        "Wait, log in to the registry, or use a mirror.",
    ),
}
_PLACE = {
    Reason.UNSCHEDULABLE: Explanation(
        (
            "the machine can't give the job what it requests: {request}",
            "no machine can ever run the job: {never}",
            "no machine can run the job now: {cause}",
            "no machine can run the job now",
        ),
        "Compare what the job requests (CPU, memory, GPUs, workers) with what the machines have and what is free.",
    ),
    Reason.QUOTA_EXCEEDED: Explanation(
        ("a quota is used up: {cause}", "a quota is used up"),
        "Wait until other jobs end, or raise the quota of the namespace or of the account.",
    ),
    Reason.NODE_LOST: Explanation(
        ("the machine that ran the job failed: {node}", "the machine that ran the job failed"),
        "Look at that machine. The same job can be run again.",
    ),
    Reason.EVICTED: Explanation(
        ("removed from its machine: {cause}", "removed from its machine"),
        "The machine protected itself, was drained, or the job used more of its disk than it may: the text says which.",
    ),
    Reason.PREEMPTED: Explanation(
        ("stopped in favour of another job (preempted)",),
        "Run the job again; on Slurm, with another `SLURM_QOS` or `SLURM_PARTITION`.",
    ),
}
_ENDED = {
    Reason.CANCELLED: Explanation(
        ("cancelled by a {by}", "cancelled"),
        "ChRIS or a user has cancelled the job (`cancel/`, or a delete job). Nothing is wrong.",
    ),
    Reason.STOPPED_OUTSIDE: Explanation(
        (
            "stopped in {engine} by user {user}, not by pfcon",
            "stopped in {engine}, not by pfcon",
        ),
        "Ask the engine's administrators who stopped the job, and why.",
    ),
    Reason.REMOVED_OUTSIDE: Explanation(
        ("the engine no longer knows the job: it was removed there, not by pfcon",),
        "Look for programs that clean up the engine, such as `docker system prune`.",
    ),
    Reason.INTERRUPTED: Explanation(
        ("interrupted: {cause}",),
        "The machine, the engine or the service was stopped while the job ran. Run it again.",
    ),
}
_DATA = {
    Reason.INPUT_MISSING: Explanation(
        ("none of the job's inputs exists: {paths}",),
        "Check that the files of the previous step exist in the storage.",
    ),
    Reason.LINK_REFUSED: Explanation(
        ("Invalid input path: {path}: the link file {link} {cause}",),
        "Let ChRIS write the link again; a link may only lead to files of users below the storage root.",
    ),
    Reason.OUTPUT_UNWRITABLE: Explanation(
        ("the output directory {path} can't be used",),
        "Check the permissions of the directory for the user of jobs (`CONTAINER_USER`).",
    ),
    Reason.STORE_UNREACHABLE: Explanation(
        ("the storage is not available: {cause}", "the storage is not available"),
        "Check the object store or file system, and the network: [object stores](storages/object-stores.md).",
    ),
}
_ENGINE = {
    Reason.ENGINE_SETUP: Explanation(
        ("the compute engine is not set up for this job: {cause}",),
        "Set up what the text names; `pfcon check` finds most of it.",
    ),
    Reason.ENGINE_FAULT: Explanation(
        (
            "the compute engine ended the job: {ended}",
            "the container could not be started: {cause}",
            "the container could not be started",
        ),
        "A text may be the engine's own. Look at the log of the engine and of the machine.",
    ),
    Reason.END_UNKNOWN: Explanation(
        ("it is not known how the job ended: {cause}", "it is not known how the job ended"),
        "The machine or the engine was probably restarted while the job ran. Run it again.",
    ),
    Reason.INTERNAL_ERROR: Explanation(
        ("internal error of pfcon: see the log of the service",),
        "Report the traceback in the log of the service.",
    ),
}

EXPLANATIONS: Mapping[Reason, Explanation] = MappingProxyType(
    {**_PROGRAM, **_IMAGE, **_PLACE, **_ENDED, **_DATA, **_ENGINE}
)
"""All reasons, in the order of the documentation."""
