"""The JSON of an event, the same in streams and for the webhook."""

from datetime import datetime
from typing import Annotated, TypedDict

from pfcon.about import TIME, About, Created, ExitCode, Finished, Placed, ReasonCode, Started
from pfcon.models import JobKind
from pfcon.records.events import Event


class JobEvent(TypedDict):
    """A change of a job's status."""

    id: Annotated[int, About("larger than that of the event before")]
    jid: str
    kind: JobKind
    status: Annotated[str, About("the status of a job, or removed")]
    reason: ReasonCode
    message: Annotated[str, About("the message of the job at that time, at most 1,000 characters")]
    exit_code: ExitCode
    created: Created
    placed: Placed
    started: Started
    finished: Finished
    time: Annotated[str, About("when pfcon has recorded the change", TIME)]


def event_json(event: Event) -> JobEvent:
    """Return an event as a JSON object. Unknown times and an unknown reason are ``""``."""
    return {
        "id": event.id,
        "jid": event.jid,
        "kind": event.kind,
        "status": event.status,
        "reason": event.reason,
        "message": event.message,
        "exit_code": event.exit_code,
        "created": _iso(event.created_at),
        "placed": _iso(event.placed_at),
        "started": _iso(event.started_at),
        "finished": _iso(event.finished_at),
        "time": _iso(event.at),
    }


def _iso(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""
