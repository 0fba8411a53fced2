"""The stage and the end of a Slurm job. Pure."""

import re
from datetime import datetime
from enum import Enum

from pfcon.compute.exits import out_of_memory_note
from pfcon.compute.slurm.parsing import Row
from pfcon.compute.slurm.reasons import Seen, Site, evident_state, has_succeeded, ran_out_of_memory, reason_of
from pfcon.compute.unreadable import note
from pfcon.compute.words import plain
from pfcon.models import JobSpec, JobStatus
from pfcon.reasons import SUCCESS, Reason, Why, explain
from pfcon.units import mib_to_bytes


class Stage(Enum):
    """The stage of a Slurm job."""

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
# squeue(1), "JOB REASON CODES": with these a job waits until the cluster or the job is changed.
_NEVER = re.compile(
    r"BadConstraints|PartitionConfig|PartitionNodeLimit|PartitionTimeLimit|DependencyNeverSatisfied|InvalidAccount"
    r"|InvalidQOS|AccountNotAllowed|QOSNotAllowed|AccountingPolicy|launch failed requeued held|\w+PerJobLimit"
)
_LIMITS = ("Assoc", "QOS")  # of an account, or of a quality of service, as AssocGrpCpuLimit
_AWAY = ("ReqNodeNotAvail", "Nodes required for job are")  # of nodes that are down, drained or reserved
_WAITING = {
    "JobHeldUser": "held in Slurm: it waits until somebody releases it (scontrol release)",
    "JobHeldAdmin": "held by an administrator of Slurm: it waits until it is released",
    "Priority": "waiting for its turn in Slurm",
    "PartitionDown": "waiting: the partition is down",
    "PartitionInactive": "waiting: the partition is inactive",
}


def stage_of(row: Row) -> Stage:
    """Return the stage of a job; log a warning for a state that is not in the manual."""
    stage = _STAGES.get(row.state, Stage.UNKNOWN)
    if stage is Stage.UNKNOWN and row.state:
        note(f"Slurm job {row.id} is in the unknown state {row.state!r}")
    return stage


def active(row: Row, selected: str = "") -> tuple[JobStatus, Why]:
    """Return the status of a job that has not ended, and what it waits for. selected: ``SlurmSettings.selected``."""
    stage = stage_of(row)
    if not row.state:
        return JobStatus.UNDEFINED, Why(f"Slurm's answer about the job can't be read: {plain(row.unread)}")
    if stage is Stage.UNKNOWN:
        return JobStatus.UNDEFINED, Why(f"Slurm reports the state {row.state}, which pfcon does not know")
    if stage is Stage.RUNNING:
        return JobStatus.STARTED, SUCCESS if row.state in ("RUNNING", "COMPLETING") else Why(row.state.lower())
    return JobStatus.NOT_STARTED, never_runs(row, selected) if can_never_run(row) else _wait_of(row.reason, selected)


def _wait_of(named: str, selected: str) -> Why:
    """Return what a job waits for. named: Slurm's code."""
    if named == "Resources":
        cause = "too few free processors, machines or too little memory"
        return explain(Reason.UNSCHEDULABLE, cause=f"{cause}, with {selected}" if selected else cause)
    if selected and named.startswith(_AWAY):
        return explain(Reason.UNSCHEDULABLE, cause=f"the machines with {selected} are not available", detail=named)
    if named.startswith(_LIMITS):
        return explain(Reason.QUOTA_EXCEEDED, cause=f"{named} in Slurm", detail=named)
    return Why(_WAITING.get(named, f"waiting: {named}" if named else ""))


def can_never_run(row: Row) -> bool:
    """Return whether a waiting job can't run unless the cluster or the job is changed."""
    return stage_of(row) is Stage.WAITING and bool(_NEVER.search(row.reason))


def never_runs(row: Row, selected: str = "") -> Why:
    """Return why a job can't run unless the cluster or the job is changed. selected: ``SlurmSettings.selected``."""
    known = {
        "PartitionTimeLimit": "the partition allows less time",
        "BadConstraints": "no machine has what it requests" + (f", with {selected}" if selected else ""),
        "PartitionConfig": "it requests more than the machines of the partition have",
        "PartitionNodeLimit": "it requests more machines than the partition allows",
    }
    return explain(Reason.UNSCHEDULABLE, never=known.get(row.reason, f"{row.reason} in Slurm"), detail=row.reason)


def success_note(spec: JobSpec, slurm_log: str) -> Why:
    """Return what the user of a job that succeeded should know; empty if nothing."""
    if not ran_out_of_memory(slurm_log):
        return SUCCESS
    return Why(out_of_memory_note(mib_to_bytes(spec.resources.memory or 0)))


def ended(spec: JobSpec, seen: Seen, site: Site) -> tuple[JobStatus, Why, datetime | None]:
    """Return status, reason and time of the end. The script's success counts, unless Slurm had to stop the job at its
    time limit; otherwise Slurm's state comes first.
    """
    row, exit_ = seen.row, seen.exit
    at = exit_.at if exit_ else row.end if row else None
    state = row.state if row else ""
    if has_succeeded(exit_, seen.slurm_log) or (not exit_ and state == "COMPLETED"):
        return JobStatus.SUCCEEDED, success_note(spec, seen.slurm_log), at
    if not row and not exit_ and not (seen.cancelled or evident_state(seen)):
        return JobStatus.UNDEFINED, SUCCESS, None
    return JobStatus.FAILED, reason_of(spec, seen, site), at
