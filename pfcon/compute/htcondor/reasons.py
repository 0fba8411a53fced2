"""Why an HTCondor job has failed: by its script, HTCondor, the runtime or the exit code, in that order. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from pfcon.compute.exits import at_time_limit, by_engine, by_exit_code
from pfcon.compute.htcondor.parsing import Row
from pfcon.compute.htcondor.spec import MEMORY_SUBCODE
from pfcon.compute.htcondor.state import COMPLETED, HELD, IDLE, REMOVED
from pfcon.compute.slurm.reasons import OUTSIDE, Seen, Site, script_failure
from pfcon.compute.slurm.reasons import reason_of as reason_of_script
from pfcon.compute.words import plain
from pfcon.models import JobSpec
from pfcon.reasons import Reason, Why, explain
from pfcon.units import mib_to_bytes

# "HoldReasonCode" in the manual
_USER_REQUEST, _NO_PROCESS, _OUT_OF_RESOURCES = 1, 6, 34
_TIME_LIMITS = (46, 47)
_DISK_SUBCODE = 104  # of HTCondor's own policy HOLD_IF_DISK_EXCEEDED
_MEMORY = re.compile(r"\bmemory\b", re.IGNORECASE)
_USER = re.compile(r"\(by user ([^)@\s]+)(?:@[^)\s]*)?\)")
_LOST = re.compile(r"lease|lost contact|reconnect|disconnect|can't connect|shadow exception", re.IGNORECASE)
_PREEMPTED = re.compile(r"preempt", re.IGNORECASE)
_AGAIN = "HTCondor put it back in its queue, and it does not run twice"


@dataclass(frozen=True)
class _End:
    """A job that has failed."""

    spec: JobSpec
    row: Row
    seen: Seen
    site: Site


def reason_of(spec: JobSpec, row: Row | None, seen: Seen, site: Site) -> Why:
    """Return why a job has failed. seen: what its script and launcher report; it has no row."""
    end = _End(spec, row or Row("", ""), seen, site)
    return next((why for rule in _RULES if (why := rule(end))), None) or reason_of_script(spec, seen, site)


def at_limit(row: Row | None) -> bool:
    """Return whether HTCondor has stopped a job at its time limit."""
    return row is not None and row.state == HELD and row.hold[0] in _TIME_LIMITS


def _by_script(end: _End) -> Why | None:
    return script_failure(end.seen, end.site)


def _out_of_memory(end: _End) -> Why | None:
    code, subcode = end.row.hold
    held = end.row.state == HELD and (
        (code == _OUT_OF_RESOURCES and bool(_MEMORY.search(end.row.hold_reason))) or subcode == MEMORY_SUBCODE
    )
    return explain(Reason.OUT_OF_MEMORY, limit=end.spec.resources.memory) if held else None


def _by_pfcon(end: _End) -> Why | None:
    return end.seen.cancelled or None


def _timeout(end: _End) -> Why | None:
    return at_time_limit(end.spec.resources.time_limit) if at_limit(end.row) else None


def _removed(end: _End) -> Why | None:
    if end.row.state != REMOVED or end.row.completed:
        return None
    user = _USER.search(end.row.remove_reason)
    if user or not end.row.remove_reason:
        return explain(Reason.STOPPED_OUTSIDE, engine="HTCondor", user=user[1] if user else "")
    return by_engine(plain(end.row.remove_reason))


def _held(end: _End) -> Why | None:
    row = end.row
    if row.state != HELD:
        return None
    if row.hold[0] == _USER_REQUEST:
        user = _USER.search(row.hold_reason)
        return explain(Reason.STOPPED_OUTSIDE, engine="HTCondor", user=user[1] if user else "")
    if row.hold[0] == _NO_PROCESS:
        return explain(Reason.ENGINE_SETUP, cause=f"HTCondor: {plain(row.hold_reason)}", detail=row.hold_reason)
    if row.hold[1] == _DISK_SUBCODE or row.hold[0] == _OUT_OF_RESOURCES:
        return explain(Reason.EVICTED, cause=plain(row.hold_reason))
    return by_engine(plain(row.hold_reason))


def _queued_again(end: _End) -> Why | None:
    row = end.row
    if row.state != IDLE:
        return None
    if _PREEMPTED.search(row.vacate_reason):
        return explain(Reason.PREEMPTED, interrupted=True)
    if _LOST.search(row.vacate_reason):
        return explain(Reason.NODE_LOST, node=end.seen.node or row.last_host, interrupted=True)
    said = plain(row.vacate_reason)
    cause = f"{_AGAIN}: {said}" if said else _AGAIN
    return explain(Reason.INTERRUPTED, cause=cause, interrupted=True)


def _script_lost(end: _End) -> Why | None:
    """The script has not written its end: it was killed, or was run a second time, in which it does nothing."""
    code = end.row.code
    if not (end.row.state == COMPLETED or end.row.completed) or end.seen.exit or code is None:
        return None
    if code == OUTSIDE:
        return explain(Reason.INTERRUPTED, cause=_AGAIN, interrupted=True)
    limit = mib_to_bytes(end.spec.resources.memory or 0)
    return by_exit_code(code, limit, certain=code < 0, may_be_lost=False)


# The first reason counts.
_RULES: tuple[Callable[[_End], Why | None], ...] = (
    _by_script,
    _out_of_memory,
    _by_pfcon,
    _timeout,
    _removed,
    _held,
    _queued_again,
    _script_lost,
)


def site_of(launcher: str, program: str, directory: str) -> Site:
    """Return the names for messages."""
    return Site(launcher, program, directory, "HTCONDOR_LAUNCHER")
