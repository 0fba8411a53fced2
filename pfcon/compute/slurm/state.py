"""What Slurm's states, and what a job has left behind, mean for its user. Pure."""

import logging
import re
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from pfcon.compute.interruption import Why, was_killed
from pfcon.compute.runtimes import start_failure
from pfcon.compute.slurm.parsing import Row
from pfcon.compute.words import exit_message, plain
from pfcon.models import JobSpec, JobStatus
from pfcon.units import mib_to_bytes

_log = logging.getLogger(__name__)

OUTSIDE = 98  # job.sh: the directory is not there, or is another's
NO_LOG = 53  # slurmstepd can't open the file of --output; it is told as a signal


class Stage(Enum):
    """How far a Slurm job is."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"
    UNKNOWN = "unknown"


# squeue(1), "JOB STATE CODES".
_STAGES = {
    **dict.fromkeys(
        ("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD"),
        Stage.WAITING,
    ),
    **dict.fromkeys(
        ("RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING"), Stage.RUNNING
    ),
    **dict.fromkeys(
        ("COMPLETED", "FAILED", "TIMEOUT", "OUT_OF_MEMORY", "CANCELLED", "NODE_FAIL", "PREEMPTED", "BOOT_FAIL"),
        Stage.ENDED,
    ),
    **dict.fromkeys(("DEADLINE", "REVOKED"), Stage.ENDED),
}
# squeue(1), "JOB REASON CODES": with these a job waits until somebody changes the cluster, or the job.
_NEVER = re.compile(
    r"BadConstraints|PartitionConfig|PartitionNodeLimit|PartitionTimeLimit|DependencyNeverSatisfied|InvalidAccount"
    r"|InvalidQOS|AccountNotAllowed|QOSNotAllowed|AccountingPolicy|launch failed requeued held|\w+PerJobLimit"
)
_WAITING = {
    "JobHeldUser": "held in Slurm: it waits until somebody releases it (scontrol release)",
    "JobHeldAdmin": "held by an administrator of Slurm: it waits until it is released",
    "Priority": "waiting for jobs of a higher priority",
    "Resources": "waiting for resources",
    "PartitionDown": "waiting: the partition is down",
    "PartitionInactive": "waiting: the partition is inactive",
}
_ENDS = {
    "NODE_FAIL": Why("its node failed", interrupted=True),
    "PREEMPTED": Why("stopped by Slurm in favour of another job (preempted)", interrupted=True),
    "BOOT_FAIL": Why("its node did not start", interrupted=True),
    "DEADLINE": Why("Slurm could not end it before its deadline"),
    "REVOKED": Why("another cluster of the federation took it", interrupted=True),
}
# What slurmstepd writes into the job's slurm.log; it tells the reason also when nobody else knows any more.
_EVIDENCE = {
    "TIMEOUT": re.compile(r"DUE TO TIME LIMIT"),
    "OUT_OF_MEMORY": re.compile(
        r"oom[-_ ]kill|exceeded (?:job |step )?memory limit|exceeded its memory", re.IGNORECASE
    ),
    "NODE_FAIL": re.compile(r"DUE TO NODE FAILURE"),
    "PREEMPTED": re.compile(r"DUE TO PREEMPTION"),
    "CANCELLED": re.compile(r"\bJOB \S+ ON \S+ CANCELLED AT"),
}
_STEP_CANCELLED = re.compile(r"\bSTEP \S+ ON \S+ CANCELLED AT")  # by srun, too, when one worker fails
# ch-run; and a shell whose `exec` in launch.sh fails. What OCI runtimes say is what Docker passes on.
_NO_COMMAND = re.compile(r"can't exec(?:ve\(2\))?: .*: No such file|launch\.sh: .*: not found")
_NOT_EXECUTABLE = re.compile(
    r"can't exec(?:ve\(2\))?: .*: (?:Permission denied|Exec format error|Is a directory|Not a directory)"
    r"|launch\.sh: .*: (?:Permission denied|Exec format error|Is a directory|cannot execute.*)"
)
# Words of job.sh in the record of the end.
_ABORTED = "aborted"  # workers were ended, or did not begin: none of them failed by itself
_SCRIPT = {
    "no-launcher": "its node has no {program} (SLURM_LAUNCHER={launcher}), or not on its PATH",
    "no-temporary": "its node lets it make no temporary directory (TMPDIR)",
}


@dataclass(frozen=True)
class Exit:
    """The record that job.sh leaves. word: what it tells beside the status."""

    status: int
    word: str
    at: datetime


@dataclass(frozen=True)
class Seen:
    """All that is known of a job that Slurm does not run.

    slurm_log, launcher_log: what Slurm on the node, and the launcher, said last.
    """

    row: Row | None
    exit: Exit | None
    cancelled: bool = False
    slurm_log: str = ""
    launcher_log: str = ""


@dataclass(frozen=True)
class Site:
    """What reasons name. directory: the job's, as nodes see it."""

    launcher: str
    program: str
    directory: str


def stage_of(row: Row) -> Stage:
    """How far a job is; logs a warning for a state that is not in the manual."""
    stage = _STAGES.get(row.state, Stage.UNKNOWN)
    if stage is Stage.UNKNOWN and row.state:
        _log.warning("Slurm job %s is in the unknown state %r", row.id, row.state)
    return stage


def active(row: Row) -> tuple[JobStatus, str]:
    """The status and message of a job that has not ended."""
    stage = stage_of(row)
    if not row.state:
        return JobStatus.UNDEFINED, f"Slurm's answer about the job can't be read: {plain(row.unread)}"
    if stage is Stage.UNKNOWN:
        return JobStatus.UNDEFINED, f"Slurm says {row.state}, which pfcon does not know"
    if stage is Stage.RUNNING:
        return JobStatus.STARTED, "" if row.state in ("RUNNING", "COMPLETING") else row.state.lower()
    if never(row):
        return JobStatus.NOT_STARTED, f"Slurm says it can't run: {never_reason(row)}"
    return JobStatus.NOT_STARTED, _WAITING.get(row.reason, f"waiting: {row.reason}" if row.reason else "")


def never(row: Row) -> bool:
    """Whether a waiting job will not run as things are."""
    return stage_of(row) is Stage.WAITING and bool(_NEVER.search(row.reason))


def never_reason(row: Row) -> str:
    """Why, in a user's words and in Slurm's."""
    known = {
        "PartitionTimeLimit": "the partition allows less time",
        "BadConstraints": "no node has what it asks for",
        "PartitionConfig": "it asks for more than the partition's nodes have",
        "PartitionNodeLimit": "it asks for more nodes than the partition gives",
    }
    text = known.get(row.reason)
    return f"{text} ({row.reason})" if text else row.reason


def ended(spec: JobSpec, seen: Seen, site: Site) -> tuple[JobStatus, Why, datetime | None]:
    """Status, reason and time of the end. The script's own success counts; for the rest Slurm's state comes first."""
    row, exit_ = seen.row, seen.exit
    at = exit_.at if exit_ else row.end if row else None
    state = row.state if row else ""
    if (exit_ and exit_.status == 0) or (not exit_ and state == "COMPLETED"):
        return JobStatus.SUCCEEDED, Why(""), at
    if not row and not exit_ and not (seen.cancelled or _evident(seen)):
        return JobStatus.UNDEFINED, Why(""), None
    return JobStatus.FAILED, _reason(spec, seen, site), at


def _evident(seen: Seen) -> str:
    return next((state for state, pattern in _EVIDENCE.items() if pattern.search(seen.slurm_log)), "")


def _reason(spec: JobSpec, seen: Seen, site: Site) -> Why:
    word = seen.exit.word if seen.exit else ""
    state = seen.row.state if seen.row and seen.row.state not in ("", "FAILED", "COMPLETED") else _evident(seen)
    if word == _ABORTED and not state and _STEP_CANCELLED.search(seen.slurm_log):
        state = "CANCELLED"
    code = seen.exit.status if seen.exit else seen.row.code if seen.row else 0
    if word in _SCRIPT:
        why = Why(_SCRIPT[word].format(program=site.program, launcher=site.launcher))
    elif state == "OUT_OF_MEMORY":
        limit = spec.resources.memory
        what = f"its limit of {limit} MiB" if limit else "what Slurm gave it"
        why = Why(f"out of memory: the job exceeded {what}")
    elif seen.cancelled:
        why = Why("cancelled")
    elif state == "TIMEOUT":
        why = Why(_time_limit(spec.resources.minutes))
    elif state == "CANCELLED":
        by = f" by user {seen.row.by}" if seen.row and seen.row.by else ""
        why = Why(f"cancelled in Slurm{by}, not by pfcon")
    elif state in _ENDS:
        why = _ENDS[state]
    elif word == _ABORTED:
        said = seen.slurm_log.strip().rpartition("\n")[2]
        message = "Slurm ended its workers, or could not start them" + (f": {said}" if said else "")
        why = Why(message, interrupted=True)
    elif seen.row and seen.row.unread and not seen.exit:
        said = plain(seen.row.unread)
        why = Why(f"Slurm says {seen.row.state}; what else it says of the job can't be read: {said}")
    else:
        started = _start_failure(seen.launcher_log, spec)
        why = Why(started) if started else _by_code(code, spec, site)
    return why


def _time_limit(minutes: int | None) -> str:
    return "its time is over" if minutes is None else f"its time is over: the limit is {minutes} min"


def _start_failure(text: str, spec: JobSpec) -> str | None:
    image, command = spec.image, spec.argv[0]
    if _NO_COMMAND.search(text):
        return f"no such command in image {image}: {command}"
    if _NOT_EXECUTABLE.search(text):
        return f"not executable in image {image}: {command}"
    return start_failure(text.replace('\\"', '"'), image, command)


def _by_code(code: int, spec: JobSpec, site: Site) -> Why:
    if code == -NO_LOG:
        return Why(
            f"Slurm could not write the job's log: {site.directory} has to be there on the nodes (STOREBASE), and "
            "writable for the user who submits"
        )
    if code == OUTSIDE:
        return Why(
            "the job's script did not find its directory: it ran outside of its container (a node without oci.conf), "
            "or was started twice"
        )
    limit = mib_to_bytes(spec.resources.memory or 0)
    return Why(exit_message(128 - code if code < 0 else code, limit, oom_killed=False), was_killed(code))
