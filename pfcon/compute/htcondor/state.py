"""The stage of an HTCondor job, and what it waits for. Pure."""

from enum import Enum

from pfcon.compute.htcondor.parsing import Row
from pfcon.compute.unreadable import note
from pfcon.compute.words import plain
from pfcon.models import JobStatus
from pfcon.reasons import SUCCESS, Reason, Why, explain

IDLE, REMOVED, COMPLETED, HELD = "1", "3", "4", "5"
SUSPENDED = "7"
_RUNNING = ("2", "6", SUSPENDED)  # 6: its output is transferred
# HoldReasonCode of a job that waits until a person or the site's policy releases it ("HoldReasonCode" in the manual):
# UserRequest, JobPolicy, JobPolicyUndefined, SubmittedOnHold, SpoolingInput, SystemPolicy, SystemPolicyUndefined.
_RELEASED = frozenset({1, 3, 5, 15, 16, 26, 27})


class Stage(Enum):
    """The stage of a job."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"
    UNKNOWN = "unknown"


def stage_of(row: Row) -> Stage:
    """Return the stage of a job ("JobStatus" in the manual); log a warning for a state that is not there.

    A removed or held job runs until it has no host any more. A job that was put back in the queue after it has run,
    or that is held after that, does not run a second time: it has ended.
    """
    if row.state in _RUNNING:
        return Stage.RUNNING
    if row.state == COMPLETED:
        return Stage.ENDED
    if row.state in (REMOVED, HELD) and row.host:
        return Stage.RUNNING
    if row.state == REMOVED:
        return Stage.ENDED
    if row.state in (IDLE, HELD):
        return Stage.ENDED if row.starts else Stage.WAITING
    if row.state:
        note(f"HTCondor job {row.id} is in the unknown state {row.state!r}")
    return Stage.UNKNOWN


def active(row: Row) -> tuple[JobStatus, Why]:
    """Return the status of a job that has not ended, and what it waits for."""
    stage = stage_of(row)
    if not row.state:
        return JobStatus.UNDEFINED, Why(f"HTCondor's answer about the job can't be read: {plain(row.unread)}")
    if stage is Stage.UNKNOWN:
        return JobStatus.UNDEFINED, Why(f"HTCondor reports the state {row.state}, which pfcon does not know")
    if stage is Stage.RUNNING:
        return JobStatus.STARTED, Why("suspended") if row.state == SUSPENDED else SUCCESS
    if row.state == HELD:
        return JobStatus.NOT_STARTED, never_runs(row) if can_never_run(row) else _held(row)
    return JobStatus.NOT_STARTED, SUCCESS


def _held(row: Row) -> Why:
    cause = plain(row.hold_reason) or "no reason is given"
    return Why(f"held in HTCondor ({cause}): it waits until it is released (condor_release)", detail=row.hold_reason)


def can_never_run(row: Row) -> bool:
    """Return whether a waiting job is held because it could not be started."""
    return row.state == HELD and stage_of(row) is Stage.WAITING and row.hold[0] not in _RELEASED


def never_runs(row: Row) -> Why:
    """Return why a held job could not be started."""
    return explain(Reason.ENGINE_SETUP, cause=f"HTCondor: {plain(row.hold_reason)}", detail=row.hold_reason)
