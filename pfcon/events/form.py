"""The JSON of an event, the same in streams and for the webhook."""

from datetime import datetime

from pfcon.records.events import Event

Json = dict[str, str | int | None]


def event_json(event: Event) -> Json:
    """Return an event as a JSON object. Unknown times and an unknown reason are ``""``."""
    return {
        "id": event.id,
        "jid": event.jid,
        "kind": event.kind.value,
        "status": event.status,
        "reason": event.reason,
        "message": event.message,
        "exit_code": event.exit_code,
        "created": _iso(event.created_at),
        "started": _iso(event.started_at),
        "finished": _iso(event.finished_at),
        "time": _iso(event.at),
    }


def _iso(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""
