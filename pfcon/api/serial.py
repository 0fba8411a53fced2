"""Serialises jobs as JSON for clients."""

import math
from datetime import datetime

from pfcon.models import JobInfo
from pfcon.units import MIB


def compute(info: JobInfo, jid: str, logs: str = "") -> dict[str, str | int | None]:
    """Return the ``compute`` object. The values that clients of released versions read are strings.

    The others are ``""`` or None while they are not known: times in ISO 8601, an exit code, a size in MiB.
    """
    details = info.details
    return {
        "jid": jid,
        "image": info.image,
        "cmd": info.cmd,
        "status": info.status.value,
        "message": info.message,
        "timestamp": timestamp(info.finished_at),
        "logs": logs,
        "created": timestamp(info.created_at),
        "started": timestamp(details.started_at),
        "finished": timestamp(info.finished_at),
        "reason": info.reason,
        "exit_code": details.exit_code,
        "node": details.node or "",
        "image_digest": details.image_digest or "",
        "max_memory_mib": None if details.max_memory is None else math.ceil(details.max_memory / MIB),
    }


def timestamp(moment: datetime | None) -> str:
    """Return the moment in ISO 8601; ``""`` for None."""
    return moment.isoformat() if moment else ""
