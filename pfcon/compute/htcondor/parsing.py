"""Parses the output of HTCondor's commands: ClassAds as JSON. Pure."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from pfcon.compute.htcondor.commands import where
from pfcon.compute.htcondor.settings import HTCondorSettings
from pfcon.compute.unreadable import note
from pfcon.compute.words import plain
from pfcon.errors import Unreachable

MARKER = "PfconMarker"  # the attribute of each job that names its directory
T = TypeVar("T")
_ATTRIBUTES = (
    *("ClusterId", "ProcId", "JobStatus", MARKER, "NumJobStarts", "RemoteHost", "LastRemoteHost", "HoldReasonCode"),
    *("HoldReasonSubCode", "HoldReason", "RemoveReason", "VacateReason", "ExitCode", "ExitBySignal", "ExitSignal"),
    *("EnteredCurrentStatus", "QDate", "CompletionDate"),
)


@dataclass(frozen=True)
class Row:
    """One worker of a job. id: CLUSTER.WORKER. state: JobStatus as text.

    host: the machine on which it runs; last_host: on which it has run.
    starts: how often it has run; the schedd may count a run only after it has ended. code: an exit code, or minus the
    signal; None before its end. hold: HoldReasonCode, and the subcode. unread: as in ``QueuedJob``. queued: since when
    it is in the queue; since: in its state; both None if unknown. completed: it has ended by itself, even if it was
    removed from the queue later.
    """

    id: str
    state: str
    marker: str = ""
    host: str = ""
    last_host: str = ""
    starts: int = 0
    code: int | None = None
    hold: tuple[int, int] = (0, 0)
    hold_reason: str = ""
    remove_reason: str = ""
    vacate_reason: str = ""
    queued: datetime | None = None
    since: datetime | None = None
    unread: str = ""
    completed: bool = False


def queue_command(settings: HTCondorSettings) -> list[str]:
    """Return the command that lists all jobs of pfcon that the schedd still has."""
    return ["condor_q", *where(settings), "-constraint", f"{MARKER} isnt undefined", *_JSON]


def history_command(settings: HTCondorSettings, number: str) -> list[str]:
    """Return the command that requests one worker (``Row.id``) that has left the queue."""
    cluster, _, worker = number.partition(".")
    constraint = f"ClusterId == {cluster} && ProcId == {worker}"
    return ["condor_history", *where(settings), "-constraint", constraint, "-limit", "1", *_JSON]


_JSON = ["-json", "-attributes", ",".join(_ATTRIBUTES)]


def rows(text: str) -> Iterator[Row]:
    """Parse the output of ``queue_command`` or ``history_command``, which is empty without jobs. Raises Unreachable."""
    for ad in ads(text):
        cluster, worker = ad.get("ClusterId"), ad.get("ProcId", 0)
        if isinstance(cluster, int) and isinstance(worker, int):
            yield _row(f"{cluster}.{worker}", ad)


def ads(text: str) -> list[dict[str, Any]]:
    """Parse ClassAds as JSON; an empty text has none. Raises Unreachable for any other text."""
    try:
        found = json.loads(text) if text.strip() else []
    except (ValueError, RecursionError):
        raise Unreachable(f"HTCondor's answer can't be read: {plain(text[:200])}") from None
    return [ad for ad in found if isinstance(ad, dict)] if isinstance(found, list) else []


def _row(number: str, ad: dict[str, Any]) -> Row:
    state = ad.get("JobStatus")
    marker = _of(ad, MARKER, str) or ""
    if not isinstance(state, int):
        text = json.dumps(ad)
        note(f"HTCondor's answer has a job without a state: {text}")
        return Row(number, "", marker, unread=text)
    return Row(
        number,
        str(state),
        marker,
        host=_machine(ad, "RemoteHost"),
        last_host=_machine(ad, "LastRemoteHost"),
        starts=_of(ad, "NumJobStarts", int) or 0,
        code=_code(ad),
        hold=(_of(ad, "HoldReasonCode", int) or 0, _of(ad, "HoldReasonSubCode", int) or 0),
        hold_reason=_of(ad, "HoldReason", str) or "",
        remove_reason=_of(ad, "RemoveReason", str) or "",
        vacate_reason=_of(ad, "VacateReason", str) or "",
        queued=_time(ad, "QDate"),
        since=_time(ad, "EnteredCurrentStatus"),
        completed=bool(_of(ad, "CompletionDate", int)),
    )


def _of(ad: dict[str, Any], name: str, kind: Callable[..., T]) -> T | None:
    """Return an attribute if it has that type; an expression is a text of its own form."""
    value = ad.get(name)
    return value if type(value) is kind else None


def _machine(ad: dict[str, Any], name: str) -> str:
    """Return the machine of a slot, ``slot1_1@host``."""
    return (_of(ad, name, str) or "").rpartition("@")[2]


def _code(ad: dict[str, Any]) -> int | None:
    if ad.get("ExitBySignal") is True:
        number = _of(ad, "ExitSignal", int)
        return None if number is None else -number
    return _of(ad, "ExitCode", int)


def _time(ad: dict[str, Any], name: str) -> datetime | None:
    value = _of(ad, name, int)
    return datetime.fromtimestamp(value, UTC) if value else None
