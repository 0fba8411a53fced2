"""Builds the submit description of a job (condor_submit(1)), and its script. Pure, but for the script's fixed part."""

import functools
import json
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import PurePosixPath

from pfcon.compute.htcondor.commands import where
from pfcon.compute.htcondor.folder import LOG, WORKER
from pfcon.compute.htcondor.parsing import MARKER
from pfcon.compute.htcondor.settings import HTCondorSettings
from pfcon.compute.slurm.node_job import NodeJob
from pfcon.compute.slurm.spec import body, cores
from pfcon.compute.slurm.spec import script as batch_script
from pfcon.models import JobSpec, Resources

JOB_TYPE = "org.chrisproject.job_type"  # the label with the kind of a job
KILL_MARGIN = 5  # seconds in addition to the grace, before HTCondor kills a job itself
MEMORY_SUBCODE = 102  # of a job that used more memory than it requested, also in HTCondor's own policy
_SMALLEST_LOG = 4096  # bytes
_IN_QUEUE = 900  # seconds for which an ended job stays in the queue; then it is in the history


def submit_words(settings: HTCondorSettings) -> list[str]:
    """Return the command that submits a job; it reads the submit description from stdin."""
    return ["condor_submit", *where(settings), "-terse"]


def submit_description(spec: JobSpec, directory: PurePosixPath, marker: str, settings: HTCondorSettings) -> str:
    """Return the submit description of a job. directory: on the nodes.

    It contains nothing of the job's command or environment. A job that has run once does not match a machine again.
    """
    workers = spec.resources.workers
    own = f"{_literal(str(directory))}/{WORKER}$(ProcId)" if workers > 1 else _literal(str(directory))
    commands: dict[str, str | None] = {
        "universe": "vanilla",
        "executable": "/bin/sh",
        "arguments": f'"{_argument(f"{own}/job.sh")}"',
        "environment": '"PFCON_HTCONDOR_ID=$(ClusterId) PFCON_HTCONDOR_WORKER=$(ProcId)"',
        "getenv": "False",
        "transfer_executable": "False",
        "should_transfer_files": "NO",
        "initialdir": "/",
        "output": f"{own}/{LOG}",
        "error": f"{own}/{LOG}",
        "batch_name": _literal(spec.name),
        "notification": "never",
        "requirements": _requirements(settings),
        "rank": settings.rank,
        "accounting_group": settings.accounting_group,
        "concurrency_limits": settings.limits,
        "kill_sig": "SIGTERM",
        "remove_kill_sig": "SIGTERM",
        "want_graceful_removal": "True",
        "leave_in_queue": f"(JobStatus == 3 || JobStatus == 4) && time() - EnteredCurrentStatus < {_IN_QUEUE}",
        "request_disk": "16MB",
        **_resources(spec.resources),
        f"MY.{MARKER}": _string(marker),
        "MY.PfconJob": _string(spec.name),
        "MY.PfconService": _string(spec.service) if spec.service else None,
        "MY.PfconRequestId": _string(spec.request_id) if spec.request_id else None,
        "MY.PfconLabels": _record({JOB_TYPE: str(spec.kind), **dict(spec.labels)}),
    }
    lines = [f"{name} = {value}" for name, value in commands.items() if value is not None]
    return "\n".join([*lines, *settings.lines, f"queue {workers}" if workers > 1 else "queue", ""])


def _requirements(settings: HTCondorSettings) -> str:
    """Return what a machine must have: a label ``key=value`` is the attribute ``key`` with that text."""
    own = [f"({settings.requirements})"] if settings.requirements else []
    labels = [node_requirement(key, value) for key, value in settings.node_selector]
    return " && ".join([*own, *labels, "(MY.NumJobStarts ?: 0) == 0"])


def node_requirement(key: str, value: str) -> str:
    """Return the condition on a machine for one label."""
    return f"TARGET.{key} =?= {_string(value)}"


def _resources(resources: Resources) -> dict[str, str | None]:
    """Return the commands for the limits.

    allowed_execute_duration is not used: HTCondor 23.9 does not enforce it without a transfer of files.
    """
    limit = resources.time_limit
    found: dict[str, str | None] = {
        "request_cpus": str(cores(resources)),
        "allowed_job_duration": None if limit is None else str(60 * limit),
        "request_gpus": str(resources.gpus) if resources.gpus else None,
    }
    if resources.memory is not None:
        found["request_memory"] = str(max(resources.memory, 1))
        # The schedd rounds ResidentSetSize (KiB) up; the exact value then has the name with _RAW.
        found["periodic_hold"] = (
            "JobStatus == 2 && (ResidentSetSize_RAW ?: (ResidentSetSize ?: 0)) > 1024 * RequestMemory"
        )
        found["periodic_hold_reason"] = _string("the job used more memory than it requested")
        found["periodic_hold_subcode"] = str(MEMORY_SUBCODE)
    return found


def vacate_time(grace: int) -> str:
    """Return the line with the time that HTCondor gives a job to end. grace: of its script, in seconds."""
    return f"job_max_vacate_time = {grace + KILL_MARGIN}\n"


def script(job: NodeJob, settings: HTCondorSettings, resources: Resources, grace: int, log_bytes: int) -> str:
    """Return the script of a worker, which is that of a job of Slurm with HTCondor's id.

    grace: seconds. log_bytes: the size limit of all workers' logs.
    """
    each = max(_SMALLEST_LOG, log_bytes // resources.workers)
    text = batch_script(job, settings.node_side, replace(resources, workers=1), grace, log_bytes=each)
    fixed = body("job.sh")
    return text.removesuffix(fixed) + node_body() + fixed


@functools.cache
def node_body() -> str:
    """Return what the script of a job does before it is as on Slurm."""
    return files(__package__).joinpath("node.sh").read_text(encoding="utf-8")


def _literal(text: str) -> str:
    """Escape a text so that condor_submit does not replace anything in it."""
    return text.replace("$", "$(DOLLAR)")


def _argument(text: str) -> str:
    """Quote one argument of a command, in which condor_submit may replace names, in double quotes."""
    return "'" + text.replace("'", "''").replace('"', '""') + "'"


def _string(text: str) -> str:
    """Return a text as a string of a ClassAd."""
    return _literal(json.dumps(text, ensure_ascii=False))


def _record(values: Mapping[str, str]) -> str:
    """Return texts as a nested ClassAd; its names may have any characters."""
    names = {name: name.replace("\\", "\\\\").replace("'", "\\'") for name in values}
    return "[ " + "; ".join(f"'{_literal(names[name])}' = {_string(value)}" for name, value in values.items()) + " ]"
