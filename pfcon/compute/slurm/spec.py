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
COMMENT = "pfcon "  # the beginning of every job's comment; its marker follows
LABEL_BYTES = 800  # of all labels together: a comment has at most 1024 bytes (Slurm 22.05, job_mgr.c: _test_strlen)
_REQUEST_ID = "org.chrisproject.pfcon.request-id"  # of the HTTP request that has made the job; in pfcon's log, too
_GRES = "--gres="
_JOB_TYPE = "org.chrisproject.job_type"  # the label with the kind of a job


def cores(resources: Resources) -> int:
    """Return the number of cores of one worker, rounded up: Slurm does not share cores."""
    return 1 if resources.cpu is None else millicores_to_cores(resources.cpu)


def sbatch_words(spec: JobSpec, job: NodeJob, settings: SlurmSettings) -> list[str]:
    """Return the command that submits a job; it reads the script from stdin.

    It contains only short texts of pfcon itself and of the settings, nothing of the job's command or environment.
    """
    options = {
        "job-name": spec.name,
        "comment": _comment(spec, job.marker),
        "chdir": "/",
        "output": _literal(job.directory / "slurm.log"),
        "open-mode": "append",
        "time": None if spec.resources.time_limit is None else str(spec.resources.time_limit),
        "partition": settings.partition,
        "account": settings.account,
        "qos": settings.qos,
        "constraint": _constraint(settings),
        **_resources(spec.resources, settings.gres),
    }
    if settings.launcher == "container":
        options["container"] = str(job.directory)
    further = settings.options
    if "gres" in options:  # a second one would replace it
        others = [word for word in further if word.startswith(_GRES)]
        options["gres"] = ",".join(word.removeprefix(_GRES) for word in (options["gres"] or "", *others))
        further = tuple(word for word in further if word not in others)
    words = [f"--{name}={value}" for name, value in options.items() if value is not None]
    return ["sbatch", "--parsable", "--no-requeue", "--export=ALL", *words, *further]


def _comment(spec: JobSpec, marker: str) -> str:
    """Return what finds a job by its marker; for people, the id of its service, and its labels as ``k=v,k2=v2``.

    ``--extra`` would be another place for labels, but 22.05 does not have it, and later ones may select nodes by it.
    """
    own = {_JOB_TYPE: str(spec.kind), **({_REQUEST_ID: spec.request_id} if spec.request_id else {})}
    labels = {**own, **dict(spec.labels)}
    words = (marker, spec.service, label_text(labels))
    return COMMENT + " ".join(word for word in words if word)


def label_text(labels: Mapping[str, str]) -> str:
    """Return labels as one text."""
    return ",".join(f"{key}={value}" for key, value in labels.items())


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


def _constraint(settings: SlurmSettings) -> str | None:
    """Return the features that a node must have: a label ``key=value`` is the feature of that name."""
    own = settings.constraint
    labels = [f"{key}={value}" for key, value in settings.node_selector]
    if own and labels:
        own = f"({own})"  # in 22.05 and later, what is in parentheses is evaluated first
    return "&".join([*([own] if own else []), *labels]) or None


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
        "NOW": str(directory / "now"),
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
        "GPUS": " ".join(job.of_gpus),
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
