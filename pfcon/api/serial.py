"""Serialises jobs as JSON for clients."""

from datetime import datetime

from pfcon.models import JobInfo


def compute(info: JobInfo, jid: str, logs: str = "") -> dict[str, str]:
    """Return the ``compute`` object; all values are strings."""
    return {
        "jid": jid,
        "image": info.image,
        "cmd": info.cmd,
        "status": info.status.value,
        "message": info.message,
        "timestamp": timestamp(info.finished_at),
        "logs": logs,
    }


def timestamp(moment: datetime | None) -> str:
    """Return the moment in ISO 8601; ``""`` for None."""
    return moment.isoformat() if moment else ""
