"""Jobs as the JSON that clients read."""

from datetime import datetime

from pfcon.models import JobInfo


def compute(info: JobInfo, jid: str, logs: str = "") -> dict[str, str]:
    """The ``compute`` object: all strings."""
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
    """ISO 8601, ``""`` for what has not happened."""
    return moment.isoformat() if moment else ""
