"""Builds the arguments of sbatch(1) for a job, and its script. Pure, except that it reads the script's fixed part."""

import functools
import shlex
from collections.abc import Mapping
from importlib.resources import files
from pathlib import PurePosixPath

from pfcon.compute.slurm.launchers import INSIDE, launcher_of
from pfcon.compute.slurm.node_job import DEFAULT_PATH, NodeJob
from pfcon.compute.slurm.settings import SlurmSettings
from pfcon.models import JobSpec, Resources
from pfcon.units import millicores_to_cores

LOG_BYTES = 64 * 1024 * 1024  # the default size limit of a log
_BLOCK, _BLOCKS = 64 * 1024, 16  # bytes of a block, and number of blocks between two checks of a log's size
COMMENT = "pfcon "  # the beginning of every job's comment; its marker follows, then the id of its service


def cores(resources: Resources) -> int:
    """Return the number of cores of one worker, rounded up: Slurm does not share cores."""
    return 1 if resources.cpu is None else millicores_to_cores(resources.cpu)


def sbatch_words(spec: JobSpec, job: NodeJob, settings: SlurmSettings) -> list[str]:
    """Return the command that submits a job; it reads the script from stdin.

    It contains only short texts of pfcon itself and of the settings, nothing of the job's command or environment.
    """
    options = {
        "job-name": spec.name,
        "comment": f"{COMMENT}{job.marker} {spec.service}".rstrip(),
        "chdir": "/",
        "output": _literal(job.directory / "slurm.log"),
        "open-mode": "append",
        "time": None if spec.resources.time_limit is None else str(spec.resources.time_limit),
        "partition": settings.partition,
        "account": settings.account,
        "qos": settings.qos,
        "constraint": settings.constraint,
        **_resources(spec.resources, settings.gres),
    }
    if settings.launcher == "container":
        options["container"] = str(job.directory)
    words = [f"--{name}={value}" for name, value in options.items() if value is not None]
    return ["sbatch", "--parsable", "--no-requeue", "--export=ALL", *words, *settings.options]


def _resources(resources: Resources, gres: str) -> dict[str, str]:
    """Return the options for the limits, which are those of one worker; each worker is a task, on any node."""
    options = {"ntasks": str(resources.workers), "cpus-per-task": str(cores(resources))}
    if resources.memory is not None:
        memory = max(resources.memory, 1)  # 0 would be all memory of a node
        if resources.workers == 1:
            options["mem"] = f"{memory}M"
        else:
            options["mem-per-cpu"] = f"{-(-memory // cores(resources))}M"
    if resources.gpus:
        _, _, kind = gres.partition(":")
        each = f"{kind}:{resources.gpus}".lstrip(":")
        options |= {"gres": f"{gres}:{resources.gpus}"} if resources.workers == 1 else {"gpus-per-task": each}
    return options


def _literal(path: PurePosixPath) -> str:
    """Escape a path so that sbatch does not replace anything in it ("filename pattern")."""
    return str(path).replace("%", "%%")


def script(
    job: NodeJob, settings: SlurmSettings, resources: Resources, grace: int, *, log_bytes: int = LOG_BYTES
) -> str:
    """Return the batch script: variables that differ from job to job, then ``job.sh``.

    grace: seconds between SIGTERM and SIGKILL. log_bytes: the size limit of the job's log.
    """
    launcher = launcher_of(settings)
    directory = job.directory if launcher.program else INSIDE
    head = {
        "JOB": str(directory),
        "PROGRAM": launcher.program,
        "GRACE": str(grace),
        "TASKS": str(resources.workers),
        "CORES": str(cores(resources)),
        "FIRST": str(log_bytes // 2),
        "PART": str(log_bytes // 4),
        "BLOCK": str(min(_BLOCK, log_bytes // 4)),
        "BLOCKS": str(min(_BLOCKS, max(1, log_bytes // 4 // _BLOCK))),
        "MPI": settings.mpi,
        "NUMBERS": " ".join(job.numbers),
        "KEPT": " ".join(job.kept),
    }
    return f"{header(head)}stop() {{ {launcher.stop(job)}; }}\n{body('job.sh')}"


def header(values: Mapping[str, str]) -> str:
    """Return the beginning of a script: these variables, and a PATH of the usual directories before the user's own."""
    lines = "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
    return f"#!/bin/sh\nPATH={DEFAULT_PATH}:$PATH\n{lines}"


@functools.cache
def body(name: str) -> str:
    """Return a script of this package."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
